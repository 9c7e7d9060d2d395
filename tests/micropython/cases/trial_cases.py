# Trials, confirmation, going back, and what status() shows. The names are those of micropython-esp32-ota.
import io

import bench
import chip
import machine
import ota
import ota.rollback
import ota.status
import ota.update
from bench import NEW, OLD, equal, new_device, raises, reset, resets


def installed(**options):
    device = new_device(**options)
    with ota.update.OTA(verbose=False) as update:
        update.from_stream(io.BytesIO(NEW))
    return device


def on_trial(**options):
    device = installed(**options)
    reset()
    assert device.runs(NEW)
    return device


def test_confirm_says_whether_there_is_a_record():
    new_device()
    equal(ota.confirm(), True)
    on_trial()
    equal(ota.confirm(), True)
    equal(ota.confirm(), True)
    new_device(factory=True)
    equal(ota.confirm(), False)
    new_device(otadata=False)
    equal(ota.confirm(), False)


def test_confirm_writes_nothing_when_there_is_nothing_to_confirm():
    device = new_device()
    ota.confirm()
    equal(device.flash.operations, 0)


def test_confirm_does_not_confirm_an_update_that_has_not_run_yet():
    device = installed()
    # Confirmed already: fine, and the update stays on trial.
    equal(ota.confirm(), True)
    ota.rollback.cancel()
    reset()
    assert device.runs(NEW)
    assert ota.rollback.pending()
    reset()
    assert device.runs(OLD)


def test_confirm_refuses_where_another_firmware_boots_next():
    # The entry of the running slot is gone, as after a fallback of the bootloader.
    device = new_device()
    device.load(device.slots[1], NEW)
    device.put_entry(0, 2, chip.NEW)
    device.put_entry(1, 1, chip.UNDEFINED)
    raises(ota.StateError, "ota_1 boots next, not the firmware that runs", ota.confirm)


def test_a_bootloader_without_rollback_can_be_confirmed_too():
    device = installed(rollback=False)
    reset()
    assert device.runs(NEW)
    assert not ota.rollback.pending()
    equal(ota.confirm(), True)
    equal(device.state(device.running), chip.VALID)


def test_cancel_is_confirm_and_says_when_there_is_nothing():
    device = on_trial()
    equal(bench.printed(ota.rollback.cancel), "")
    reset()
    assert device.runs(NEW)
    new_device(otadata=False)
    bench.contains(bench.printed(ota.rollback.cancel), "nothing to cancel")


def test_force_boots_the_other_firmware_and_cancel_force_takes_that_back():
    device = on_trial()
    ota.confirm()
    ota.rollback.force()
    reset()
    assert device.runs(OLD)
    ota.confirm()
    ota.rollback.force()
    ota.rollback.cancel_force()
    for _ in range(2):
        reset()
        assert device.runs(OLD)
        assert not ota.rollback.pending()


def test_cancel_force_with_nothing_forced_changes_nothing():
    device = new_device()
    ota.rollback.cancel_force()
    equal(device.flash.operations, 0)
    device = on_trial()
    operations = device.flash.operations
    ota.rollback.cancel_force()
    equal(device.flash.operations, operations)


def test_cancel_force_drops_an_update_that_waits_for_its_reset():
    for factory in (False, True):
        device = installed(factory=factory)
        ota.rollback.cancel_force()
        for _ in range(3):
            reset()
            assert device.runs(OLD)
            assert not ota.rollback.pending()


def test_a_firmware_that_runs_because_the_chosen_one_did_not_boot_is_confirmed_again():
    def fallen_back():
        device = new_device()
        device.put_entry(0, 2, chip.VALID)
        reset()
        assert device.runs(OLD)
        equal(ota.status.boot_ota().info()[4], "ota_1")
        return device

    device = fallen_back()
    ota.rollback.cancel_force()
    for _ in range(3):
        reset()
        assert device.runs(OLD)
        assert not ota.rollback.pending()
    device = fallen_back()
    with ota.update.OTA(verbose=False) as update:
        update.from_stream(io.BytesIO(NEW))
    reset()
    assert device.runs(NEW)
    reset()
    assert device.runs(OLD)
    assert not ota.rollback.pending()


