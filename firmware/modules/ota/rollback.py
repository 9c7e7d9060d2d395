# Keeping the firmware that runs, and going back from it.
import machine
from esp32 import Partition

from . import image, slots
from .errors import StateError


# Keeps the running firmware. True: it is confirmed; False: nothing to confirm, this device keeps no record of trials.
def confirm():
    here = slots.running()
    state = slots.state(here)
    if state is None:
        return False
    if state != slots.VALID:
        # ESP-IDF marks the entry that boots next, whichever app runs: with an update waiting that would end its trial
        # before it began.
        if not slots.same(slots.boot(), here):
            raise StateError(
                "%s boots next, not the firmware that runs: confirm() would confirm the wrong one" % slots.name(slots.boot())
            )
        Partition.mark_app_valid_cancel_rollback()
    return True


# True while the running firmware is on trial: the next reset without confirm() goes back.
def pending():
    return slots.state(slots.running()) == slots.PENDING_VERIFY


# True if there is another firmware to go back to. Without the functions of firmware/ota/ only its beginning is looked at.
def possible():
    if hasattr(Partition, "check_rollback_is_possible"):
        return Partition.check_rollback_is_possible()
    here = slots.running()
    for part in Partition.find(Partition.TYPE_APP):
        if slots.otadata() and not slots.same(part, here):
            try:
                image.describe_slot(part)
                return True
            except ValueError:
                pass
    return False


# confirm() under the name that it has in micropython-esp32-ota.
def cancel():
    if not confirm():
        print("ota.rollback.cancel(): this device keeps no record of trials, so there is nothing to cancel")


# The firmware of the other slot boots at the next reset (on trial: it has to confirm itself).
def force():
    here = slots.running()
    found = slots.slots()
    for i, part in enumerate(found):
        if slots.same(part, here):
            part = found[i - 1]
            break
    else:
        part = found[0] if found else here
    if slots.same(part, here):
        raise StateError("no second app slot: there is nothing to go back to")
    if not slots.same(part, slots.boot()):
        part.set_boot()


# Undoes force(), and an update that waits for its reset: the running firmware boots again.
def cancel_force():
    slots.withdraw()


# Goes back and resets. Does not return.
def now():
    here = slots.running()
    if slots.same(slots.boot(), here):
        if hasattr(Partition, "mark_app_invalid_rollback_and_reboot"):
            try:
                Partition.mark_app_invalid_rollback_and_reboot()
            except OSError:
                # Nothing recorded to go back to. A trial ends with the reset all the same.
                if not pending():
                    raise
        elif not pending():
            force()
    # A trial that was not confirmed, or another slot that was chosen.
    machine.reset()
