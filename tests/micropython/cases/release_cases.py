# The JSON files that describe a firmware.
import json

import bench
import chip
import internet
import ota
import ota.update
from bench import NEW, OLD, equal, new_device, raises, reset, sha, untouched
from internet import Server

URL = "http://nas/board/manifest.json"


def manifest(**changes):
    data = {
        "schema": 1,
        "board": "ESP32_GENERIC",
        "chip": "esp32",
        "version": "1.1.0",
        "secureVersion": 1,
        "projectName": "micropython",
        "source": {
            "kind": "prebuilt",
            "file": "x.bin",
            "sha256": sha(OLD),
            "container": "bootloader-first",
            "idfVersion": "v5.5.1",
        },
        "createdAt": "2026-11-22T00:00:00Z",
        "flash": {"mode": "dio", "freq": "40m", "size": "4MB"},
        "partitions": [],
        "artifacts": [
            {"role": "firmware", "file": "x.bin", "size": 100000, "sha256": sha(OLD), "offset": 4096},
            {"role": "app", "file": "x.app-bin", "size": len(NEW), "sha256": sha(NEW), "offset": 65536},
        ],
        "signing": None,
        "warnings": [],
    }
    for key in changes:
        if changes[key] is ...:
            del data[key]
        else:
            data[key] = changes[key]
    return data


def app(**changes):
    artifact = {"role": "app", "file": "x.app-bin", "size": len(NEW), "sha256": sha(NEW)}
    artifact.update(changes)
    return [artifact]


def serve(data, image=NEW):
    server = Server()
    server.files["/board/manifest.json"] = data if isinstance(data, bytes) else json.dumps(data).encode()
    server.files["/board/x.app-bin"] = image
    return server


def install(url=URL, **options):
    return ota.update.from_json(url, verbose=False, reboot=False, **options)


def test_a_release_is_installed_from_beside_its_manifest():
    new_device()
    server = serve(manifest())
    equal(install(board="ESP32_GENERIC"), len(NEW))
    equal([path for path, _ in server.requests], ["/board/manifest.json", "/board/x.app-bin"])
    assert reset().runs(NEW)


def test_the_address_of_the_manifest_may_have_a_query():
    new_device()
    server = serve(manifest())
    install(URL + "?token=a/b", board="ESP32_GENERIC")
    equal(server.requests[1][0], "/board/x.app-bin")


def test_a_release_can_lie_in_the_file_system():
    new_device()
    with open("/manifest.json", "w") as f:
        json.dump(manifest(), f)
    with open("/x.app-bin", "wb") as f:
        f.write(NEW)
    install("/manifest.json", board="ESP32_GENERIC")
    assert reset().runs(NEW)


def test_the_board_is_that_of_the_firmware_or_of_the_caller():
    class Implementation:
        pass

    # A profile of another name, whose micropython.board is ESP32_GENERIC.
    lamp = {"kind": "micropython", "board": "ESP32_GENERIC"}
    real = ota.update.sys
    for build, data, board, good in (
        ("ESP32_GENERIC", manifest(board="LAMP", source=lamp), None, True),
        ("ESP32_GENERIC-OTA", manifest(board="LAMP", source=lamp, variant="OTA"), None, True),
        ("ESP32_GENERIC", manifest(board="LAMP", source=lamp), "LAMP", True),
        ("LAMP", manifest(board="LAMP", source=lamp), None, False),
        ("ESP32_GENERIC-OTA", manifest(variant="OTA"), None, True),
        ("ESP32_GENERIC-OTA", manifest(), None, False),
        ("ESP32_GENERIC", manifest(variant="OTA"), None, False),
        ("ESP32_GENERIC", manifest(), None, True),
        ("UM_TINYPICO", manifest(), None, False),
        ("UM_TINYPICO", manifest(), "ESP32_GENERIC", True),
        ("ESP32_GENERIC", manifest(), "UM_TINYPICO", False),
        # Before v1.25 MicroPython does not say.
        (None, manifest(), None, True),
    ):
        device = new_device()
        server = serve(data)
        Implementation._build = build
        ota.update.sys = type("Sys", (), {"implementation": Implementation})
        if good:
            install(board=board)
            assert reset().runs(NEW)
        else:
            raises(ota.ImageError, "the release is for board ESP32_GENERIC", install, board=board)
            equal(len(server.requests), 1)
            untouched(device)
    ota.update.sys = real


