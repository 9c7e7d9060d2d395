# What there is to see of slots and trials.
import sys
from time import sleep

import machine
from esp32 import Partition

from . import image, slots

otastate = {0: "NEW", 1: "PENDING", 2: "VALID", 3: "INVALID", 4: "ABORTED", -1: "UNDEFINED"}

boot_ota = slots.boot
ota_partitions = slots.slots


# current_ota, next_ota, otadata_part: read when they are asked for.
def __getattr__(attr):
    if attr == "current_ota":
        return slots.running()
    if attr == "next_ota":
        return _next()
    if attr == "otadata_part":
        return slots.otadata()
    raise AttributeError(attr)


def _next():
    here = slots.running()
    try:
        there = here.get_next_update() if slots.otadata() else here
    except OSError:
        return None
    return None if slots.same(here, there) else there


# True if the partition table has otadata and a slot for the next update.
def ready():
    return _next() is not None


# info() of every partition, by address.
def partition_table():
    found = [p.info() for kind in (Partition.TYPE_APP, Partition.TYPE_DATA) for p in Partition.find(kind)]
    found.sort(key=lambda i: i[2])
    return found


def _subtype(kind, number):
    if kind == Partition.TYPE_APP:
        return "factory" if number == 0 else "ota_%d" % (number - 16) if 16 <= number < 32 else "0x%02x" % number
    return {0: "ota", 1: "phy", 2: "nvs", 4: "nvs_keys", 129: "fat"}.get(number, "0x%02x" % number)


def partition_table_print():
    print("%-16s %-4s %-8s %10s %10s" % ("name", "type", "subtype", "offset", "size"))
    for kind, number, offset, size, label, encrypted in partition_table():
        print(
            "%-16s %-4s %-8s %#10x %#10x%s"
            % (
                label,
                "app" if kind == Partition.TYPE_APP else "data",
                _subtype(kind, number),
                offset,
                size,
                " encrypted" if encrypted else "",
            )
        )


# The two entries of otadata.
def otadata_check():
    for sector, entry in enumerate(slots.entries()):
        if entry:
            print("otadata %d: sequence %d, %s" % (sector, entry[0], otastate.get(entry[1], entry[1])))
        else:
            print("otadata %d: empty" % sector)


def _describe(part):
    try:
        chip, secure, version, project = image.describe_slot(part)
    except ValueError:
        return "no app image"
    state = slots.state(part)
    return "%s %s, secure_version %d, %s" % (
        project or "app",
        version or "without a version",
        secure,
        "no record" if state is None else otastate.get(state, state),
    )


# Prints all of it.
def status():
    here = slots.running()
    print("%s runs from '%s', and '%s' boots next." % (sys.version.split("; ")[-1], slots.name(here), slots.name(slots.boot())))
    there = _next()
    print("An update goes to '%s'." % slots.name(there) if there else "This device takes no updates over the air.")
    for part in Partition.find(Partition.TYPE_APP):
        print("%s: %s" % (slots.name(part), _describe(part)))
    otadata_check()
    partition_table_print()


# Resets after a while in which Ctrl-C can stop it.
def ota_reboot(delay=10):
    for left in range(delay, 0, -1):
        print("\rReset in %2d seconds, Ctrl-C stops it" % left, end="")
        sleep(1)
    print()
    machine.reset()


# ota.rollback.force(), and the reset if wanted.
def force_rollback(reboot=False):
    from .rollback import force

    force()
    if reboot:
        ota_reboot()
