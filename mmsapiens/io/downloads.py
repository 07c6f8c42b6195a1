"""Images and videos from the web."""

from __future__ import annotations

import re

from ..core.errors import ReadError
from .read_options import DEFAULTS, ReadOptions

_URL = re.compile(r'([a-z][a-z0-9+.-]+)://', re.IGNORECASE)
_SCHEMES = ('http', 'https')
_CHUNK = 1 << 16


def is_url(text: str) -> bool:
    """Whether a text is a URL of any kind."""
    return _URL.match(text) is not None


def check_url(url: str) -> None:
    """Refuse URLs that are neither http nor https, by a ValueError."""
    match = _URL.match(url)
    if match is None or match[1].lower() not in _SCHEMES:
        raise ValueError(f'a URL must start with one of {_SCHEMES}, but got {url!r}')


def fetch(url: str, options: ReadOptions = DEFAULTS) -> bytes:
    """Download a file into memory; a ReadError if that is too much, or less than announced."""
    import requests

    check_url(url)
    limit = int(options.max_download_mb * 1e6)
    too_large = (
        f'{url} is larger than `max_download_mb` ({options.max_download_mb}).'
        ' Raise the limit, or download the file first.'
    )
    content = bytearray()
    try:
        with requests.get(url, stream=True, timeout=options.timeout_s) as response:
            response.raise_for_status()
            announced = response.headers.get('Content-Length', '')
            if announced.isdigit() and int(announced) > limit:
                raise ReadError(too_large)
            response.raw.enforce_content_length = True
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > limit:
                    raise ReadError(too_large)
    except requests.RequestException as error:
        raise ReadError(
            f'{url} cannot be downloaded: {error}. Check the address and the connection.'
        ) from error
    return bytes(content)
