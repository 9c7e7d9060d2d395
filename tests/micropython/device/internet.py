# Servers that answer as a test wants them to. A script is a list with an entry for each connection; the last one stays.
servers = {}
checked = []  # of each TLS connection: was the certificate checked?
connections = 0
open_sockets = 0
slept = []  # milliseconds


class Server:
    certificate = None

    def __init__(self, host="nas", port=80, **files):
        servers[(host, port)] = self
        self.files = {}
        self.requests = []  # (path, headers) in order
        self.script = []
        self.cut = self.error = None
        self.ranges = True
        self.etag = '"one"'
        self.date = None
        self.chunk = None
        self.headers = []

    def connect(self):
        self.step = self.script.pop(0) if len(self.script) > 1 else self.script[0] if self.script else {}
        if "refuse" in self.step:
            raise OSError(self.step["refuse"])

    def answer(self, request):
        assert request.endswith(b"\r\n\r\n"), request
        lines = request.decode().split("\r\n")
        method, path, version = lines[0].split(" ")
        assert (method, version) == ("GET", "HTTP/1.1")
        headers = {}
        for line in lines[1:-2]:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers
            headers[name.lower()] = value
        self.requests.append((path, headers))
        self.cut = self.error = None
        step = self.step
        if callable(step):
            step = step(path, headers)
        if "raw" in step:
            return step["raw"]
        body = step["body"] if "body" in step else self.files.get(path.split("?")[0])
        status = step.get("status", 200 if body is not None else 404)
        body = body if body is not None else b"not here"
        reply = []
        etag = step.get("etag", self.etag)
        if status == 200:
            start = headers.get("range") if step.get("ranges", self.ranges) else None
            if start and headers.get("if-range") in (None, etag, self.date):
                first = int(start[6:-1])
                status = 206
                reply.append("Content-Range: bytes %d-%d/%d" % (first, len(body) - 1, len(body)))
                body = body[first:]
            if etag:
                reply.append("ETag: " + etag)
            if self.date:
                reply.append("Last-Modified: " + self.date)
        if step.get("chunk", self.chunk):
            size = step.get("chunk", self.chunk)
            reply.append("Transfer-Encoding: chunked")
            parts = [body[i : i + size] for i in range(0, len(body), size)]
            body = b"".join([b"%x;x=1\r\n%s\r\n" % (len(part), part) for part in parts]) + b"0\r\n\r\n"
        elif step.get("length", True):
            reply.append("Content-Length: %d" % step.get("claim", len(body)))
        head = "\r\n".join(["HTTP/1.1 %d X" % status] + reply + self.headers + step.get("headers", []) + ["", ""]).encode()
        if "cut" in step:
            # After so many bytes of the body.
            self.cut = len(head) + step["cut"]
            self.error = step.get("error")
        return head + body


def restart():
    global connections, open_sockets
    servers.clear()
    checked.clear()
    slept.clear()
    connections = open_sockets = 0