def test_what_the_manifest_tells_is_refused_before_the_firmware_is_asked_for():
    for changes, kind, words in (
        ({"chip": "esp32c3"}, ota.ImageError, "the release is for esp32c3, this is esp32"),
        ({"chip": "esp99"}, ota.ImageError, "the release is for esp99, this is esp32"),
        ({"version": "1.0.0"}, ota.VersionError, "version 1.0.0 runs already"),
        ({"version": "0.9.0"}, ota.VersionError, "version 0.9.0 is older than 1.0.0"),
        ({"version": "main"}, ota.VersionError, "cannot be compared"),
        ({"secureVersion": 0}, ota.VersionError, "secure_version 0 is lower than 1"),
        ({"artifacts": app(size=40000)}, ota.ImageError, "40000 bytes do not fit into 'ota_1'"),
        ({"artifacts": app(size=0)}, ota.ManifestError, "no bytes"),
        ({"artifacts": app(size=-5)}, ota.ManifestError, "no bytes"),
    ):
        device = new_device()
        server = serve(manifest(**changes))
        raises(kind, words, install, board="ESP32_GENERIC")
        equal(len(server.requests), 1)
        untouched(device)


def test_manifests_that_are_none_are_refused():
    for data, words in (
        (b"", "is not JSON"),
        (b"<html>not found</html>", "is not JSON"),
        # Old versions of MicroPython take an object that does not end.
        (b'{"schema": 1', ""),
        (b"[1, 2]", "is not a manifest"),
        (b"null", "is not a manifest"),
        (b"{}", "is not a manifest of a kind that is known here"),
        (b'{"schema": 2}', "is not a manifest of a kind that is known here"),
        (b'{"schema": "1"}', "is not a manifest of a kind that is known here"),
        (manifest(artifacts=...), "'artifacts' is missing"),
        (manifest(artifacts=[]), "no artifact with the role app"),
        (manifest(artifacts=[1, None, {"role": "elf"}]), "no artifact with the role app"),
        (manifest(board=...), "'board' is missing"),
        (manifest(board=5), "'board' is missing"),
        (manifest(chip=...), "'chip' is missing"),
        (manifest(version=...), "'version' is missing"),
        (manifest(secureVersion=...), "'secureVersion' is missing"),
        (manifest(secureVersion=True), "'secureVersion' is missing"),
        (manifest(projectName=...), "'projectName' is missing"),
        (manifest(artifacts=app(sha256="abc")), "64 hexadecimal digits"),
        (manifest(artifacts=app(sha256="g" * 64)), "64 hexadecimal digits"),
        (manifest(artifacts=app(size="5")), "'size' is missing"),
        (manifest(artifacts=app(file=None)), "'file' is missing"),
    ):
        device = new_device()
        server = serve(data)
        raises(ota.ManifestError, words, install, board="ESP32_GENERIC")
        equal(len(server.requests), 1)
        untouched(device)


def test_a_manifest_names_a_file_and_never_a_path():
    for name in ("", "../x.app-bin", "a/b", "/etc/x", "http://evil/x", "..", ".hidden", "-x", "a\\b", "a b", "a\r\nb", "x?y", "x#y"):
        device = new_device()
        server = serve(manifest(artifacts=app(file=name)))
        raises(ota.ManifestError, "is not the name of a file beside it", install, board="ESP32_GENERIC")
        equal(len(server.requests), 1)
        untouched(device)


def test_a_huge_manifest_is_not_read():
    for data in (b'{"a": "' + b"x" * 1000000 + b'"}', b"[" * 20000, b" " * 20000):
        device = new_device()
        serve(data)
        raises(ota.ManifestError, "is longer than 16384 bytes", install)
        untouched(device)


