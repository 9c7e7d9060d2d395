# The app slots and the record of which of them boots (otadata).
import struct
from binascii import crc32

from esp32 import Partition
from micropython import const

from .errors import StateError

# esp_ota_img_states_t of ESP-IDF; UNDEFINED as Partition.APP_STATE_UNDEFINED has it.
NEW = const(0)
PENDING_VERIFY = const(1)
VALID = const(2)
INVALID = const(3)
ABORTED = const(4)
UNDEFINED = const(-1)

_FIRST_OTA = const(16)
_LAST_OTA = const(31)
_EMPTY = const(0xFFFFFFFF)
_ERASE = const(6)  # ioctl of a block device


def running():
    return Partition(Partition.RUNNING)


# What the bootloader would choose now. Without otadata that is what runs.
def boot():
    try:
        return Partition(Partition.BOOT)
    except OSError:
        return running()


def same(a, b):
    return a.info()[2] == b.info()[2]


def name(part):
    return part.info()[4]


def otadata():
    found = Partition.find(Partition.TYPE_DATA, 0)
    return found[0] if found else None


# The OTA slots, ota_0 first.
def slots():
    found = [p for p in Partition.find(Partition.TYPE_APP) if _FIRST_OTA <= p.info()[1] <= _LAST_OTA]
    found.sort(key=lambda p: p.info()[1])
    return found


# Of each of the two sectors of otadata (sequence, state), or None where there is no whole entry.
def entries():
    part = otadata()
    result = []
    if part:
        entry = bytearray(32)
        for sector in (0, 1):
            part.readblocks(sector, entry)
            seq, state, crc = struct.unpack("<I20xII", entry)
            good = seq != _EMPTY and crc32(entry[:4], _EMPTY) == crc
            result.append((seq, UNDEFINED if state == _EMPTY else state) if good else None)
    return result


# The state of a slot, or None where there is no record of one (factory app, blank otadata).
def state(part):
    if hasattr(part, "app_state"):
        try:
            return part.app_state()
        except OSError:
            return None
    # Both entries can name the slot: one of them then is what is left of an older trial.
    found = [e for e in entries() if e and _is_of(e, part)]
    found.sort(key=lambda e: (e[1] not in (INVALID, ABORTED), e[0]))
    return found[-1][1] if found else None


def _is_of(entry, part):
    count = len(slots())
    return count > 0 and (entry[0] - 1) % count == part.info()[1] - _FIRST_OTA


# The slot that an update goes into. StateError where there is none, or not yet.
def target():
    here = running()
    if not otadata():
        raise StateError("no otadata partition: this device's partition table is not made for updates over the air")
    try:
        there = here.get_next_update()
    except OSError:
        there = here
    if same(here, there):
        raise StateError("no second app slot: this device's partition table is not made for updates over the air")
    if state(here) == PENDING_VERIFY:
        raise StateError(
            "the running firmware is on trial: call ota.confirm() first, the other slot holds the way back"
        )
    return there


# Makes the running app the one that boots, where another one had been chosen.
def withdraw():
    here = running()
    if same(boot(), here):
        return
    found = entries()
    for sector, entry in enumerate(found):
        if entry and found[1 - sector] and entry[1] not in (INVALID, ABORTED) and _is_of(entry, here):
            # The record of this app is whole and stays as it is; the newer one goes.
            otadata().ioctl(_ERASE, 1 - sector)
            if same(boot(), here):
                return
    # It runs without a record, because the one that was chosen did not boot. set_boot() puts it on trial, and then it is
    # the active entry, its own, that gets marked.
    here.set_boot()
    if state(here) is not None:
        Partition.mark_app_valid_cancel_rollback()
