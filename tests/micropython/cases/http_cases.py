# Downloads: addresses, redirects, lost connections, and servers that lie.
import bench
import chip
import internet
import ota
import ota.update
from bench import NEW, OLD, equal, new_device, raises, reset, sha, untouched
from internet import Server

URL = "http://nas/fw/new.app-bin"
PATH = "/fw/new.app-bin"


def serve(data=NEW, host="nas", port=80, path=PATH):
    server = Server(host, port)
    server.files[path] = data
    return server


def fetch(url=URL, **options):
    return ota.update.from_file(url, verbose=False, reboot=False, **options)


def test_an_address_is_installed():
    new_device()
    server = serve()
    equal(fetch(), len(NEW))
    equal(len(server.requests), 1)
    path, headers = server.requests[0]
    equal(path, PATH)
    equal(headers, {"host": "nas", "connection": "close", "accept-encoding": "identity"})
    equal(internet.open_sockets, 0)
    assert reset().runs(NEW)


def test_addresses_with_port_query_and_no_path_are_asked_for_as_they_are():
    for url, host, port, path, place in (
        ("http://nas:8080/a/b?c=d#e", "nas", 8080, "/a/b?c=d", "nas:8080"),
        ("http://nas", "nas", 80, "/", "nas"),
        ("http://nas?x", "nas", 80, "/?x", "nas"),
        ("http://[fe80::1]:81/x", "fe80::1", 81, "/x", "[fe80::1]:81"),
    ):
        new_device()
        server = serve(host=host, port=port, path=path.split("?")[0])
        fetch(url)
        equal(server.requests[0][0], path)
        equal(server.requests[0][1]["host"], place)


def test_addresses_that_are_none_are_refused():
    device = new_device()
    for url in ("http://", "http://nas:x/", "http:///x"):
        raises(ota.DownloadError, "not an address", fetch, url)
    for url in ("http://nas/a b", "http://nas/a\r\nHost: other", "http://n\xe4s/"):
        raises(ota.DownloadError, "not allowed", fetch, url)
    raises(ota.DownloadError, "pass auth=", fetch, "http://me:secret@nas/x")
    untouched(device)


def test_user_password_and_headers_are_sent():
    new_device()
    server = serve()
    fetch(auth=("user", "password"), headers={"X-Device": "7"})
    equal(server.requests[0][1]["authorization"], "Basic dXNlcjpwYXNzd29yZA==")
    equal(server.requests[0][1]["x-device"], "7")
    for value in ("1\r\nY: 2", "1\rY: 2", "1\nY: 2"):
        raises(ota.DownloadError, "line break", fetch, headers={"X": value}, allow="any")


def test_an_unknown_host_is_given_up_after_some_tries():
    device = new_device()
    error = raises(ota.DownloadError, "gave up after 6 tries", fetch, "http://nowhere/x")
    equal(internet.slept, [1000, 2000, 4000, 8000, 16000])
    untouched(device)
    internet.slept.clear()
    raises(ota.DownloadError, "gave up after 9 tries", fetch, "http://nowhere/x", retries=8)
    equal(internet.slept[-3:], [30000, 30000, 30000])
    raises(ota.DownloadError, "gave up after 1 tries", fetch, "http://nowhere/x", retries=0)


def test_an_answer_that_says_no_is_an_error_at_once():
    for status in (400, 401, 403, 404, 410, 204, 206, 304):
        device = new_device()
        serve().script = [{"status": status}]
        raises(ota.DownloadError, "answered %d for %s" % (status, URL), fetch)
        equal(internet.slept, [])
        untouched(device)


def test_a_server_that_is_busy_is_asked_again():
    for status in (408, 429, 500, 503):
        new_device()
        server = serve()
        server.script = [{"status": status}, {"refuse": 111}, {}]
        equal(fetch(), len(NEW))
        equal(internet.slept, [1000, 2000])
        assert reset().runs(NEW)


