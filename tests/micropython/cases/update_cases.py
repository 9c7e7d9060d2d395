# What is written, and what is refused before anything is.
import io
import os
import sys

import bench
import chip
import ota
import ota.update
from bench import NEW, OLD, equal, new_device, raises, reset, sha, untouched
from ota.update import OTA


def stream(data):
    return io.BytesIO(data)


def install(data, **options):
    with OTA(verbose=False, **options) as update:
        return update.from_stream(stream(data))


def test_an_update_boots_on_trial_and_stays_after_confirm():
    device = new_device()
    equal(install(NEW), len(NEW))
    assert device.runs(OLD)
    reset()
    assert device.runs(NEW)
    assert ota.rollback.pending()
    equal(ota.confirm(), True)
    reset()
    assert device.runs(NEW)


def test_an_update_that_is_not_confirmed_is_gone_after_the_next_reset():
    device = new_device()
    install(NEW)
    reset()
    assert device.runs(NEW)
    reset()
    assert device.runs(OLD)


def test_updates_go_from_slot_to_slot():
    device = new_device()
    for minor in range(1, 6):
        data = chip.image(6000 + 16 * minor, version="1.%d.0" % minor, secure=1, seed=minor)
        install(data)
        reset()
        assert device.runs(data)
        ota.confirm()


def test_three_slots_and_a_factory_app_work_as_well():
    device = new_device(slots=3, factory=True)
    equal(device.running.label, "factory")
    for minor, label in ((1, "ota_0"), (2, "ota_1"), (3, "ota_2"), (4, "ota_0")):
        data = chip.image(6000, version="1.%d.0" % minor, secure=1, seed=minor)
        install(data)
        equal(reset().running.label, label)
        assert device.runs(data)
        ota.confirm()


def test_bytes_can_be_pushed_in_pieces_of_any_size():
    for size in (1, 7, 16, 4095, 4096, 4097, 20000):
        device = new_device()
        update = OTA(verbose=False)
        for at in range(0, len(NEW), size):
            equal(update.write(NEW[at : at + size]), min(size, len(NEW) - at))
        update.close()
        assert reset().runs(NEW)


def test_a_stream_that_gives_little_at_a_time_and_sometimes_nothing():
    class Slow:
        def __init__(self):
            self.at = self.calls = 0

        def readinto(self, buf):
            self.calls += 1
            if self.calls % 3 == 0:
                return None
            n = min(len(buf), 700, len(NEW) - self.at)
            buf[:n] = NEW[self.at : self.at + n]
            self.at += n
            return n

    new_device()
    with OTA(verbose=False) as update:
        equal(update.from_stream(Slow(), sha(NEW), len(NEW)), len(NEW))
    assert reset().runs(NEW)


def test_a_stream_that_falls_silent_is_given_up():
    class Silent:
        def readinto(self, buf):
            return None

    device = new_device()
    with OTA(verbose=False) as update:
        raises(ota.IntegrityError, "nothing came for 30000 ms", update.from_stream, Silent())
        raises(ota.StateError, "over", update.write, b"x")
    untouched(device)


def test_not_more_than_length_is_read_from_a_stream():
    new_device()
    source = stream(NEW + b"the next thing on the wire")
    with OTA(verbose=False) as update:
        equal(update.from_stream(source, length=len(NEW)), len(NEW))
    equal(source.read(), b"the next thing on the wire")
    assert reset().runs(NEW)


def test_a_file_can_be_installed():
    new_device()
    with open("/firmware.app-bin", "wb") as f:
        f.write(NEW)
    equal(ota.update.from_file("/firmware.app-bin", sha(NEW), len(NEW), True, False, False), len(NEW))
    assert reset().runs(NEW)


def test_a_file_that_does_not_fit_is_refused_by_its_size():
    device = new_device()
    with open("/firmware.app-bin", "wb") as f:
        f.write(NEW + bytes(40000))
    raises(ota.ImageError, "do not fit into 'ota_1'", ota.update.from_file, "/firmware.app-bin", verbose=False)
    untouched(device)


def test_an_image_as_long_as_the_slot_fits_and_one_block_more_does_not():
    for size, fits in ((8 * 4096, True), (8 * 4096 + 16, False)):
        device = new_device()
        data = chip.image(size, version="2.0.0", secure=1, seed=3)
        if fits:
            install(data)
            assert reset().runs(data)
        else:
            # The length is not known: it is found out at the end, and the slot stays no image.
            raises(ota.ImageError, "does not fit into 'ota_1'", install, data)
            assert reset().runs(OLD)
            equal(chip.verify(device.flash, device.slots[1], 0), 0)


