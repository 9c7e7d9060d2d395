# The JSON files that describe a firmware: the manifest.json of an ota-build release, and the {firmware, sha, length}
# of micropython-esp32-ota.
import json
from io import BytesIO

from micropython import const

from . import http
from .errors import ManifestError

_LIMIT = const(16384)
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"


class Release:
    board = build = chip = version = secure_version = project = None


# A stream for a name: an address, or a file.
def open_stream(name, known=False, **request_args):
    if http.is_url(name):
        return http.Response(name, known, **request_args)
    return open(name, "rb")


def _load(url, request_args):
    stream = open_stream(url, **request_args)
    try:
        text = bytearray()
        part = bytearray(512)
        while True:
            n = stream.readinto(part)
            if not n:
                break
            text.extend(memoryview(part)[:n])
            if len(text) > _LIMIT:
                raise ManifestError("%s is longer than %d bytes: not a manifest" % (url, _LIMIT))
    finally:
        stream.close()
    try:
        return json.load(BytesIO(text))
    except ValueError:
        raise ManifestError("%s is not JSON" % url)


def _get(data, key, kind, where):
    value = data.get(key)
    if not isinstance(value, kind):
        raise ManifestError("%s: '%s' is missing, or not what it should be" % (where, key))
    return value


def _sha(text, where):
    text = text.lower()
    if len(text) != 64 or not all(c in "0123456789abcdef" for c in text):
        raise ManifestError("%s: a SHA-256 has 64 hexadecimal digits" % where)
    return text


# Reads the file at url, and returns a Release.
def read(url, **request_args):
    data = _load(url, request_args)
    if not isinstance(data, dict):
        raise ManifestError("%s is not a manifest" % url)
    found = Release()
    if "firmware" in data and "schema" not in data:
        found.file = http.join(url, _get(data, "firmware", str, url))
        found.sha = _sha(_get(data, "sha", str, url), url)
        found.length = _get(data, "length", int, url)
    elif data.get("schema") == 1:
        artifact = None
        for each in _get(data, "artifacts", list, url):
            if isinstance(each, dict) and each.get("role") == "app":
                artifact = each
        if artifact is None:
            raise ManifestError("%s: no artifact with the role app" % url)
        name = _get(artifact, "file", str, url)
        if not name or name[0] in ".+-" or not all(c in _NAME for c in name):
            raise ManifestError("%s: %r is not the name of a file beside it" % (url, name))
        found.file = http.join(url, name)
        found.sha = _sha(_get(artifact, "sha256", str, url), url)
        found.length = _get(artifact, "size", int, url)
        found.board = found.build = _get(data, "board", str, url)
        source = data.get("source")
        if isinstance(source, dict) and source.get("kind") == "micropython":
            # What the firmware calls its board, where the release has another name for it.
            found.build = _get(source, "board", str, url)
        if data.get("variant") is not None:
            variant = "-" + _get(data, "variant", str, url)
            found.board += variant
            found.build += variant
        found.chip = _get(data, "chip", str, url)
        found.version = _get(data, "version", str, url)
        found.secure_version = _get(data, "secureVersion", int, url)
        found.project = _get(data, "projectName", str, url)
    else:
        raise ManifestError("%s is not a manifest of a kind that is known here (schema 1, or firmware/sha/length)" % url)
    if found.length <= 0:
        raise ManifestError("%s: the firmware has no bytes" % url)
    return found
