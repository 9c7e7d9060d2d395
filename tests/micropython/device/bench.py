# What the cases share: a device with a first image, expectations, and no real waiting.
import sys

import chip
import esp32
import internet
import machine

# Whether esp32.Partition has the functions of firmware/ota/ as well as MicroPython's own.
extended = False


# Once, before anything else: the package binds Partition when it is imported, and must not really wait.
def start(with_functions):
    global extended
    extended = with_functions
    esp32.use(extended)
    import ota.http
    import ota.status
    import ota.update

    ota.http.sleep_ms = ota.update.sleep_ms = internet.slept.append
    ota.status.sleep = lambda seconds: internet.slept.append(1000 * seconds)


OLD = chip.image(9 * 1024, version="1.0.0", secure=1, seed=1)
NEW = chip.image(11 * 1024, version="1.1.0", secure=1, seed=2)


def new_device(data=OLD, **options):
    internet.restart()
    machine.restart()
    return chip.start(data, **options)


def sha(data):
    from hashlib import sha256

    return sha256(data).digest().hex()


def equal(got, wanted):
    assert got == wanted, "%r is not %r" % (got, wanted)


def contains(text, part):
    assert part in text, "%r is not in %r" % (part, text)


# Calls, and returns what it raised: exactly of this kind, with these words.
def raises(kind, words, call, *args, **options):
    try:
        call(*args, **options)
    except Exception as error:
        if type(error) is not kind:
            raise
        contains(str(error), words)
        return error
    raise AssertionError("%s was expected, with %r; nothing was raised" % (kind.__name__, words))


# Calls something that resets the chip, and lets the chip boot.
def resets(call, *args, **options):
    try:
        call(*args, **options)
    except chip.Reset:
        return reset()
    raise AssertionError("a reset was expected")


def reset():
    machine.restart()
    assert chip.device.boot(), "the device is lost"
    return chip.device


# The device is as it was: same bytes, nothing but reading happened.
def untouched(device):
    equal(device.flash.operations, 0)
    equal(internet.open_sockets, 0)


# What print() shows while call runs.
def printed(call, *args, **options):
    lines = []
    import builtins

    def catch(*args, end="\n", **_):
        lines.append(" ".join(str(a) for a in args) + end)

    real = builtins.print
    builtins.print = catch
    try:
        call(*args, **options)
    finally:
        builtins.print = real
    return "".join(lines)
