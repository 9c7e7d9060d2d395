# A GET over HTTP/1.1 that can be read like a file and comes back after a lost connection (Range, If-Range).
# Memory does not grow with what the server sends: lines, headers and redirects have limits, the body goes into the
# caller's buffer.
from time import sleep_ms

from micropython import const

from .errors import DownloadError

_LINE = const(2048)  # signed addresses of file hosts have about 1000 characters
_HEADERS = const(16384)
_REDIRECTS = const(5)
_WAIT_MS = const(30000)
_PROGRESS = const(4096)
_PIECE = const(1024)  # what is lost at most where a connection breaks within a read
_BAD_CERTIFICATE = const(-9984)  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED

_WANTED = (
    "content-length",
    "content-range",
    "content-encoding",
    "transfer-encoding",
    "etag",
    "last-modified",
    "location",
    "repr-digest",
)


def is_url(name):
    return name.startswith("http://") or name.startswith("https://")


def _split(url):
    if not is_url(url):
        raise DownloadError("neither an http nor an https address: %r" % url)
    for c in url:
        if not 33 <= ord(c) < 127:
            raise DownloadError("the address has a character that is not allowed: %r" % url)
    scheme, rest = url.split("://", 1)
    rest = rest.split("#", 1)[0]
    cut = min(i for i in (rest.find("/"), rest.find("?"), len(rest)) if i >= 0)
    place = rest[:cut]
    path = rest[cut:]
    if path[:1] != "/":
        path = "/" + path
    if "@" in place:
        raise DownloadError("user and password in the address are not sent: pass auth=(user, password)")
    host = place
    port = ""
    if place[:1] == "[":
        host, _, port = place[1:].partition("]")
        port = port[1:]
    elif ":" in place:
        host, port = place.rsplit(":", 1)
    if not host or (port and not port.isdigit()):
        raise DownloadError("not an address: %r" % url)
    return scheme == "https", host, int(port) if port else 443 if scheme == "https" else 80, place, path


def join(base, name):
    if "://" in name.split("?", 1)[0]:
        return name
    if "://" in base:
        base = base.split("#", 1)[0].split("?", 1)[0]
        start = base.find("://") + 3
        if name[:2] == "//":
            return base[: start - 2] + name
        slash = base.find("/", start)
        root = base if slash < 0 else base[:slash]
        if name[:1] == "/":
            return root + name
        return (root if slash < 0 else base.rsplit("/", 1)[0]) + "/" + name
    return name if name[:1] == "/" or "/" not in base else base.rsplit("/", 1)[0] + "/" + name


def _number(text, base=10):
    try:
        if not 0 < len(text) < 11 or text[0] in "+-":
            raise ValueError
        return int(text, base)
    except ValueError:
        raise DownloadError("the server sent %r where a number belongs" % text)