def test_force_without_a_second_firmware_is_refused():
    for options in ({"slots": 1}, {"slots": 0, "factory": True}):
        new_device(**options)
        raises(ota.StateError, "nothing to go back to", ota.rollback.force)
    device = new_device()
    error = raises(OSError, "", ota.rollback.force)
    equal(error.args[0], chip.NOT_FOUND if bench.extended else chip.VALIDATE_FAILED)
    assert reset().runs(OLD)


def test_possible_says_whether_there_is_something_to_go_back_to():
    device = new_device()
    equal(ota.rollback.possible(), False)
    on_trial()
    equal(ota.rollback.possible(), True)
    ota.confirm()
    equal(ota.rollback.possible(), True)
    device = new_device(factory=True)
    with ota.update.OTA(verbose=False) as update:
        update.from_stream(io.BytesIO(NEW))
    reset()
    equal(ota.rollback.possible(), True)
    new_device(otadata=False)
    equal(ota.rollback.possible(), False)


def test_now_ends_a_trial():
    device = on_trial()
    resets(ota.rollback.now)
    assert device.runs(OLD)
    equal(device.state(device.slots[1]), chip.INVALID if bench.extended else chip.ABORTED)


def test_now_goes_back_from_a_confirmed_firmware():
    device = on_trial()
    ota.confirm()
    resets(ota.rollback.now)
    assert device.runs(OLD)


def test_now_with_nothing_to_go_back_to_is_an_error():
    device = new_device()
    raises(OSError, "", ota.rollback.now)
    assert reset().runs(OLD)


def test_a_self_test_that_passes_keeps_the_firmware():
    device = on_trial()
    with ota.self_test(60000):
        machine.pass_ms(59000)
    machine.pass_ms(100000)
    reset()
    assert device.runs(NEW)


def test_a_self_test_that_raises_goes_back():
    device = on_trial()

    def run():
        with ota.self_test(60000):
            raise OSError("no sensor")

    resets(run)
    assert device.runs(OLD)


def test_a_self_test_that_is_late_goes_back():
    device = on_trial()
    test = ota.self_test(60000)
    assert test.pending
    machine.pass_ms(59999)
    resets(machine.pass_ms, 1)
    assert device.runs(OLD)


def test_a_deadline_that_finds_the_queue_of_callbacks_full_comes_again():
    on_trial()
    ota.self_test(1000)
    machine.full_for = 2
    machine.pass_ms(1000)
    machine.pass_ms(1000)
    resets(machine.pass_ms, 1000)
    assert reset().runs(OLD)


def test_a_self_test_that_fails_goes_back():
    device = on_trial()
    resets(ota.self_test().failed)
    assert device.runs(OLD)


def test_a_self_test_can_be_passed_and_failed_by_calls():
    device = on_trial()
    test = ota.self_test(60000)
    test.passed()
    # Too late to fail.
    test.failed()
    machine.pass_ms(100000)
    reset()
    assert device.runs(NEW)


def test_a_self_test_of_a_confirmed_firmware_does_nothing():
    device = new_device()
    with ota.self_test(1000, watchdog_ms=1000) as test:
        equal(test.pending, False)
        machine.pass_ms(10000)
    equal((machine.timers, machine.watchdogs), ([], []))
    equal(device.flash.operations, 0)

    def run():
        with ota.self_test(1000):
            raise KeyError("mine")

    raises(KeyError, "mine", run)


def test_ctrl_c_does_not_end_a_self_test():
    device = on_trial()
    try:
        with ota.self_test(60000):
            raise KeyboardInterrupt()
    except KeyboardInterrupt:
        pass
    assert device.runs(NEW)
    assert ota.rollback.pending()
    resets(machine.pass_ms, 60000)
    assert device.runs(OLD)


