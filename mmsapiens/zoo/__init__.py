"""Released checkpoints: what there is, where it is, fetching it safely.

Imports neither torch nor a host.
"""

from .errors import DownloadError, IntegrityError

__all__ = ['DownloadError', 'IntegrityError']