class Response:
    # known: the caller has the SHA-256 of what the server sends, from elsewhere.
    def __init__(
        self,
        url,
        known=False,
        headers=None,
        auth=None,
        timeout=30,
        cadata=None,
        context=None,
        insecure=False,
        retries=5,
    ):
        self.url = url
        self.pos = 0  # bytes handed out
        self.length = None  # of the whole file, None: the server did not say
        self.sha = ""  # from Repr-Digest
        self._headers = headers
        self._auth = auth
        self._timeout = timeout
        self._cadata = cadata
        self._context = context
        self._insecure = insecure
        self._known = known
        self._retries = retries
        self._tries = self._mark = self._skip = 0
        self._tag = self._date = None
        self._sock = None
        self._first = True
        self._over = False
        while self._sock is None:
            try:
                self._request()
            except OSError as e:
                self._again(e)

    def close(self):
        if self._sock:
            self._sock.close()
            self._sock = None

    def readinto(self, buf):
        if self._over or not len(buf):
            return 0
        buf = memoryview(buf)
        while True:
            try:
                if self._sock is None:
                    self._request()
                if not self._skip:
                    n = self._read(buf)
                    break
                # The server started again from the beginning: what is known already goes by.
                self._skip -= self._read(buf[: min(len(buf), self._skip)])
            except OSError as e:
                self._again(e)
        self.pos += n
        if self.pos - self._mark >= _PROGRESS:
            self._mark = self.pos
            self._tries = 0
        if not n or self.pos == self.length:
            self._over = True
            self.close()
        return n

    # After a failure: waits, or gives up.
    def _again(self, error):
        self.close()
        code = error.args[0] if error.args else 0
        if code == _BAD_CERTIFICATE:
            raise DownloadError("the server's certificate is not one that cadata vouches for, or this device's clock is wrong")
        if self._tries >= self._retries:
            raise DownloadError(
                "gave up after %d tries, %d bytes of %s received: %s" % (self._tries + 1, self.pos, self.length or "?", error)
            )
        if self.pos and not (self._known or self._tag or self._date):
            raise DownloadError(
                "the connection was lost, and the server gives no ETag by which the same file could be known again: %s" % error
            )
        sleep_ms(min(1000 << self._tries, _WAIT_MS))
        self._tries += 1

    # Sends the request, follows redirects, leaves the socket at the beginning of the body.
    def _request(self):
        url = self.url
        auth = True
        for _ in range(_REDIRECTS + 1):
            secure, host, port, place, path = _split(url)
            self._connect(secure, host, port, auth)
            try:
                self._send(place, path, auth)
                status, got = self._answer()
                if status in (301, 302, 303, 307, 308):
                    self.close()
                    if not got.get("location"):
                        raise DownloadError("the server redirects without saying where to")
                    there = join(url, got["location"])
                    if secure and not there.startswith("https://"):
                        raise DownloadError("the server redirects from https to something else: %s" % there[:80])
                    # A password is for the server that it was given for.
                    auth = auth and _split(there)[:3] == (secure, host, port)
                    url = there
                    continue
                self._accept(status, got)
                return
            except:
                self.close()
                raise
        raise DownloadError("more than %d redirects" % _REDIRECTS)

    def _connect(self, secure, host, port, auth):
        if secure and not (self._context or self._cadata or self._insecure):
            # With a known SHA-256 nobody can put another firmware in its place, but a password could be read.
            if not self._known or (auth and (self._auth or self._headers)):
                raise DownloadError(
                    "https without anything to check the server with: pass cadata=, context=, or insecure=True"
                )
        import socket

        info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
        self._sock = sock = socket.socket(info[0], info[1], info[2])
        try:
            sock.settimeout(self._timeout)
            sock.connect(info[-1])
            if secure:
                context = self._context
                if context is None:
                    import ssl

                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                    context.verify_mode = ssl.CERT_REQUIRED if self._cadata else ssl.CERT_NONE
                    if self._cadata:
                        context.load_verify_locations(cadata=self._cadata)
                    self._context = context
                self._sock = context.wrap_socket(sock, server_hostname=host)
        except:
            self.close()
            raise

    def _send(self, place, path, auth):
        lines = ["GET %s HTTP/1.1" % path, "Host: " + place, "Connection: close", "Accept-Encoding: identity"]
        if self.pos:
            lines.append("Range: bytes=%d-" % self.pos)
            if self._tag and self._tag[:2] != "W/":
                lines.append("If-Range: " + self._tag)
            elif self._date and not self._tag:
                lines.append("If-Range: " + self._date)
        if auth and self._auth:
            from binascii import b2a_base64

            lines.append("Authorization: Basic " + b2a_base64(("%s:%s" % tuple(self._auth)).encode()).decode().strip())
        if auth and self._headers:
            for name in self._headers:
                lines.append("%s: %s" % (name, self._headers[name]))
        for line in lines:
            if "\r" in line or "\n" in line:
                raise DownloadError("a header with a line break: %r" % line)
        lines.append("\r\n")
        self._sock.write("\r\n".join(lines).encode())

    def _line(self):
        line = self._sock.readline(_LINE)
        if not line:
            raise OSError("the server closed the connection")
        return line

    # (status, the headers that matter)
    def _answer(self):
        room = _HEADERS
        status = 0
        while not status:
            words = self._line().split(None, 2)
            if len(words) < 2 or words[0][:7] != b"HTTP/1." or not words[1].isdigit():
                raise DownloadError("the server does not speak HTTP/1.1")
            status = int(words[1])
            got = {}
            fresh = True  # at the beginning of a header, not within one that is too long
            while True:
                line = self._line()
                room -= len(line)
                if room < 0:
                    raise DownloadError("the server's headers are longer than %d bytes" % _HEADERS)
                whole = line[-1:] == b"\n"
                if fresh:
                    if not line.strip():
                        break
                    name, _, value = line.partition(b":")
                    name = name.decode().lower() if _plain(name) else ""
                    if name in _WANTED:
                        value = value.strip()
                        if not whole or not _plain(value) or got.get(name, value) != value:
                            raise DownloadError("the server's %s header makes no sense" % name)
                        got[name] = value
                fresh = whole
            if status < 200:
                status = 0  # 100 Continue and the like: the answer follows
        return status, {name: got[name].decode() for name in got}

    # Takes the headers of a final answer, or raises: DownloadError for good, OSError to come back.
    def _accept(self, status, got):
        if status in (408, 425, 429) or status >= 500:
            raise OSError("the server answered %d" % status)
        if status == 416 and self.pos:
            raise DownloadError("the file on the server changed during the download")
        if status != 200 and not (status == 206 and self.pos):
            raise DownloadError("the server answered %d for %s" % (status, self.url))
        if got.get("content-encoding", "identity") != "identity":
            raise DownloadError("the server compressed the file: %s" % got["content-encoding"])
        coding = got.get("transfer-encoding", "identity").lower()
        if coding not in ("identity", "chunked"):
            raise DownloadError("unknown Transfer-Encoding: %s" % coding)
        self._chunked = coding == "chunked"
        size = got.get("content-length")
        self._left = 0 if self._chunked else None if size is None else _number(size)
        total = None if status == 206 else self._left if not self._chunked else None
        if status == 206:
            unit, _, rest = got.get("content-range", "").partition(" ")
            span, _, whole = rest.partition("/")
            first, _, last = span.partition("-")
            if unit != "bytes" or _number(first) != self.pos or _number(last) < self.pos:
                raise DownloadError("the server sent another part than the one that was asked for: %s" % rest)
            total = None if whole == "*" else _number(whole)
        tag = got.get("etag")
        date = got.get("last-modified")
        self._skip = 0
        if self._first:
            self._first = False
            self._tag = tag
            self._date = date
            self.length = total
            self._digest(got.get("repr-digest", ""))
            return
        if total is not None and self.length is not None and total != self.length:
            raise DownloadError("the file on the server changed during the download: its length is another")
        if self._tag and tag and tag != self._tag:
            raise DownloadError("the file on the server changed during the download: its ETag is another")
        if status == 200 and self.pos:
            # Either the server does not know Range, or it answers If-Range with another file.
            if not self._known and not (self._tag and tag == self._tag) and not (self._date and date == self._date):
                raise DownloadError("the file on the server may have changed during the download")
            self._skip = self.pos

    def _digest(self, value):
        start = value.find("sha-256=:")
        if start >= 0:
            from binascii import a2b_base64, hexlify

            try:
                self.sha = hexlify(a2b_base64(value[start + 9 :].split(":", 1)[0].encode())).decode()
            except ValueError:
                pass

    # Reads from this connection: 0 at the end of the file, OSError where the connection ended before it.
    def _read(self, buf):
        if self._chunked and not self._left:
            self._left = _number(self._line().split(b";", 1)[0].strip().decode(), 16)
            if not self._left:
                if self._skip or (self.length is not None and self.pos < self.length):
                    raise OSError("the server closed the connection")
                return 0
        if self._left is None:
            n = self._sock.readinto(buf[:_PIECE])
            if not n and (self._skip or (self.length is not None and self.pos < self.length)):
                raise OSError("the server closed the connection")
            return n or 0
        if not self._left:
            if self._skip or (self.length is not None and self.pos < self.length):
                raise OSError("the server sent only a part")
            return 0
        n = self._sock.readinto(buf[: min(_PIECE, self._left)])
        if not n:
            raise OSError("the server closed the connection")
        self._left -= n
        if self._chunked and not self._left and self._line().strip():
            raise DownloadError("the server's chunks make no sense")
        return n


def _plain(raw):
    return all(32 <= c < 127 or c == 9 for c in raw)
