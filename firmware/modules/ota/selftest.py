# A deadline for the self-test of a firmware on trial.
import sys

from . import rollback


# Starts the clock when the running firmware is on trial, and does nothing when it is not.
# deadline_ms: after that time without passed() the device goes back to the old firmware; 0: no deadline.
# timer: number of the machine.Timer that is used. watchdog_ms: also starts machine.WDT, which nothing can stop again.
class self_test:
    def __init__(self, deadline_ms=0, timer=0, watchdog_ms=0):
        self.pending = rollback.pending()
        self._timer = self.watchdog = None
        if not self.pending:
            return
        import machine

        if deadline_ms:
            self._timer = machine.Timer(timer)
            # Not once: where the queue of callbacks is full, such as behind a long C function, an event is lost.
            self._timer.init(mode=machine.Timer.PERIODIC, period=deadline_ms, callback=self._expired)
        if watchdog_ms:
            self.watchdog = machine.WDT(timeout=watchdog_ms)

    def _expired(self, _):
        if self.pending:
            print("ota: the self-test was not over in time: going back")
            self.failed()

    def feed(self):
        if self.watchdog:
            self.watchdog.feed()

    # Keeps the firmware.
    def passed(self):
        if self.pending:
            rollback.confirm()
        self._stop()

    # Goes back to the old firmware and resets.
    def failed(self):
        if self.pending:
            self._stop()
            rollback.now()

    def _stop(self):
        self.pending = False
        if self._timer:
            self._timer.deinit()
            self._timer = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.passed()
        elif issubclass(kind, Exception) and self.pending:
            # Ctrl-C and sys.exit() are no Exception: the deadline goes on.
            sys.print_exception(error)
            self.failed()