def test_the_watchdog_of_a_self_test_resets_a_device_that_hangs():
    device = on_trial()
    test = ota.self_test(watchdog_ms=10000)
    machine.pass_ms(9000)
    test.feed()
    machine.pass_ms(9000)
    resets(machine.pass_ms, 9000)
    assert device.runs(OLD)


def test_the_timer_of_a_self_test_can_be_chosen():
    on_trial()
    ota.self_test(1000, timer=3)
    equal([timer.number for timer in machine.timers], [3])


def test_ready_says_whether_updates_are_possible():
    for options, ready in (({}, True), ({"factory": True}, True), ({"otadata": False}, False), ({"slots": 1}, False)):
        new_device(**options)
        equal(ota.status.ready(), ready)


def test_status_shows_what_there_is():
    device = on_trial()
    text = bench.printed(ota.status.status)
    for part in ("runs from 'ota_1'", "'ota_1' boots next", "An update goes to 'ota_0'", "micropython 1.1.0, secure_version 1, PENDING"):
        bench.contains(text, part)
    for part in ("sequence 1, VALID", "sequence 2, PENDING", "otadata", "ota_0", "0x8000", "fat"):
        bench.contains(text, part)
    for options in ({"otadata": False}, {"slots": 1}, {"factory": True}, {"slots": 0, "factory": True}):
        new_device(**options)
        bench.contains(bench.printed(ota.status.status), "no app image" if options == {"factory": True} else "ota")


def test_status_has_the_names_of_micropython_esp32_ota():
    device = new_device()
    equal(ota.status.current_ota.info()[4], "ota_0")
    equal(ota.status.next_ota.info()[4], "ota_1")
    equal(ota.status.otadata_part.info()[4], "otadata")
    equal(ota.status.boot_ota().info()[4], "ota_0")
    equal([p.info()[4] for p in ota.status.ota_partitions()], ["ota_0", "ota_1"])
    equal([i[4] for i in ota.status.partition_table()], ["otadata", "ota_0", "ota_1", "vfs"])
    bench.contains(bench.printed(ota.status.partition_table_print), "ota_1")
    bench.contains(bench.printed(ota.status.otadata_check), "VALID")
    equal(ota.status.otastate[1], "PENDING")
    raises(AttributeError, "other", getattr, ota.status, "other")
    with ota.update.OTA(verbose=False) as update:
        update.from_stream(io.BytesIO(NEW))
    equal(ota.status.boot_ota().info()[4], "ota_1")
    resets(ota.status.ota_reboot, 1)
    ota.confirm()
    resets(ota.status.force_rollback, True)
    assert device.runs(OLD)


def test_state_is_that_of_each_slot():
    from ota import slots

    device = on_trial()
    equal([slots.state(p) for p in slots.slots()], [slots.VALID, slots.PENDING_VERIFY])
    device.put_entry(0, 1, chip.UNDEFINED)
    equal(slots.state(slots.slots()[0]), slots.UNDEFINED)
    new_device(factory=True)
    equal(slots.state(slots.running()), None)


def test_what_an_older_trial_left_does_not_hide_the_trial_that_runs():
    device = new_device(slots=3, factory=True)
    device.load(device.slots[1], NEW)
    # Both are of ota_1, and the older one has the higher sequence.
    device.put_entry(0, 2, chip.NEW)
    device.put_entry(1, 5, chip.ABORTED)
    reset()
    assert device.runs(NEW)
    equal(ota.rollback.pending(), True)
    raises(ota.StateError, "call ota.confirm() first", ota.update.OTA)


def test_an_entry_with_a_wrong_crc_counts_for_nothing():
    from ota import slots

    device = new_device()
    device.flash.bytes[28] ^= 1
    equal(slots.entries(), [None, None])
    equal(slots.state(slots.running()), None)
