# esp32.Partition on the model of chip.py: MicroPython's own methods in Stock, those of firmware/ota/ in Extended.
import struct

import chip
from chip import SECTOR


def _dev():
    if chip.device.flash.dead:
        raise chip.PowerCut()
    return chip.device


def _fail(code):
    raise OSError(code, "ESP_ERR")


class Stock:
    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, which):
        dev = _dev()
        if which == 0:
            part = _boot_partition(dev)
        elif which == 1:
            part = dev.running
        else:
            found = [p for p in dev.partitions if p.label == which]
            part = found[0] if found else None
        if part is None:
            raise OSError(2)
        self._part = part

    @classmethod
    def _of(cls, part):
        self = cls(cls.RUNNING)
        self._part = part
        return self

    @staticmethod
    def find(type=0, subtype=0xFF, label=None):
        return [Partition._of(p) for p in _dev().find(type, subtype) if label in (None, p.label)]

    def info(self):
        p = self._part
        return (p.kind, p.subtype, p.address, p.size, p.label, chip.device.flash.encrypted)

    def _range(self, block, size, offset):
        at = block * SECTOR + offset
        if at > self._part.size:
            _fail(chip.INVALID_ARG)
        if at + size > self._part.size:
            _fail(chip.INVALID_SIZE)
        return self._part.address + at

    def readblocks(self, block, buf, offset=0):
        buf = memoryview(buf)
        _dev().flash.read(self._range(block, len(buf), offset), buf)

    def writeblocks(self, block, buf, offset=None):
        buf = memoryview(buf)
        at = self._range(block, len(buf), offset or 0)
        flash = _dev().flash
        if offset is None:
            if at % SECTOR or len(buf) % SECTOR:
                _fail(chip.INVALID_SIZE)
            flash.erase(at, len(buf))
        flash.write(at, buf)

    def ioctl(self, command, argument):
        if command in (1, 2, 3):
            return 0
        if command == 4:
            return self._part.size // SECTOR
        if command == 5:
            return SECTOR
        if command == 6:
            _dev().flash.erase(self._range(argument, SECTOR, 0))
            return 0

    # esp_ota_set_boot_partition()
    def set_boot(self):
        dev = _dev()
        if not chip.verify(dev.flash, self._part, dev.chip_id):
            _fail(chip.VALIDATE_FAILED)
        if self._part.kind != 0:
            _fail(chip.INVALID_ARG)
        if not dev.find(1, 0):
            _fail(chip.NOT_FOUND)
        if self._part.subtype == 0:
            dev.flash.erase(0, 2 * SECTOR)
            return
        if dev.anti_rollback and _description(dev, self._part)[0] < dev.efuse:
            dev.flash.erase(self._part.address, self._part.size)
            _fail(chip.SMALL_SEC_VER)
        slot = self._part.subtype - 16
        count = len(dev.slots)
        state = chip.NEW if dev.rollback else chip.UNDEFINED
        active = dev.active()
        if active < 0:
            dev.rewrite(0, slot + 1, state)
            return
        seq = dev.entries()[active][0]
        i = 0
        while seq > (slot + 1) % count + i * count:
            i += 1
        dev.rewrite(1 - active, (slot + 1) % count + i * count, state)

    def get_next_update(self):
        slots = _dev().slots
        if not slots:
            raise OSError(2)
        for i, part in enumerate(slots):
            if part is self._part:
                return Partition._of(slots[(i + 1) % len(slots)])
        return Partition._of(slots[0])

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        dev = _dev()
        if not dev.find(1, 0):
            _fail(chip.NOT_FOUND)
        active = dev.active()
        if active < 0:
            _fail(chip.ESP_FAIL)
        seq, state, _ = dev.entries()[active]
        if state != chip.VALID:
            dev.rewrite(active, seq, chip.VALID)
            if dev.anti_rollback:
                dev.efuse = max(dev.efuse, _description(dev, dev.running)[0])


class Extended(Stock):
    APP_STATE_NEW = 0
    APP_STATE_PENDING_VERIFY = 1
    APP_STATE_VALID = 2
    APP_STATE_INVALID = 3
    APP_STATE_ABORTED = 4
    APP_STATE_UNDEFINED = -1

    def app_state(self):
        dev = _dev()
        if self._part.subtype < 16 or self._part.kind != 0:
            raise OSError(chip.NOT_SUPPORTED)
        state = dev.state(self._part)
        if state is None:
            _fail(chip.NOT_FOUND)
        return -1 if state == chip.UNDEFINED else state

    def app_description(self):
        return _description(_dev(), self._part)

    def app_verify(self):
        dev = _dev()
        _description(dev, self._part)
        return chip.verify(dev.flash, self._part, dev.chip_id) or _fail(chip.VALIDATE_FAILED)

    def set_boot(self, *, verify=True):
        _description(_dev(), self._part)
        Stock.set_boot(self)

    @classmethod
    def check_rollback_is_possible(cls):
        dev = _dev()
        active = dev.active()
        if active < 0:
            return False
        seq, state, check = dev.entries()[1 - active]
        if seq == 0xFFFFFFFF or state in (chip.INVALID, chip.ABORTED) or check != chip.crc(seq):
            return chip.verify(dev.flash, dev.factory, dev.chip_id) > 0
        return chip.verify(dev.flash, dev.slots[(seq - 1) % len(dev.slots)], dev.chip_id) > 0

    @classmethod
    def mark_app_invalid_rollback_and_reboot(cls):
        dev = _dev()
        active = dev.active()
        if active < 0:
            _fail(chip.ESP_FAIL)
        if not cls.check_rollback_is_possible():
            _fail(chip.ROLLBACK_FAILED)
        dev.rewrite(active, dev.entries()[active][0], chip.INVALID)
        raise chip.Reset()


def _boot_partition(dev):
    if not dev.find(1, 0):
        return None
    active = dev.active()
    if active >= 0:
        return dev.slots[(dev.entries()[active][0] - 1) % len(dev.slots)]
    return dev.factory or (dev.slots[0] if dev.slots else None)


def _text(raw):
    return bytes(raw).split(b"\0", 1)[0].decode()


def _description(dev, part):
    if part.kind != 0:
        raise OSError(chip.NOT_SUPPORTED)
    view = dev.content(part, 288)
    magic, secure = struct.unpack_from("<II", view, 32)
    if magic != 0xABCD5432:
        _fail(chip.NOT_FOUND)
    texts = [_text(view[at : at + size]) for at, size in ((48, 32), (80, 32), (112, 16), (128, 16), (144, 32))]
    return (secure,) + tuple(texts) + (bytes(view[176:208]),)


Partition = Stock


# Whether the firmware has the functions of firmware/ota/.
def use(extended):
    global Partition
    Partition = Extended if extended else Stock