def test_an_image_of_less_than_a_block_and_one_of_odd_length_can_be_installed():
    for data in (chip.image(1024, version="2.0.0", secure=1), chip.image(9 * 1024, version="2.0.0", secure=1) + b"tail!"):
        new_device()
        install(data, sha=sha(data))
        assert reset().runs(data)


def test_a_bootloader_or_a_full_flash_image_is_refused():
    device = new_device()
    bootloader = chip.image(9 * 1024, desc=False)
    error = raises(ota.ImageError, "a bootloader or a full flash image", install, bootloader)
    bench.contains(str(error), ".app-bin")
    untouched(device)


def test_a_full_flash_image_that_is_too_long_is_refused_as_such():
    device = new_device()
    with open("/firmware.bin", "wb") as f:
        f.write(chip.image(40 * 1024, desc=False))
    raises(ota.ImageError, "a full flash image", ota.update.from_file, "/firmware.bin", verbose=False)
    untouched(device)
    raises(ota.ImageError, "40960 bytes do not fit", OTA, length=40960)


def test_what_is_no_image_at_all_is_refused():
    device = new_device()
    raises(ota.ImageError, "it begins with 0x3c", install, b"<html>" + bytes(5000))
    raises(ota.ImageError, "it begins with 0xff", install, b"\xff" * 5000)
    raises(ota.ImageError, "it has only 100 bytes", install, NEW[:100])
    raises(ota.ImageError, "it claims 0 segments", install, b"\xe9\0" + NEW[2:])
    raises(ota.ImageError, "it claims 17 segments", install, b"\xe9\x11" + NEW[2:])
    raises(ota.IntegrityError, "nothing was written", install, b"")
    untouched(device)


def test_an_image_for_another_chip_is_refused():
    device = new_device()
    data = chip.image(9 * 1024, version="2.0.0", secure=1, chip=5)
    raises(ota.ImageError, "the image is for esp32c3, this is esp32", install, data)
    data = chip.image(9 * 1024, version="2.0.0", secure=1, chip=0x0105)
    raises(ota.ImageError, "the image is for chip 261", install, data)
    untouched(device)


def test_an_image_is_compared_with_the_chip_that_runs_it():
    new_device(chip.image(9 * 1024, version="1.0.0", chip=9), chip_id=9)
    data = chip.image(9 * 1024, version="1.0.1", chip=9)
    install(data)
    assert reset().runs(data)


def test_the_same_and_older_versions_are_refused_unless_allowed():
    old = chip.image(5008, version="0.9.9", secure=1)
    same = chip.image(5008, version="1.0.0", secure=1)
    device = new_device()
    raises(ota.VersionError, "version 1.0.0 runs already", install, same)
    raises(ota.VersionError, "version 0.9.9 is older than 1.0.0", install, old)
    raises(ota.VersionError, "version 0.9.9 is older than 1.0.0", install, old, allow="same")
    untouched(device)
    for data, allow in ((same, "same"), (same, "any"), (old, "any")):
        new_device()
        install(data, allow=allow)
        assert reset().runs(data)
    raises(ValueError, "allow is one of newer, same, any", OTA, allow="everything")


def test_a_version_that_cannot_be_compared_is_refused_unless_allowed():
    for version in ("", "nightly", "1.x"):
        device = new_device()
        data = chip.image(5008, version=version, secure=1)
        raises(ota.VersionError, "cannot be compared with '1.0.0'", install, data)
        untouched(device)
        install(data, allow="any")
        assert reset().runs(data)


def test_firmware_without_a_version_such_as_stock_micropython_takes_any():
    for version in ("", "0.1.0", "nightly"):
        new_device(chip.image(5008, version=""))
        data = chip.image(6000, version=version)
        install(data)
        assert reset().runs(data)


def test_versions_have_the_order_that_git_and_semver_give_them():
    from ota.image import compare

    order = "0.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0-rc.1-3-g0123abc".split()
    order += "1.0.0 1.0.0-4-gabcdef0 1.0.0-11-gabcdef0 1.0.1 1.2 1.10 2 v2.1 10.0.0-preview.5.gabcdef 10.0.0".split()
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            equal(compare(a, b), (i > j) - (i < j))
    for a, b in (("1.0", "1.0.0"), ("v1.0.0", "1.0.0"), ("1.0.0+a", "1.0.0+b"), ("1.0.0-dirty", "1.0.0")):
        equal(compare(a, b), 0)
    for a in ("", "main", "1..0", "1.0.a", "-1", "1.-2"):
        equal(compare(a, "1.0.0"), None)
        equal(compare("1.0.0", a), None)


