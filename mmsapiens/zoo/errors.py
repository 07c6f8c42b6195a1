"""What can go wrong with a download."""


class DownloadError(OSError):
    """A file could not be fetched; the message says why and the way out."""


class IntegrityError(DownloadError):
    """What came is not the file that was asked for."""
