# Devices that live: they are updated, confirmed, sent back and reset, and the power goes at any erase and any write, of
# the package, of ESP-IDF and of the bootloader. After each cut a whole image has to run, the old one or the new one.
import io
import random

import bench
import chip
import esp32
import machine
import ota
import ota.rollback
import ota.status
import ota.update

# Half of them without SHA-256: for those a checksum of 8 bits is all that the bootloader has to go by.
IMAGES = [
    chip.image(size, version="1.%d.0" % i, hashed=bool(i % 2), seed=100 + i)
    for i, size in enumerate((4096, 5008, 8192, 8208, 9008, 12288, 3008, 12000))
]
KINDS = (
    {"slots": 2},
    {"slots": 2},
    {"slots": 3},
    {"slots": 2, "factory": True},
    {"slots": 2, "rollback": False},
    {"slots": 2, "encrypted": True},
)

cuts = 0
installed = 0
seen = {}  # how often the power went in which action


class Life:
    def __init__(self):
        self.device = bench.new_device(random.choice(IMAGES), slot_size=4 * chip.SECTOR, **random.choice(KINDS))
        self.flash = self.device.flash
        if not self.device.rollback:
            self.device.put_entry(0, 1, chip.UNDEFINED)
        self.mine = self.running()
        self.log = []

    # The last steps, for whoever has to find out what happened.
    def note(self, what):
        whole = [p.label for p in self.device.find(0) if chip.verify(self.flash, p, 0)]
        self.log = self.log[-5:] + [(what, self.device.running.label, self.device.states(), whole)]

    # The image that runs: one of the pool to the last byte.
    def running(self):
        for data in IMAGES:
            if self.device.runs(data):
                return data
        raise AssertionError("what runs is no image that was ever installed")

    # No slot may look like an image and not be one.
    def check_slots(self):
        for part in self.device.find(0):
            if chip.verify(self.flash, part, 0):
                if not any(self.device.content(part, len(data)) == data for data in IMAGES):
                    raise AssertionError("%s boots, and is no image that was ever installed: %s" % (part.label, self.log))

    # The images in some slots.
    def whole(self, *parts):
        return [data for data in IMAGES for part in parts if self.device.content(part._part, len(data)) == data]

    def power_on(self):
        global cuts
        while True:
            try:
                machine.restart()
                if random.randrange(4) == 0:
                    self.flash.fuse = random.randrange(1, 5)
                if not self.device.boot():
                    raise AssertionError("the device is lost: %s" % self.log)
                self.flash.fuse = 0
                return
            except chip.PowerCut:
                cuts += 1
                seen["boot"] = seen.get("boot", 0) + 1

    # Does something, perhaps with a cut, and boots after a cut or a reset. False: the power went.
    def attempt(self, action, most, *arguments):
        global cuts
        may = self.whole(*esp32.Partition.find(0))
        if action == self.update:
            may = list(arguments) + self.whole(ota.status.current_ota, ota.status.boot_ota())
        self.note(action.__name__)
        self.flash.fuse = random.randrange(1, most) if random.randrange(16) else 0
        try:
            action(*arguments)
            self.flash.fuse = 0
            return True
        except chip.PowerCut:
            cuts += 1
            seen[action.__name__] = seen.get(action.__name__, 0) + 1
        except chip.Reset:
            self.flash.fuse = 0
        self.power_on()
        self.check_slots()
        self.note("boot")
        if self.running() not in may:
            raise AssertionError("an image runs that is neither the old nor the new one: %s" % self.log)
        if action == self.update and self.running() is not self.mine and self.device.rollback:
            # What is new is on trial.
            if self.device.state(self.device.running) == chip.VALID:
                raise AssertionError("an image runs confirmed that nobody has confirmed: %s" % self.log)
        self.mine = self.running()
        return False

    def update(self, data):
        global installed
        with ota.update.OTA(verbose=False, allow="any", verify=random.randrange(2) > 0) as update:
            update.from_stream(io.BytesIO(data))
        installed += 1

    def reset(self):
        raise chip.Reset()

    def step(self):
        choice = random.randrange(20)
        try:
            if ota.rollback.pending() and choice < 12:
                self.attempt(ota.confirm, 4)
            elif choice < 15:
                data = random.choice(IMAGES)
                if self.attempt(self.update, 2 * (len(data) // chip.SECTOR) + 7, data) and random.randrange(3):
                    self.attempt(self.reset, 2)
            else:
                self.attempt((self.reset, ota.rollback.force, ota.rollback.cancel_force, ota.rollback.now)[choice % 4], 5)
        except (OSError, ota.StateError):
            # On trial, or nothing to go back to, or told to go back and to stay.
            self.flash.fuse = 0


life = None


# Goes on with the lives until there were so many cuts, and some more steps.
def live(until):
    global life
    steps = 0
    while cuts < until:
        if life is None or random.randrange(200) == 0:
            life = Life()
        life.step()
        steps += 1
        if steps == 100:
            # The memory of one call is freed when it has returned.
            return