def test_a_lost_connection_is_taken_up_where_it_broke():
    for error in (None, 104, 110):
        new_device()
        server = serve()
        server.script = [{"cut": 5000, "error": error}, {"refuse": 111}, {"cut": 3000, "error": error}, {}]
        equal(fetch(sha=sha(NEW)), len(NEW))
        equal(len(server.requests), 3)
        starts = [int(headers["range"][6:-1]) for _, headers in server.requests[1:]]
        # What an error takes with it is less than a kilobyte.
        assert 4000 < starts[0] <= 5000 and starts[0] + 2000 < starts[1] <= starts[0] + 3000, starts
        equal(server.requests[1][1]["if-range"], '"one"')
        equal(internet.open_sockets, 0)
        assert reset().runs(NEW)


def test_a_connection_that_breaks_all_the_time_is_taken_up_as_long_as_something_comes():
    new_device()
    server = serve()
    server.script = [{"cut": 4500}]
    equal(fetch(retries=1), len(NEW))
    assert reset().runs(NEW)


def test_a_connection_that_brings_nothing_any_more_is_given_up():
    device = new_device()
    server = serve()
    server.script = [{"cut": 5000}, {"cut": 0}]
    raises(ota.DownloadError, "gave up after 4 tries, 5000 bytes of %d received" % len(NEW), fetch, retries=3)
    equal(len(server.requests), 4)
    equal(internet.open_sockets, 0)
    assert reset().runs(OLD)


def test_a_connection_that_brings_a_byte_each_time_is_given_up():
    new_device()
    server = serve()
    server.script = [{"cut": 1}]
    raises(ota.DownloadError, "gave up after 6 tries", fetch)


def test_a_server_that_ignores_range_sends_again_what_is_there_already():
    for known in ("", sha(NEW)):
        new_device()
        server = serve()
        server.ranges = False
        server.script = [{"cut": 5000}, {"cut": 9000}, {}]
        equal(fetch(sha=known), len(NEW))
        assert reset().runs(NEW)


def test_without_etag_and_date_only_a_known_sha_makes_it_go_on():
    for ranges in (True, False):
        device = new_device()
        server = serve()
        server.etag = None
        server.ranges = ranges
        server.script = [{"cut": 5000}, {}]
        raises(ota.DownloadError, "gives no ETag", fetch)
        assert reset().runs(OLD)
        new_device()
        server = serve()
        server.etag = None
        server.ranges = ranges
        server.script = [{"cut": 5000}, {}]
        fetch(sha=sha(NEW))
        assert reset().runs(NEW)


def test_last_modified_does_where_there_is_no_etag():
    new_device()
    server = serve()
    server.etag = None
    server.date = "Wed, 21 Oct 2026 07:28:00 GMT"
    server.script = [{"cut": 5000}, {}]
    fetch()
    equal(server.requests[1][1]["if-range"], server.date)
    assert reset().runs(NEW)


def test_a_weak_etag_is_compared_and_not_sent():
    new_device()
    server = serve()
    server.etag = 'W/"weak"'
    server.script = [{"cut": 5000}, {}]
    fetch()
    assert "if-range" not in server.requests[1][1]
    assert reset().runs(NEW)


def test_a_file_that_changes_during_the_download_is_given_up():
    other = chip.image(len(NEW), version="1.2.0", secure=1, seed=7)
    shorter = chip.image(4096, version="1.2.0", secure=1, seed=7)
    for ranges in (True, False):
        for etag in ('"two"', None):
            for body in (other, shorter):
                for known in ("", sha(NEW)):
                    device = new_device()
                    server = serve()
                    server.ranges = ranges
                    server.script = [{"cut": 5000}, {"etag": etag, "body": body}]
                    kind = ota.DownloadError
                    if known and etag is None and body is other:
                        kind = ota.IntegrityError
                    raises(kind, "", fetch, sha=known)
                    assert reset().runs(OLD)


def test_a_file_that_has_another_length_after_a_break_is_given_up():
    for ranges in (True, False):
        new_device()
        server = serve()
        server.etag = None
        server.ranges = ranges
        server.script = [{"cut": 5000}, {"body": NEW + bytes(16)}]
        raises(ota.DownloadError, "its length is another", fetch, sha=sha(NEW))


