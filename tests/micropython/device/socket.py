# A network of scripted servers behind MicroPython's socket.
import internet

AF_INET = 2
SOCK_STREAM = 1


def getaddrinfo(host, port, family=0, kind=0, proto=0, flags=0):
    if (host, port) not in internet.servers:
        raise OSError(-2)
    return [(AF_INET, kind, 0, "", (host, port))]


class socket:
    def __init__(self, family=AF_INET, kind=SOCK_STREAM, proto=0):
        self.open = True
        self.timeout = None
        self.request = b""
        self.reply = None
        internet.open_sockets += 1

    def settimeout(self, seconds):
        self.timeout = seconds

    def connect(self, address):
        internet.connections += 1
        self.server = internet.servers[address]
        self.server.connect()

    def write(self, data):
        self.request += data
        return len(data)

    def _answer(self):
        assert self.open
        if self.reply is None:
            self.reply = memoryview(self.server.answer(self.request))
            self.at = 0
            self.cut = self.server.cut
            self.error = self.server.error

    # As much as a connection gives before it ends or breaks.
    def readinto(self, buf):
        self._answer()
        end = len(self.reply)
        if self.cut is not None and self.cut < end:
            end = self.cut
            # Bytes that came before an error in the same call are lost, as in MicroPython's stream.c.
            if self.error is not None and self.at + len(buf) > end:
                raise OSError(self.error)
        n = min(len(buf), end - self.at)
        buf[:n] = self.reply[self.at : self.at + n]
        self.at += n
        return n

    def readline(self, limit=-1):
        line = bytearray()
        one = bytearray(1)
        while limit < 0 or len(line) < limit:
            if not self.readinto(one):
                break
            line.extend(one)
            if one[0] == 10:
                break
        return bytes(line)

    def close(self):
        if self.open:
            self.open = False
            internet.open_sockets -= 1
