# Everything that the package refuses by itself is an OTAError. It is a ValueError, so that code which catches that sees it.


class OTAError(ValueError):
    pass


# The bytes are not an app image that this device could run.
class ImageError(OTAError):
    pass


# The image is not newer than what runs, or its secure_version is lower.
class VersionError(OTAError):
    pass


# Length or SHA-256 differ from what was promised.
class IntegrityError(OTAError):
    pass


# This device cannot be updated, or not now.
class StateError(OTAError):
    pass


# The server refused, changed its mind, or stayed away.
class DownloadError(OTAError):
    pass


# The JSON file is not one that describes a firmware.
class ManifestError(OTAError):
    pass
