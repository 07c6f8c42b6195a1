"""Errors of a transfer: what is said about each, and whether to try again."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import Any

from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
)

from .home import endpoint
from .releases import Release

# Of httpx under huggingface_hub 1, of httpx2 under 2.
HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]

OWN_FILE = 'or pass the path of a file that you have'
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed.

    Args:
        reason (str): What happened and the way out.
        transient (bool): Whether another attempt may succeed.
        retry_after_s (float, optional): When the server wants it, in seconds. Defaults to None.
    """

    reason: str
    transient: bool
    retry_after_s: float | None = None


class EndedEarly(Exception):
    """A connection was closed before the end of the file."""


def classify(error: Exception, release: Release) -> Failure:
    """Explain an error of the network or of the disk.

    Args:
        error (Exception): One of httpx, of huggingface_hub, or an OSError.
        release (Release): What was fetched.
    """
    if isinstance(error, OfflineModeIsEnabled):
        return Failure('HF_HUB_OFFLINE forbids the network', False)
    if getattr(error, 'response', None) is not None:
        return _of_status(error, release)
    if isinstance(error, EndedEarly):
        return Failure(str(error), True)
    if isinstance(error, HTTPError):
        return _of_network(error)
    if isinstance(error, FileMetadataError):
        return Failure(str(error), False)
    if isinstance(error, OSError):
        return _of_disk(error)
    raise error


def _of_status(error: Exception, release: Release) -> Failure:
    """An answer of the server that is no file."""
    response: Any = error.response  # type: ignore[attr-defined]
    status = int(response.status_code)
    page = f'{endpoint()}/{release.repo}'
    if status in (401, 403):
        gated = isinstance(error, GatedRepoError)
        why = 'the repository is gated' if gated else 'access is denied'
        return Failure(
            f'{why} (HTTP {status}): accept its terms at {page}, log in with '
            f'`hf auth login` or set HF_TOKEN, {OWN_FILE}',
            False,
        )
    if status == 404:
        what = response.headers.get('X-Error-Code') or 'no such file'
        return Failure(
            f'the server has no such file (HTTP 404, {what}): see what {page} '
            f'has, try another HF_ENDPOINT, {OWN_FILE}',
            False,
        )
    if status == 429:
        return Failure(
            'the server limits requests (HTTP 429): wait, log in with `hf '
            'auth login` for a higher limit, or use a mirror with HF_ENDPOINT',
            True,
            _seconds(response.headers.get('Retry-After')),
        )
    if status >= 500 or status == 408:
        return Failure(
            f'the server has a problem (HTTP {status}): try again later, or '
            'use a mirror with HF_ENDPOINT',
            True,
            _seconds(response.headers.get('Retry-After')),
        )
    return Failure(
        f'the server refuses the request (HTTP {status}): check HF_ENDPOINT, {OWN_FILE}',
        status == 416,
    )


def _seconds(header: str | None) -> float | None:
    """``Retry-After`` in seconds; dates are left out."""
    if header is None or not re.fullmatch(r'\d+', header.strip()):
        return None
    return float(header)


def _of_network(error: Exception) -> Failure:
    """No answer, or one that breaks off."""
    name = type(error).__name__
    host = endpoint()
    if 'Timeout' in name:
        return Failure(
            f'{host} did not answer in time ({name}): check the network, or '
            'set HF_HUB_DOWNLOAD_TIMEOUT to more seconds',
            True,
        )
    if 'CERTIFICATE_VERIFY_FAILED' in str(error):
        return Failure(
            f'{host} has no certificate that is trusted here: set '
            'SSL_CERT_FILE to the certificates of your network',
            False,
        )
    if name in ('UnsupportedProtocol', 'InvalidURL', 'LocalProtocolError'):
        return Failure(
            f'HF_ENDPOINT must be an address such as https://..., but got {host!r}', False
        )
    if name in ('ConnectError', 'ProxyError'):
        return Failure(
            f'{host} cannot be reached ({error}): check the network, '
            f'HTTPS_PROXY and HF_ENDPOINT, {OWN_FILE}',
            True,
        )
    return Failure(f'the connection broke ({name}: {error})', True)


def _of_disk(error: OSError) -> Failure:
    """A file that cannot be written."""
    where = 'set MMSAPIENS_HOME to a folder elsewhere'
    if error.errno in _DISK_FULL:
        return Failure(
            'the disk is full: what has come is kept; make room and start '
            f'again to continue, or {where}',
            False,
        )
    return Failure(f'cannot write ({error}): {where}', False)
