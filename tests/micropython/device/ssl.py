# TLS without cryptography: whether a certificate is accepted is decided as MicroPython's ssl decides it.
import internet

PROTOCOL_TLS_CLIENT = 0
CERT_NONE = 0
CERT_REQUIRED = 2


class SSLContext:
    def __init__(self, protocol):
        assert protocol == PROTOCOL_TLS_CLIENT
        self.verify_mode = CERT_REQUIRED
        self.authority = None

    def load_verify_locations(self, cadata=None):
        self.authority = cadata

    def wrap_socket(self, sock, *, server_hostname=None):
        internet.checked.append(self.verify_mode == CERT_REQUIRED)
        if self.verify_mode == CERT_REQUIRED and sock.server.certificate != (self.authority, server_hostname):
            raise OSError(-9984, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED")
        return sock