def test_a_part_that_was_not_asked_for_is_refused():
    good = "bytes 5000-%d/%d" % (len(NEW) - 1, len(NEW))
    for span in ("", "bytes", "bytes 4999-%d/%d" % (len(NEW) - 1, len(NEW)), "bytes 5000-4999/*", "bytes x-y/z", "bytes 5000-/9", "items 5000-9/10"):
        new_device()
        server = serve()
        raw = ("HTTP/1.1 206 X\r\nContent-Range: %s\r\nContent-Length: 6264\r\n\r\n" % span).encode() + NEW[5000:]
        server.script = [{"cut": 5000}, {"raw": raw}]
        raises(ota.DownloadError, "the server sent", fetch)
    new_device()
    server = serve()
    raw = ("HTTP/1.1 206 X\r\nContent-Range: %s\r\nContent-Length: 6264\r\n\r\n" % good).encode() + NEW[5000:]
    server.script = [{"cut": 5000}, {"raw": raw}]
    fetch()
    assert reset().runs(NEW)


def test_a_part_of_the_part_is_taken_and_the_rest_asked_for():
    new_device()
    server = serve()
    raw = b"HTTP/1.1 206 X\r\nContent-Range: bytes 5000-5999/%d\r\nContent-Length: 1000\r\n\r\n" % len(NEW) + NEW[5000:6000]
    server.script = [{"cut": 5000}, {"raw": raw}, {}]
    fetch()
    equal(server.requests[2][1]["range"], "bytes=6000-")
    assert reset().runs(NEW)


