# The parts of machine that the package uses. Time moves when a test says so.
import chip

timers = []
watchdogs = []
full_for = 0  # of so many events: the scheduler's queue is full, and the port drops them


def reset():
    raise chip.Reset()


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, number):
        self.number = number
        self.left = None

    def init(self, *, mode, period, callback):
        self.left = self.period = period
        self.mode = mode
        self.callback = callback
        timers.append(self)

    def deinit(self):
        self.left = None


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.left = self.timeout = timeout
        watchdogs.append(self)

    def feed(self):
        self.left = self.timeout


# Lets time pass. A watchdog resets the chip, a timer calls back.
def pass_ms(ms):
    global full_for
    for watchdog in watchdogs:
        watchdog.left -= ms
        if watchdog.left <= 0:
            raise chip.Reset()
    for timer in timers:
        if timer.left is not None:
            timer.left -= ms
            if timer.left <= 0:
                timer.left = timer.period if timer.mode == Timer.PERIODIC else None
                if full_for:
                    full_for -= 1
                else:
                    timer.callback(timer)


# What a reset does.
def restart():
    global full_for
    full_for = 0
    timers.clear()
    watchdogs.clear()
