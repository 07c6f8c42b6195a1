"""Images and videos from the web."""

import re
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from ..core.errors import ReadError
from .read_options import DEFAULTS, ReadOptions

_URL = re.compile(r'(?!file:)([a-z][a-z0-9+.-]+)://', re.IGNORECASE)
_FILES = ('http', 'https')
_STREAMS = ('rtsp', 'rtsps', 'rtmp', 'rtmps', 'rtp', 'udp', 'tcp', 'srt')
_CHUNK = 1 << 16
_HEAD = 512
_STREAM_TYPES = ('multipart/', 'mpegurl', 'dash+xml')
"""Parts of the content type of cameras and of playlists."""


def is_url(text: str) -> bool:
    """Whether a text is a URL of any kind but of a local file."""
    return bool(_scheme(text))


def local_path(text: str) -> str:
    """The path that a ``file://`` URL stands for; any other text as it is."""
    return unquote(urlsplit(text).path) if text.lower().startswith('file://') else text


def check_url(url: str) -> None:
    """Refuse URLs of other kinds by a ValueError."""
    if _scheme(url) not in _FILES + _STREAMS:
        raise ValueError(f'a URL must start with one of {_FILES + _STREAMS}, but got {url!r}')


def is_stream_url(url: str) -> bool:
    """Whether a URL can only be a stream."""
    return _scheme(url) in _STREAMS


def _scheme(text: str) -> str:
    match = _URL.match(text)
    return match[1].lower() if match else ''


def without_login(url: str) -> str:
    """A URL without user and password, for names and messages."""
    return re.sub(r'(?<=://)[^/?#]*@', '', url)


def gives_stream(url: str, options: ReadOptions = DEFAULTS) -> bool:
    """Whether a web address answers with a stream, soon."""
    try:
        hasty = replace(options, timeout_s=min(5.0, options.timeout_s))
        return fetch(url, hasty, whole=False) is None
    except ReadError:
        return False


def fetch(url: str, options: ReadOptions = DEFAULTS, *, whole: bool = True) -> bytes | None:
    """Download a file, or its beginning, into memory; None if it is a stream, or a ReadError."""
    import requests

    check_url(url)
    shown = without_login(url)
    limit = int(options.max_download_mb * 1e6)
    too_large = f'{shown} is larger than `max_download_mb` ({options.max_download_mb}).'
    too_large += ' Raise the limit, or download the file first.'
    content = bytearray()
    try:
        with requests.get(url, stream=True, timeout=options.timeout_s) as response:
            response.raise_for_status()
            kind = response.headers.get('Content-Type', '').lower()
            if any(part in kind for part in _STREAM_TYPES):
                return None
            length = response.headers.get('Content-Length', '')
            if length.isdigit() and int(length) > limit:
                raise ReadError(too_large)
            response.raw.enforce_content_length = True
            for chunk in response.iter_content(_CHUNK if length else _HEAD):
                content += chunk
                if len(content) <= _CHUNK and _is_stream(bytes(content[:_HEAD]), bool(length)):
                    return None
                if len(content) > limit:
                    raise ReadError(too_large)
                if not whole:
                    break
    except requests.RequestException as error:
        reason = str(error).replace(url, shown)
        text = f'{shown} cannot be downloaded: {reason}. Check the address and the connection.'
        raise ReadError(text) from error
    return bytes(content)


def _is_stream(head: bytes, has_length: bool) -> bool:
    """Whether a file starts like a playlist, or, where its length is unknown, like a broadcast."""
    if head.startswith(b'#EXTM3U') or b'<MPD' in head:
        return True
    is_packets = head[:1] == head[188:189] == b'G'  # of an MPEG transport stream
    return not has_length and (is_packets or head.startswith((b'FLV', b'\x1a\x45\xdf\xa3')))