def test_chunks_are_put_together_and_taken_up_after_a_break():
    short = chip.image(1024, version="1.1.0", secure=1)
    for size, data in ((1, short), (100, NEW), (4096, NEW), (5000, NEW), (100000, NEW)):
        for cut in (None, len(data) // 2):
            new_device()
            server = serve(data)
            server.chunk = size
            if cut:
                server.script = [{"cut": cut}, {}]
            fetch(sha=sha(data))
            equal(len(server.requests), 2 if cut else 1)
            assert reset().runs(data)


def test_chunks_that_make_no_sense_are_refused():
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    for body in (b"xyz\r\n", b"-5\r\nabcde\r\n", b"\r\n", b"fffffffffff\r\n", b"5\r\nabcdefgh\r\n", b"+5\r\nabcde\r\n"):
        device = new_device()
        serve().script = [{"raw": head + body}]
        raises(ota.DownloadError, "the server", fetch)
        untouched(device)


def test_a_body_that_ends_with_the_connection_is_taken():
    new_device()
    serve().script = [{"length": False}]
    fetch()
    assert reset().runs(NEW)
    # And a truncated one is found, if by nothing else by the device.
    for options, kind in (({}, ota.ImageError), ({"length": len(NEW)}, ota.IntegrityError)):
        device = new_device()
        serve().script = [{"length": False, "cut": 5000}]
        raises(kind, "", fetch, **options)
        assert reset().runs(OLD)


def test_content_lengths_that_lie_do_no_harm():
    # Shorter than the file: the image is cut off.
    device = new_device()
    serve().script = [{"claim": 8000}]
    raises(ota.ImageError, "ESP-IDF refuses", fetch)
    assert reset().runs(OLD)
    # Other than what is expected: nothing is erased.
    for claim in (8000, len(NEW) + 1):
        device = new_device()
        serve().script = [{"claim": claim}]
        raises(ota.IntegrityError, "%d bytes are promised, %d are expected" % (claim, len(NEW)), fetch, length=len(NEW))
        untouched(device)
    # Longer than the file: the connection ends before it, and so does each that follows.
    device = new_device()
    server = serve()
    server.script = [{"claim": len(NEW) + 100}]
    raises(ota.DownloadError, "", fetch)
    assert reset().runs(OLD)
    # Longer than the slot: nothing is erased.
    device = new_device()
    serve().script = [{"claim": 4000000000}]
    raises(ota.ImageError, "4000000000 bytes do not fit into 'ota_1'", fetch)
    untouched(device)


def test_lengths_that_are_no_numbers_or_disagree_are_refused():
    for lines in ("Content-Length: -1", "Content-Length: 1e5", "Content-Length: 99999999999", "Content-Length:", "Content-Length: 5\r\nContent-Length: 6"):
        device = new_device()
        serve().script = [{"raw": ("HTTP/1.1 200 X\r\n%s\r\n\r\n" % lines).encode() + NEW}]
        raises(ota.DownloadError, "the server", fetch)
        untouched(device)


def test_header_bombs_are_bounded():
    for bomb in (b"X: " + b"a" * 17000, b"X: y\r\n" * 3000, b"a" * 17000):
        device = new_device()
        server = serve()
        server.script = [{"raw": b"HTTP/1.1 200 X\r\n" + bomb + b"\r\n\r\n" + NEW}]
        raises(ota.DownloadError, "headers are longer than 16384 bytes", fetch)
        untouched(device)


def test_a_long_header_that_does_not_matter_is_passed_over():
    new_device()
    serve().headers.append("Content-Security-Policy: " + "x" * 6000 + ": content-length: 5")
    fetch()
    assert reset().runs(NEW)


def test_a_header_that_matters_and_is_too_long_is_refused():
    device = new_device()
    serve().script = [{"raw": b"HTTP/1.1 302 X\r\nLocation: http://nas/" + b"a" * 3000 + b"\r\n\r\n"}]
    raises(ota.DownloadError, "location header makes no sense", fetch)
    untouched(device)


def test_what_is_not_http_is_refused():
    for raw in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x16"):
        device = new_device()
        serve().script = [{"raw": raw}]
        raises(ota.DownloadError, "does not speak HTTP/1.1", fetch)
        untouched(device)


def test_an_empty_answer_is_a_lost_connection():
    new_device()
    server = serve()
    server.script = [{"raw": b""}, {"raw": b"HTTP/1.1 200 X\r\nContent-"}, {}]
    fetch()
    assert reset().runs(NEW)


def test_100_continue_is_passed_over():
    new_device()
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(NEW)
    serve().script = [{"raw": head + NEW}]
    fetch()
    assert reset().runs(NEW)


def test_encodings_that_nobody_asked_for_are_refused():
    for header in ("Content-Encoding: gzip", "Transfer-Encoding: gzip, chunked"):
        device = new_device()
        serve().headers.append(header)
        raises(ota.DownloadError, "gzip", fetch)
        untouched(device)


def redirect(to, status=302):
    return {"status": status, "headers": ["Location: " + to]}


def test_redirects_are_followed_and_start_again_after_a_break():
    for status in (301, 302, 303, 307, 308):
        new_device()
        server = serve()
        server.script = [redirect("/elsewhere", status), redirect("http://files/x?signed=1", status)]
        files = serve(host="files", path="/x")
        files.script = [{"cut": 5000}, {}]
        # The address of the last hop may have expired: everything begins at the first.
        server.script += [redirect("http://files/x?signed=2", status)]
        fetch()
        equal([path for path, _ in server.requests], [PATH, "/elsewhere", PATH])
        equal([path for path, _ in files.requests], ["/x?signed=1", "/x?signed=2"])
        equal(files.requests[1][1]["range"], "bytes=5000-")
        assert reset().runs(NEW)


def test_redirects_without_end_or_without_an_address_are_refused():
    device = new_device()
    server = serve()
    server.script = [redirect(URL)]
    raises(ota.DownloadError, "more than 5 redirects", fetch)
    equal(len(server.requests), 6)
    server.script = [{"status": 302}]
    raises(ota.DownloadError, "without saying where to", fetch)
    server.script = [redirect("ftp://x/y")]
    raises(ota.DownloadError, "neither an http nor an https address", fetch)
    untouched(device)


def test_a_password_does_not_follow_a_redirect_to_another_server():
    new_device()
    server = serve()
    server.script = [redirect("/here"), redirect("http://files/x")]
    files = serve(host="files", path="/x")
    fetch(auth=("user", "password"), headers={"X-Token": "t"})
    assert "authorization" in server.requests[1][1] and "x-token" in server.requests[1][1]
    assert "authorization" not in files.requests[0][1] and "x-token" not in files.requests[0][1]


def secure(host="nas", path=PATH):
    server = serve(host=host, port=443, path=path)
    server.certificate = ("CA", host)
    return server


def test_https_with_a_certificate_is_checked():
    new_device()
    secure()
    fetch("https://nas/fw/new.app-bin", cadata="CA")
    equal(internet.checked, [True])
    assert reset().runs(NEW)


def test_https_with_a_context_of_the_caller_uses_that():
    import ssl

    new_device()
    secure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations("CA")
    fetch("https://nas/fw/new.app-bin", context=context)
    equal(internet.checked, [True])
    assert reset().runs(NEW)


def test_https_with_the_wrong_certificate_is_refused_at_once():
    device = new_device()
    secure()
    raises(ota.DownloadError, "is not one that cadata vouches for", fetch, "https://nas/fw/new.app-bin", cadata="OTHER")
    equal(internet.slept, [])
    server = secure("other")
    server.certificate = ("CA", "nas")
    raises(ota.DownloadError, "is not one that cadata vouches for", fetch, "https://other/fw/new.app-bin", cadata="CA")
    equal(internet.connections, 2)
    untouched(device)


def test_https_without_a_certificate_needs_a_known_sha_or_consent():
    url = "https://nas/fw/new.app-bin"
    device = new_device()
    secure()
    raises(ota.DownloadError, "https without anything to check the server with", fetch, url)
    raises(ota.DownloadError, "https without", fetch, url, sha=sha(NEW), auth=("user", "password"))
    equal(internet.connections, 0)
    untouched(device)
    for options in ({"sha": sha(NEW)}, {"insecure": True}):
        new_device()
        secure()
        fetch(url, **options)
        equal(internet.checked, [False])
        assert reset().runs(NEW)


def test_https_does_not_become_http():
    device = new_device()
    server = secure()
    server.script = [redirect("http://nas/x")]
    raises(ota.DownloadError, "redirects from https to something else", fetch, "https://nas/fw/new.app-bin", cadata="CA")
    untouched(device)


def test_a_digest_that_the_server_promises_is_compared_before_anything_is_erased():
    from binascii import b2a_base64
    from hashlib import sha256

    promise = "Repr-Digest: sha-256=:%s:" % b2a_base64(sha256(NEW).digest()).decode().strip()
    new_device()
    serve().headers.append(promise)
    fetch()
    assert reset().runs(NEW)
    device = new_device()
    serve().headers.append(promise)
    raises(ota.IntegrityError, "another SHA-256 is promised", fetch, sha=sha(OLD))
    untouched(device)
    device = new_device()
    serve(chip.image(5008, version="1.2.0", secure=1)).headers.append(promise)
    raises(ota.IntegrityError, "expected was " + sha(NEW), fetch)
    assert reset().runs(OLD)


def test_the_timeout_is_that_of_the_caller():
    import socket

    new_device()
    serve()
    seen = []
    real = socket.socket.settimeout
    socket.socket.settimeout = lambda self, seconds: seen.append(seconds)
    fetch()
    new_device()
    serve()
    fetch(timeout=5)
    socket.socket.settimeout = real
    equal(seen, [30, 5])


def test_memory_does_not_grow_with_the_answer():
    import gc

    import ota.http

    def allocated(size):
        new_device()
        serve(bytes(size))
        answer = ota.http.Response(URL)
        buf = memoryview(bytearray(4096))
        before = gc.mem_alloc()
        while answer.readinto(buf):
            pass
        return gc.mem_alloc() - before

    # This port frees nothing while a call runs: what is measured is all that was ever allocated.
    assert allocated(400000) - allocated(100000) < 40000


def test_a_second_answer_that_ends_before_what_is_known_already_is_no_end():
    new_device()
    server = serve()
    # Nothing says how long the file is: not the first answer, and what the next ones say is too short.
    first = {"length": False, "cut": 8192, "error": 104}
    server.script = [first, {"ranges": False, "body": NEW[:5]}]
    raises(ota.DownloadError, "gave up after", fetch, sha=sha(NEW))
    equal(internet.open_sockets, 0)
    assert reset().runs(OLD)