def test_a_lower_secure_version_is_refused_whatever_is_allowed():
    device = new_device()
    data = chip.image(5008, version="2.0.0", secure=0)
    raises(ota.VersionError, "secure_version 0 is lower than 1", install, data, allow="any")
    untouched(device)


def test_a_secure_version_below_the_one_in_efuse_is_refused_by_the_device():
    device = new_device()
    device.anti_rollback = True
    device.efuse = 3
    data = chip.image(5008, version="2.0.0", secure=2)
    raises(ota.VersionError, "lower than the one in eFuse", install, data)
    assert reset().runs(OLD)


def test_a_wrong_sha_or_length_leaves_no_image_in_the_slot():
    for options, words in (
        ({"sha": sha(OLD)}, "the SHA-256 is " + sha(NEW)),
        ({"length": len(NEW) + 1}, "only %d of %d bytes came" % (len(NEW), len(NEW) + 1)),
    ):
        device = new_device()
        raises(ota.IntegrityError, words, install, NEW, **options)
        equal(chip.verify(device.flash, device.slots[1], 0), 0)
        equal(device.flash.view[device.slots[1].address], 0xFF)
        assert reset().runs(OLD)


def test_more_pushed_bytes_than_length_are_refused():
    device = new_device()
    update = OTA(verbose=False, length=len(NEW) - 1)
    raises(ota.IntegrityError, "more than the %d bytes" % (len(NEW) - 1), update.write, NEW)
    update.close()
    assert reset().runs(OLD)


def test_a_sha_of_the_wrong_length_and_two_that_differ_are_refused():
    device = new_device()
    raises(ota.IntegrityError, "64 hexadecimal digits, not 3", OTA, sha="abc")
    update = OTA(sha=sha(NEW).upper(), verbose=False)
    raises(ota.IntegrityError, "another SHA-256 is promised", update.from_stream, stream(NEW), sha(OLD))
    untouched(device)
    with OTA(sha=sha(NEW).upper(), verbose=False) as update:
        update.from_stream(stream(NEW), sha(NEW))
    assert reset().runs(NEW)


def test_a_damaged_image_is_refused_by_the_device_and_wiped():
    device = new_device()
    data = bytearray(NEW)
    data[5000] ^= 1
    raises(ota.ImageError, "ESP-IDF refuses the image", install, bytes(data))
    equal(device.flash.view[device.slots[1].address], 0xFF)
    assert reset().runs(OLD)


def test_flash_that_forgets_is_found_by_reading_back():
    device = new_device()
    device.flash.broken = device.slots[1].address + 6000
    raises(ota.IntegrityError, "the flash does not hold what was written", install, NEW)
    device.flash.broken = None
    assert reset().runs(OLD)
    # Without reading back it is the device that finds it.
    device = new_device()
    device.flash.broken = device.slots[1].address
    raises(ota.IntegrityError, "the flash does not hold what was written", install, NEW, verify=False)


def test_no_update_while_the_running_firmware_is_on_trial():
    device = new_device()
    install(NEW)
    reset()
    operations = device.flash.operations
    raises(ota.StateError, "call ota.confirm() first", OTA)
    equal(device.flash.operations, operations)
    ota.confirm()
    newer = chip.image(5008, version="1.2.0", secure=1)
    install(newer)
    assert reset().runs(newer)


def test_no_update_without_otadata_or_a_second_slot():
    for options in ({"otadata": False}, {"slots": 1}, {"slots": 0, "factory": True}):
        device = new_device(**options)
        operations = device.flash.operations
        raises(ota.StateError, "is not made for updates over the air", OTA)
        equal(device.flash.operations, operations)


def test_an_update_in_place_of_one_that_waits_for_its_reset():
    device = new_device()
    install(NEW)
    newer = chip.image(5008, version="1.2.0", secure=1, seed=9)
    install(newer)
    reset()
    assert device.runs(newer)
    reset()
    assert device.runs(OLD)
    # The old firmware was confirmed before, and is still.
    assert not ota.rollback.pending()
    reset()
    assert device.runs(OLD)