def test_an_image_that_is_not_the_one_that_the_manifest_describes_is_refused():
    for image, described in (
        (chip.image(5008, version="1.1.1", secure=1), {}),
        (chip.image(5008, version="1.1.0", secure=2), {}),
        (chip.image(5008, version="1.1.0", secure=1, project="drill"), {}),
    ):
        device = new_device()
        serve(manifest(artifacts=app(size=len(image), sha256=sha(image))), image)
        raises(ota.ManifestError, "the manifest describes micropython 1.1.0 (secure_version 1), the image is", install, board="ESP32_GENERIC")
        untouched(device)


def test_a_firmware_that_is_not_the_one_of_the_manifest_is_not_installed():
    device = new_device()
    other = chip.image(len(NEW), version="1.1.0", secure=1, seed=77)
    serve(manifest(), other)
    raises(ota.IntegrityError, "expected was " + sha(NEW), install, board="ESP32_GENERIC")
    assert reset().runs(OLD)
    device = new_device()
    serve(manifest(), NEW[:5000])
    raises(ota.IntegrityError, "5000 bytes are promised, %d are expected" % len(NEW), install, board="ESP32_GENERIC")
    untouched(device)


def test_a_sha_that_the_caller_knows_has_to_be_that_of_the_manifest():
    device = new_device()
    serve(manifest())
    raises(ota.IntegrityError, "another SHA-256", install, board="ESP32_GENERIC", sha=sha(OLD))
    untouched(device)


def test_a_download_of_a_release_is_taken_up_after_a_break():
    new_device()
    server = serve(manifest())
    server.etag = None
    server.script = [{}, {"cut": 5000}, {}]
    install(board="ESP32_GENERIC")
    equal(len(server.requests), 3)
    assert reset().runs(NEW)


def test_a_manifest_over_https_has_to_be_checked():
    device = new_device()
    server = Server(port=443)
    server.certificate = ("CA", "nas")
    server.files["/board/manifest.json"] = json.dumps(manifest()).encode()
    server.files["/board/x.app-bin"] = NEW
    url = "https://nas/board/manifest.json"
    raises(ota.DownloadError, "https without anything to check", install, url, board="ESP32_GENERIC")
    # The SHA-256 of the firmware does not vouch for the manifest.
    raises(ota.DownloadError, "https without anything to check", install, url, board="ESP32_GENERIC", sha=sha(NEW))
    equal(internet.connections, 0)
    untouched(device)
    install(url, board="ESP32_GENERIC", cadata="CA")
    equal(internet.checked, [True, True])
    assert reset().runs(NEW)


def short(**changes):
    data = {"firmware": "x.app-bin", "sha": sha(NEW), "length": len(NEW)}
    data.update(changes)
    return data


def test_the_json_of_micropython_esp32_ota_is_installed():
    for firmware in ("x.app-bin", "http://nas/board/x.app-bin", "/board/x.app-bin"):
        new_device()
        server = serve(short(firmware=firmware))
        equal(install(), len(NEW))
        equal(server.requests[1][0], "/board/x.app-bin")
        assert reset().runs(NEW)


def test_the_json_of_micropython_esp32_ota_is_checked():
    for data, kind, words in (
        (short(sha="x"), ota.ManifestError, "64 hexadecimal digits"),
        (short(length="5"), ota.ManifestError, "'length' is missing"),
        (short(firmware=7), ota.ManifestError, "'firmware' is missing"),
        (short(length=40000), ota.ImageError, "do not fit"),
        ({"firmware": "x.app-bin"}, ota.ManifestError, "'sha' is missing"),
    ):
        device = new_device()
        server = serve(data)
        raises(kind, words, install)
        equal(len(server.requests), 1)
        untouched(device)


def test_what_is_there_can_be_asked_for_without_installing_it():
    device = new_device()
    server = serve(manifest())
    found = ota.update.available(URL)
    equal((found.version, found.secure_version, found.board, found.length), ("1.1.0", 1, "ESP32_GENERIC", len(NEW)))
    for version in ("1.0.0", "0.9.0"):
        serve(manifest(version=version))
        equal(ota.update.available(URL), None)
        equal(ota.update.available(URL, allow="any").version, version)
    untouched(device)
