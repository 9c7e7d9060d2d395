# Writing an app image into the slot that does not run.
import gc
import sys
from hashlib import sha256
from time import sleep_ms

from esp32 import Partition
from micropython import const

from . import http, image, release, slots
from .errors import ImageError, IntegrityError, ManifestError, OTAError, StateError, VersionError
from .status import ota_reboot

_BLOCK = const(4096)
_ERASE = const(6)  # ioctl of a block device
_UNIT = const(16)  # in which encrypted flash is written
_PIECE = const(256)
_QUIET_MS = const(30000)

_ALLOWED = ("newer", "same", "any")


# Raises VersionError unless an update to this version is wanted. allow: newer, same (or newer), any.
def _check_version(version, running, allow):
    if allow == "any" or not running:
        return
    order = image.compare(version, running) if version else None
    if order is None:
        raise VersionError(
            "version '%s' cannot be compared with '%s', which runs: pass allow='any' if it is wanted" % (version, running)
        )
    if order < 0:
        raise VersionError("version %s is older than %s, which runs: pass allow='any' if it is wanted" % (version, running))
    if order == 0 and allow != "same":
        raise VersionError("version %s runs already: pass allow='same' to install it again" % version)


class OTA:
    def __init__(
        self, verify=True, verbose=True, reboot=False, sha="", length=0, *, board=None, allow="newer", progress=None
    ):
        if allow not in _ALLOWED:
            raise ValueError("allow is one of %s" % ", ".join(_ALLOWED))
        self.verify = verify
        self.verbose = verbose
        self.reboot = reboot
        self.part = slots.target()
        self.size = self.part.info()[3]
        self._board = board
        self._allow = allow
        self._progress = progress
        self._here = image.describe_slot(slots.running())
        self._release = None
        self._sha = ""
        self._length = 0
        self._expect(sha, length)
        self._fit()
        gc.collect()
        self._buf = memoryview(bytearray(_BLOCK))
        self._piece = memoryview(bytearray(_PIECE))
        self._fill = 0  # bytes in the buffer
        self._done = 0  # bytes in flash
        self._hash = sha256()
        # What is written last: the byte 0xe9 that makes a slot an image. A byte is whole or it is not 0xe9.
        self._held = _UNIT if self.part.info()[5] else 1
        self._header = None
        self._open = True

    # What the image has to be. Two sources that disagree are an error, before anything is erased.
    def _expect(self, sha, length):
        if sha:
            sha = sha.lower()
            if len(sha) != 64:
                raise IntegrityError("a SHA-256 has 64 hexadecimal digits, not %d" % len(sha))
            if self._sha and sha != self._sha:
                raise IntegrityError("another SHA-256 is promised than the one that is expected: %s, %s" % (sha, self._sha))
            self._sha = sha
        if length:
            if self._length and length != self._length:
                raise IntegrityError("%d bytes are promised, %d are expected" % (length, self._length))
            self._length = length

    def _fit(self):
        if self._length > self.size:
            raise ImageError(
                "%d bytes do not fit into '%s', which has %d" % (self._length, slots.name(self.part), self.size)
            )

    # Appends bytes to the image.
    def write(self, data):
        data = memoryview(data)
        done = 0
        while done < len(data):
            n = min(_BLOCK - self._fill, len(data) - done)
            self._buf[self._fill : self._fill + n] = data[done : done + n]
            self._take(n)
            done += n
        return done

    # Appends what stream.readinto() gives, up to length where that is known, and returns the number of bytes.
    def from_stream(self, stream, sha="", length=0):
        try:
            self._expect(sha, length)
            return self._copy(stream)
        except:
            self.abort()
            raise

    def _copy(self, stream):
        total = quiet = 0
        while not self._length or self._done + self._fill < self._length:
            room = _BLOCK - self._fill
            if self._length:
                room = min(room, self._length - self._done - self._fill)
            n = stream.readinto(self._buf[self._fill : self._fill + room])
            if n is None:
                # A stream that does not wait, such as a UART.
                if quiet >= _QUIET_MS:
                    raise IntegrityError("nothing came for %d ms, after %d bytes" % (quiet, self._done + self._fill))
                sleep_ms(10)
                quiet += 10
                continue
            if not n:
                break
            quiet = 0
            total += n
            self._take(n)
        return total

    # Appends the file or address url.
    def from_firmware_file(self, url, sha="", length=0, **request_args):
        self._expect(sha, length)
        if self.verbose:
            print("ota: %s" % url)
        stream = release.open_stream(url, bool(self._sha), **request_args)
        try:
            if http.is_url(url):
                self._expect(stream.sha, stream.length or 0)
            else:
                stream.seek(0, 2)
                self._expect("", stream.tell())
                stream.seek(0)
            return self.from_stream(stream)
        finally:
            stream.close()

    # Appends the firmware that the JSON file or address url describes.
    def from_json(self, url, **request_args):
        found = release.read(url, **request_args)
        self._check_release(found)
        self._expect(found.sha, found.length)
        self._fit()
        return self.from_firmware_file(found.file, **request_args)

    def _check_release(self, found):
        chip, secure, version, _ = self._here
        here = self._board or getattr(sys.implementation, "_build", None)
        there = found.board if self._board else found.build
        if there and here and there != here:
            raise ImageError(
                "the release is for board %s, this is %s: pass board='%s' if it is meant" % (there, here, found.board)
            )
        if found.chip and found.chip != image.chip_name(chip):
            raise ImageError("the release is for %s, this is %s" % (found.chip, image.chip_name(chip)))
        if found.version is not None:
            self._check(found.version, found.secure_version)
        self._release = found

    def _check(self, version, secure):
        if secure < self._here[1]:
            raise VersionError(
                "secure_version %d is lower than %d, which runs: it can only go up" % (secure, self._here[1])
            )
        _check_version(version, self._here[2], self._allow)

    # The first block is complete: everything that its bytes tell, before anything is erased.
    def _check_image(self, size):
        # That it is a full flash image says more than that it is too long, and comes first.
        chip, secure, version, project = image.describe(self._buf[:size])
        self._fit()
        if chip != self._here[0]:
            raise ImageError("the image is for %s, this is %s" % (image.chip_name(chip), image.chip_name(self._here[0])))
        found = self._release
        if found and found.version is not None:
            if (version, secure, project) != (found.version, found.secure_version, found.project):
                raise ManifestError(
                    "the manifest describes %s %s (secure_version %d), the image is %s %s (%d)"
                    % (found.project, found.version, found.secure_version, project, version, secure)
                )
        self._check(version, secure)

    def _take(self, n):
        if not self._open:
            raise StateError("this update is over: start another one")
        try:
            self._fill += n
            if self._length and self._done + self._fill > self._length:
                raise IntegrityError("more than the %d bytes that are expected" % self._length)
            if self._fill == _BLOCK:
                self._flush()
        except:
            self.abort()
            raise

    # Writes the buffer as the next block of the slot.
    def _flush(self):
        size = self._fill
        buf = self._buf
        block = self._done // _BLOCK
        if self._done + size > self.size:
            raise ImageError("the image does not fit into '%s', which has %d bytes" % (slots.name(self.part), self.size))
        if not block:
            self._check_image(size)
            slots.withdraw()
        self._hash.update(buf[:size])
        end = size
        while end % _UNIT:
            buf[end] = 0xFF
            end += 1
        start = 0
        if not block:
            # From here to the last step of close() the slot does not begin with 0xe9: nothing takes it for an image.
            start = self._held
            self._header = bytes(buf[:start])
        if not block or not self._holds(block, end):
            self.part.ioctl(_ERASE, block)
            self.part.writeblocks(block, buf[start:end], start)
        self._done += size
        self._fill = 0
        if self.verbose and not block % 16:
            print("\rota: %d of %s bytes " % (self._done, self._length or "?"), end="")
        if self._progress:
            self._progress(self._done, self._length)

    # Whether a block of the slot is already what it should be: flash wears, and erasing takes longest.
    def _holds(self, block, end):
        for at in range(0, end, _PIECE):
            piece = self._piece[: min(_PIECE, end - at)]
            self.part.readblocks(block, piece, at)
            if piece != self._buf[at : at + len(piece)]:
                return False
        return True

    # Checks the whole, makes the slot an image, and makes it the one that boots.
    def close(self):
        if not self._open:
            return
        try:
            if self._fill:
                self._flush()
            self._finish()
        finally:
            self._open = False
        if self.verbose:
            print("ota: '%s' boots next, on trial until ota.confirm()" % slots.name(self.part))
        if self.reboot:
            ota_reboot()

    def _finish(self):
        if not self._done:
            raise IntegrityError("nothing was written")
        if self._length and self._done != self._length:
            raise IntegrityError("only %d of %d bytes came" % (self._done, self._length))
        got = self._hash.digest().hex()
        if self._sha and got != self._sha:
            raise IntegrityError("the SHA-256 is %s, expected was %s" % (got, self._sha))
        if self.verbose:
            print("\rota: %d bytes, SHA-256 %s" % (self._done, got))
        part = self.part
        if self.verify and self._read_back() != got:
            raise IntegrityError("the flash does not hold what was written to it: do not trust this chip")
        part.writeblocks(0, self._header, 0)
        part.readblocks(0, self._buf[: self._held], 0)
        if self._buf[: self._held] != self._header:
            raise IntegrityError("the flash does not hold what was written to it: do not trust this chip")
        try:
            part.set_boot()
        except OSError as e:
            # ESP-IDF looked at the image first: otadata is as it was.
            if e.args[0] == -5379:
                part.ioctl(_ERASE, 0)
                raise ImageError("ESP-IDF refuses the image: it is damaged, or not signed as this device wants it (-5379)")
            if e.args[0] == -5380:
                raise VersionError("secure_version is lower than the one in eFuse (-5380)")
            raise
        if not slots.same(slots.boot(), part):
            raise OTAError("'%s' was written, but '%s' still boots next" % (slots.name(part), slots.name(slots.boot())))

    def _read_back(self):
        check = sha256()
        check.update(self._header)
        at = self._held
        while at < self._done:
            n = min(_BLOCK - at % _BLOCK, self._done - at)
            self.part.readblocks(at // _BLOCK, self._buf[:n], at % _BLOCK)
            check.update(self._buf[:n])
            at += n
        return check.digest().hex()

    # Gives up. What runs, and what boots next, stay as they are.
    def abort(self):
        self._open = False

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.close()
        else:
            self.abort()


# Installs an app image from an address or a file. Returns its length, where reboot is False.
def from_file(
    url,
    sha="",
    length=0,
    verify=True,
    verbose=True,
    reboot=True,
    *,
    board=None,
    allow="newer",
    progress=None,
    **request_args
):
    with OTA(verify, verbose, reboot, board=board, allow=allow, progress=progress) as ota:
        return ota.from_firmware_file(url, sha, length, **request_args)


# Installs what a manifest.json, or a {firmware, sha, length} file, describes.
def from_json(
    url,
    verify=True,
    verbose=True,
    reboot=True,
    *,
    sha="",
    length=0,
    board=None,
    allow="newer",
    progress=None,
    **request_args
):
    with OTA(verify, verbose, reboot, sha, length, board=board, allow=allow, progress=progress) as ota:
        return ota.from_json(url, **request_args)


# What from_json() would install, without installing it: the Release, or None if its version is not wanted.
def available(url, *, allow="newer", **request_args):
    found = release.read(url, **request_args)
    if found.version is not None:
        try:
            _check_version(found.version, image.describe_slot(slots.running())[2], allow)
        except VersionError:
            return None
    return found