def test_a_failed_update_in_place_of_one_that_waits_leaves_the_old_firmware_confirmed():
    device = new_device()
    install(NEW)
    newer = chip.image(9008, version="1.2.0", secure=1, seed=9)
    raises(ota.IntegrityError, "SHA-256", install, newer, sha=sha(OLD))
    for _ in range(3):
        reset()
        assert device.runs(OLD)
        assert not ota.rollback.pending()


def test_an_exception_in_the_with_block_gives_the_update_up():
    device = new_device()

    def use():
        with OTA(verbose=False) as update:
            update.write(NEW)
            raise KeyError("mine")

    raises(KeyError, "mine", use)
    assert reset().runs(OLD)


def test_a_stream_that_breaks_cannot_be_closed_into_an_update():
    class Breaks:
        def __init__(self):
            self.source = stream(NEW)

        def readinto(self, buf):
            n = self.source.readinto(buf)
            if not n:
                raise OSError(5)
            return n

    device = new_device()
    update = OTA(verbose=False)
    raises(OSError, "5", update.from_stream, Breaks())
    update.close()
    assert reset().runs(OLD)


def test_blocks_that_are_there_already_are_not_written_again():
    device = new_device()
    device.load(device.slots[1], NEW)
    device.flash.erased.clear()
    install(NEW)
    # The block with the header, and the record that it boots.
    equal(device.flash.erased, [device.slots[1].address, chip.SECTOR])
    assert reset().runs(NEW)


def test_bits_of_old_images_do_not_shine_through():
    device = new_device()
    device.load(device.slots[1], bytes(8 * 4096))
    install(NEW)
    assert reset().runs(NEW)


def test_encrypted_flash_is_written_in_whole_units():
    for size in (9 * 1024, 4096, 1024):
        for tail in (b"", b"tail!"):
            data = chip.image(size, version="1.5.0", secure=1) + tail
            new_device(encrypted=True)
            install(data, sha=sha(data))
            assert reset().runs(data)


def test_progress_is_reported_block_by_block():
    new_device()
    calls = []
    install(NEW, length=len(NEW), progress=lambda done, total: calls.append((done, total)))
    equal(calls, [(4096, len(NEW)), (8192, len(NEW)), (len(NEW), len(NEW))])
    new_device()
    calls.clear()
    install(NEW, progress=lambda done, total: calls.append((done, total)))
    equal(calls[-1], (len(NEW), 0))


def test_an_exception_from_progress_gives_the_update_up():
    def stop(done, total):
        raise KeyError("mine")

    device = new_device()
    update = OTA(verbose=False, progress=stop)
    raises(KeyError, "mine", update.write, NEW)
    raises(ota.StateError, "over", update.write, NEW)
    update.close()
    assert reset().runs(OLD)


def test_the_running_slot_is_never_erased_or_written():
    device = new_device()
    install(NEW)
    there = device.slots[1]
    for at in device.flash.erased:
        assert at < 2 * chip.SECTOR or there.address <= at < there.address + there.size


def test_memory_does_not_grow_with_the_image():
    import gc

    # This port frees nothing while a call runs: what is measured is all that was ever allocated.
    def allocated(blocks):
        data = memoryview(chip.image(blocks * 4096, version="3.0.0", secure=1, seed=4))
        new_device(slot_size=64 * 4096)
        source = Source(data)
        update = OTA(verbose=False)
        before = gc.mem_alloc()
        update.from_stream(source)
        return gc.mem_alloc() - before

    class Source:
        def __init__(self, data):
            self.data = data
            self.at = 0

        def readinto(self, buf):
            n = min(len(buf), len(self.data) - self.at)
            buf[:n] = self.data[self.at : self.at + n]
            self.at += n
            return n

    a_block = (allocated(60) - allocated(20)) / 40
    assert a_block < 1024, a_block


def test_reboot_counts_down_and_resets():
    device = new_device()
    with open("/firmware.app-bin", "wb") as f:
        f.write(NEW)
    bench.resets(ota.update.from_file, "/firmware.app-bin", verbose=False)
    assert device.runs(NEW)
    import internet

    equal(internet.slept, [1000] * 10)


def test_what_it_does_is_printed_when_verbose():
    new_device()
    with open("/firmware.app-bin", "wb") as f:
        f.write(NEW)
    text = bench.printed(ota.update.from_file, "/firmware.app-bin", reboot=False)
    for part in ("/firmware.app-bin", sha(NEW), "%d bytes" % len(NEW), "'ota_1' boots next"):
        bench.contains(text, part)
    new_device()
    equal(bench.printed(ota.update.from_file, "/firmware.app-bin", verbose=False, reboot=False), "")
