# A model of an ESP32 with flash, otadata, app slots and ESP-IDF's second-stage bootloader, after ESP-IDF's
# bootloader_utility.c, bootloader_common_loader.c, esp_image_format.c and esp_ota_ops.c (v5.5).
# Time stands still, and the power can be cut in the middle of any erase and any write.
import random
import struct
from binascii import crc32
from hashlib import sha256

SECTOR = 4096
FF = b"\xff" * SECTOR
ERASED = memoryview(FF)

NEW, PENDING_VERIFY, VALID, INVALID, ABORTED, UNDEFINED = 0, 1, 2, 3, 4, 0xFFFFFFFF

ESP_FAIL = -1
INVALID_ARG = -258
INVALID_STATE = -259
INVALID_SIZE = -260
NOT_FOUND = -261
NOT_SUPPORTED = 95
PARTITION_CONFLICT = -5377
VALIDATE_FAILED = -5379
SMALL_SEC_VER = -5380
ROLLBACK_FAILED = -5381


# The power is gone. No code of the device runs on, whatever it catches.
class PowerCut(BaseException):
    pass


# machine.reset()
class Reset(BaseException):
    pass


class Flash:
    def __init__(self, size):
        self.bytes = bytearray(FF * (size // SECTOR))
        self.view = memoryview(self.bytes)
        self.dead = False
        self.fuse = 0  # the power goes in the middle of this operation from now, 0: never
        self.operations = 0
        self.erased = []  # sectors, in order
        self.touched = {}  # the operation that changed a sector last
        self.broken = None  # an address that always reads wrong
        self.encrypted = False

    def _burns(self):
        if self.dead:
            raise PowerCut()
        self.operations += 1
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                self.dead = True
        return self.dead

    def read(self, address, into):
        if self.dead:
            raise PowerCut()
        size = len(into)
        into[:] = self.view[address : address + size]
        if self.broken is not None and address <= self.broken < address + size:
            into[self.broken - address] ^= 1

    def erase(self, address, size=SECTOR):
        assert address % SECTOR == 0 and size % SECTOR == 0
        for at in range(address, address + size, SECTOR):
            self.touched[at // SECTOR] = self.operations
            if self._burns():
                # Cells on their way to 1, somewhere in the sector.
                done = random.randrange(SECTOR + 1)
                self.bytes[at : at + done] = ERASED[:done]
                for i in range(at + done, min(at + done + 8, at + SECTOR)):
                    self.bytes[i] |= random.getrandbits(8)
                raise PowerCut()
            self.erased.append(at)
            self.bytes[at : at + SECTOR] = FF

    def write(self, address, data):
        self.touched[address // SECTOR] = self.operations
        assert address % SECTOR + len(data) <= SECTOR
        if self.encrypted:
            assert address % 16 == 0 and len(data) % 16 == 0
        cut = self._burns()
        size = random.randrange(len(data) + 1) if cut else len(data)
        if cut and self.encrypted:
            # Half a unit of ciphertext is another text altogether.
            size -= size % 16
            if size < len(data):
                noise = bytes([random.getrandbits(8) for _ in range(16)])
                data = bytes(data[:size]) + noise + bytes(data[size + 16 :])
                size += 16
        old = self.view[address : address + size]
        if old != ERASED[:size]:
            # Programming clears bits, and never sets one.
            both = int.from_bytes(bytes(old), "little") & int.from_bytes(bytes(data[:size]), "little")
            self.bytes[address : address + size] = both.to_bytes(size, "little")
        else:
            self.bytes[address : address + size] = data[:size]
        if cut:
            if size < len(data):
                # The byte that was being programmed.
                self.bytes[address + size] &= data[size] | random.getrandbits(8)
            raise PowerCut()


class Partition:
    def __init__(self, kind, subtype, address, size, label):
        self.kind = kind
        self.subtype = subtype
        self.address = address
        self.size = size
        self.label = label
        self.verified = None  # what verify() found


def crc(seq):
    return crc32(struct.pack("<I", seq), 0xFFFFFFFF)


def xor(data):
    value = int.from_bytes(bytes(data), "little")
    size = len(data)
    while size > 1:
        half = (size + 1) // 2
        value = (value >> (8 * half)) ^ (value & ((1 << (8 * half)) - 1))
        size = half
    return value


def image(
    size, version="1.0.0", secure=0, project="micropython", chip=0, hashed=True, desc=True, seed=0, board=b""
):
    """An app image of exactly size bytes (a multiple of 16), with one segment."""
    assert size % 16 == 0
    end = size - (32 if hashed else 0) - 1  # of the checksum
    length = end - 32
    length -= length % 4
    head = struct.pack("<BBBBIBBBBHBHHIB", 0xE9, 1, 2, 0x20, 0x40080000, 0xEE, 0, 0, 0, chip, 0, 0, 0xFFFF, 0, hashed)
    data = bytearray(length)
    state = seed * 2654435761 + 12345 & 0xFFFFFFFF
    for at in range(0, length, 32):
        state = state * 1664525 + 1013904223 & 0xFFFFFFFF
        part = sha256(struct.pack("<I", state)).digest()
        data[at : at + 32] = part[: min(32, length - at)]
    if desc:
        struct.pack_into(
            "<II8s32s32s16s16s32s32s80s",
            data,
            0,
            0xABCD5432,
            secure,
            b"",
            version.encode(),
            project.encode(),
            b"10:00:00",
            b"Jan  1 2026",
            b"v5.5.1",
            sha256(version.encode()).digest(),
            b"",
        )
    result = bytearray(size)
    result[:24] = head
    result[24:32] = struct.pack("<II", 0x3F400020, length)
    result[32 : 32 + length] = data
    result[end] = xor(data) ^ 0xEF
    if hashed:
        result[-32:] = sha256(memoryview(result)[:-32]).digest()
    return bytes(result)


# The length of the image in part if the bootloader would boot it, else 0.
def verify(flash, part, chip_id):
    if part is None:
        return 0
    # Nothing is computed again where nothing changed.
    first = part.address // SECTOR
    last = max([flash.touched.get(sector, -1) for sector in range(first, first + part.size // SECTOR)])
    if part.verified is None or part.verified[0] != last:
        part.verified = (last, _verify(flash, part, chip_id))
    return part.verified[1]


def _verify(flash, part, chip_id):
    view = flash.view[part.address : part.address + part.size]
    if view[0] != 0xE9 or not 1 <= view[1] <= 16 or (view[12] | view[13] << 8) != chip_id:
        return 0
    at = 24
    check = 0xEF
    for _ in range(view[1]):
        if at + 8 > len(view):
            return 0
        length = struct.unpack_from("<I", view, at + 4)[0]
        if length % 4 or at + 8 + length >= len(view):
            return 0
        if not view[23]:
            check ^= xor(view[at + 8 : at + 8 + length])
        at += 8 + length
    at |= 15
    if at >= len(view) or (not view[23] and view[at] != check):
        return 0
    at += 1
    if view[23]:
        if at + 32 > len(view) or sha256(view[:at]).digest() != view[at : at + 32]:
            return 0
        at += 32
    return at


class Device:
    def __init__(self, slot_size=8 * SECTOR, slots=2, factory=False, chip_id=0, rollback=True, otadata=True, encrypted=False):
        self.chip_id = chip_id
        self.rollback = rollback
        self.anti_rollback = False
        self.efuse = 0
        at = 2 * SECTOR
        self.partitions = []
        if otadata:
            self.partitions.append(Partition(1, 0, 0, 2 * SECTOR, "otadata"))
        if factory:
            self.partitions.append(Partition(0, 0, at, slot_size, "factory"))
            at += slot_size
        self.slots = []
        for i in range(slots):
            self.slots.append(Partition(0, 16 + i, at, slot_size, "ota_%d" % i))
            at += slot_size
        self.partitions += self.slots
        self.partitions.append(Partition(1, 129, at, SECTOR, "vfs"))
        self.flash = Flash(at + SECTOR)
        self.flash.encrypted = encrypted
        self.running = None
        self.resets = 0

    def find(self, kind, subtype=0xFF):
        return [p for p in self.partitions if p.kind == kind and subtype in (0xFF, p.subtype)]

    @property
    def factory(self):
        found = self.find(0, 0)
        return found[0] if found else None

    # Puts an image into a slot from outside, as a flasher does.
    def load(self, part, data):
        part.verified = None
        self.flash.bytes[part.address : part.address + part.size] = b"\xff" * part.size
        self.flash.bytes[part.address : part.address + len(data)] = data

    def put_entry(self, sector, seq, state):
        self.flash.bytes[sector * SECTOR : (sector + 1) * SECTOR] = FF
        self.flash.bytes[sector * SECTOR : sector * SECTOR + 32] = self._entry(seq, state)

    def _entry(self, seq, state):
        return struct.pack("<I20sII", seq, FF[:20], state, crc(seq))

    # (sequence, state, crc) of both sectors.
    def entries(self):
        return [struct.unpack("<I20xII", bytes(self.flash.view[s * SECTOR : s * SECTOR + 32])) for s in (0, 1)]

    def states(self):
        return [(seq, state) if seq != 0xFFFFFFFF and check == crc(seq) else None for seq, state, check in self.entries()]

    # The sector of the active entry, or -1.
    def active(self):
        best = -1
        found = self.entries()
        for i, (seq, state, check) in enumerate(found):
            if seq != 0xFFFFFFFF and state not in (INVALID, ABORTED) and check == crc(seq):
                if best < 0 or seq > found[best][0]:
                    best = i
        return best

    def rewrite(self, sector, seq, state):
        self.flash.erase(sector * SECTOR)
        self.flash.write(sector * SECTOR, self._entry(seq, state))

    def content(self, part, size):
        return self.flash.view[part.address : part.address + size]

    def runs(self, data):
        return self.running is not None and self.content(self.running, len(data)) == data

    def state(self, part):
        for entry in self.states():
            if entry and (entry[0] - 1) % len(self.slots) == part.subtype - 16:
                return entry[1]

    # The bootloader. Sets running, None: nothing boots any more.
    def boot(self):
        self.flash.dead = False
        self.resets += 1
        self.running = None
        index = -1
        first = False
        if self.find(1, 0):
            if self.rollback:
                for sector, (seq, state, check) in enumerate(self.entries()):
                    if state == PENDING_VERIFY:
                        self.rewrite(sector, seq, ABORTED)
            active = self.active()
            if active >= 0:
                seq, state, _ = self.entries()[active]
                index = (seq - 1) % len(self.slots)
                if self.rollback and state == NEW:
                    self.rewrite(active, seq, PENDING_VERIFY)
            elif not self.factory:
                index = 0
                first = all(e is None for e in self.states())
        order = list(range(index, -2, -1)) + list(range(index + 1, len(self.slots)))
        for i in order:
            part = self.factory if i < 0 else self.slots[i]
            if part and verify(self.flash, part, self.chip_id):
                self.running = part
                if first and i >= 0:
                    self.rewrite(0, i + 1, VALID)
                return part


device = None


# Every test begins with a new device. The image runs from the first slot and is confirmed.
def start(data, **options):
    global device
    device = Device(**options)
    device.load(device.factory or device.slots[0], data)
    device.boot()
    assert device.runs(data)
    device.flash.operations = 0
    device.flash.erased.clear()
    return device
