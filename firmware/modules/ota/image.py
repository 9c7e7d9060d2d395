# What the beginning of an app image tells, and the order of versions.
import struct

from micropython import const

from .errors import ImageError

# esp_image_header_t (24 bytes), the header of the first segment (8), and then esp_app_desc_t (256).
HEAD = const(288)
_APP_DESC = const(0xABCD5432)

# Chip ids of esp_image_header_t by the names that a manifest uses.
CHIPS = {
    "esp32": 0,
    "esp32s2": 2,
    "esp32c3": 5,
    "esp32s3": 9,
    "esp32c2": 12,
    "esp32c6": 13,
    "esp32h2": 16,
    "esp32p4": 18,
    "esp32c61": 20,
    "esp32c5": 23,
    "esp32h21": 25,
    "esp32h4": 28,
}


def _text(head, offset, size):
    raw = bytes(head[offset : offset + size]).split(b"\0", 1)[0]
    # Bytes that are no text would raise UnicodeError.
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in raw)


# (chip id, secure_version, version, project name) of an app image, from its first HEAD bytes or more.
def describe(head):
    if len(head) < HEAD:
        raise ImageError("not an app image: it has only %d bytes" % len(head))
    if head[0] != 0xE9:
        raise ImageError("not an app image: it begins with 0x%02x, an app image with 0xe9" % head[0])
    magic, secure = struct.unpack_from("<II", head, 32)
    if magic != _APP_DESC:
        raise ImageError(
            "not an app image but a bootloader or a full flash image: take the file that ends in .app-bin"
        )
    if not 1 <= head[1] <= 16:
        raise ImageError("not an app image: it claims %d segments" % head[1])
    return head[12] | head[13] << 8, secure, _text(head, 48, 32), _text(head, 80, 32)


def describe_slot(part):
    head = bytearray(HEAD)
    part.readblocks(0, head)
    return describe(head)


def chip_name(chip):
    for known in CHIPS:
        if CHIPS[known] == chip:
            return known
    return "chip %d" % chip


# What sorts versions: 1.2.3-rc.1 < 1.2.3 < 1.2.3-4-gabcdef0 (four commits later) < 1.2.4. None: not a version.
def _order(version):
    version = version.split("+", 1)[0]
    if version[:1] in "vV":
        version = version[1:]
    if version.endswith("-dirty"):
        version = version[:-6]
    later = 0
    parts = version.rsplit("-", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2][:1] == "g":
        version = parts[0]
        later = int(parts[1])
    base, dash, pre = version.partition("-")
    numbers = base.split(".")
    if not all(n.isdigit() for n in numbers):
        return None
    numbers = [int(n) for n in numbers]
    while numbers and not numbers[-1]:
        numbers.pop()
    pre = [(0, int(p)) if p.isdigit() else (1, p) for p in pre.split(".")] if dash else [(2,)]
    return numbers, pre, later


# Below 0, 0 or above 0 as a is older, the same or newer than b; None when they have no order.
def compare(a, b):
    if a == b:
        return 0
    x = _order(a)
    y = _order(b)
    if x is None or y is None:
        return None
    return 0 if x == y else 1 if x > y else -1
