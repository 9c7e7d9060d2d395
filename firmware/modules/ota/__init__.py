# Updates over the air for MicroPython on ESP32, on top of esp32.Partition. The documentation is README.md beside this file.
from .errors import (
    DownloadError,
    ImageError,
    IntegrityError,
    ManifestError,
    OTAError,
    StateError,
    VersionError,
)
from .rollback import confirm
from .selftest import self_test
