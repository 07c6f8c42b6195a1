"""Fetching a file into a partial one, which a later attempt continues."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import FileMetadataError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from ..core.file_type import fault_of
from .errors import DownloadError, IntegrityError
from .failures import EndedEarly, HTTPError, classify
from .home import endpoint
from .releases import Release

Result = TypeVar('Result')
Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and, if known, those of the file."""

SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class RetryPolicy:
    """How stubborn a download is.

    Args:
        tries (int): Attempts in a row without any new byte. Defaults to 5.
        wait_s (float): Seconds after the first; doubles. Defaults to 1.
        max_wait_s (float): The longest wait; a server that wants a longer one ends the download.
            Defaults to 60.
        timeout_s (float, optional): Without a byte; None takes HF_HUB_DOWNLOAD_TIMEOUT, by default
            10. Defaults to None.
    """

    tries: int = 5
    wait_s: float = 1.0
    max_wait_s: float = 60.0
    timeout_s: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds without a byte that end an attempt."""
        return self.timeout_s or constants.HF_HUB_DOWNLOAD_TIMEOUT


@dataclass(frozen=True)
class Remote:
    """What a server says about a file.

    Args:
        commit (str): Commit of the repository.
        etag (str): Changes with the content; the SHA-256 of large files.
        bytes (int, optional): Size.
    """

    commit: str
    etag: str
    bytes: int | None

    @property
    def sha256(self) -> str | None:
        """The hash, where the etag is one."""
        digits = set('0123456789abcdef')
        is_hash = len(self.etag) == 64 and set(self.etag) <= digits
        return self.etag if is_hash else None


class Transfer:
    """The way of a file from the hub to the disk.

    Args:
        release (Release): What to fetch.
        revision (str): Commit or branch of its repository.
        target (Path): Its final name, which is not written here.
        policy (RetryPolicy): How stubborn to be.
        progress (Progress): Told about new bytes.
        notify (Callable): Told a line about what is tried again.
    """

    def __init__(
        self,
        release: Release,
        revision: str,
        target: Path,
        *,
        policy: RetryPolicy,
        progress: Progress,
        notify: Callable[[str], None],
    ) -> None:
        self.release = release
        self.revision = revision
        self.partial = target.with_name(f'.{target.name}.partial')
        self.origin = target.with_name(f'.{target.name}.partial.json')
        self.policy = policy
        self.progress = progress
        self.notify = notify

    def fetch(self) -> Remote:
        """Bring :attr:`partial` to its full size.

        Returns:
            Remote: What the server says about it.

        Raises:
            DownloadError: If it could not be fetched.
        """
        remote = self._with_retries(self._head)
        self._keep_or_drop(remote)
        self._check_room(remote)
        self._with_retries(lambda: self._body(remote))
        self.progress(self._have(), remote.bytes)
        return remote

    def drop(self) -> None:
        """Remove what has come."""
        self.partial.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _url(self, revision: str) -> str:
        return hf_hub_url(
            self.release.repo, self.release.path_in_repo, revision=revision, endpoint=endpoint()
        )

    def _error(self, reason: str) -> DownloadError:
        return DownloadError(f'{self.release.file}: {reason}')

    def _with_retries(self, attempt: Callable[[], Result]) -> Result:
        """Try until it works, fails for good, or nothing new comes."""
        failures = 0
        while True:
            before = self._have()
            try:
                return attempt()
            except DownloadError:
                raise
            except (HTTPError, EndedEarly, OSError) as error:
                failure = classify(error, self.release)
            failures = 1 if self._have() > before else failures + 1
            wait = min(self.policy.wait_s * 2 ** (failures - 1), self.policy.max_wait_s)
            if failure.retry_after_s is not None:
                wait = failure.retry_after_s
            if not failure.transient:
                raise self._error(failure.reason)
            if failures >= self.policy.tries:
                raise self._error(f'gave up after {failures} attempts: {failure.reason}')
            if wait > self.policy.max_wait_s:
                raise self._error(f'{failure.reason}; the server asks to wait {wait:.0f} s')
            self.notify(
                f'{self.release.file}: {failure.reason}; again in {wait:g} s '
                f'({failures} of {self.policy.tries})'
            )
            time.sleep(wait)

    def _head(self) -> Remote:
        """Ask for size, hash and commit."""
        url = self._url(self.revision)
        found = get_hf_file_metadata(url, timeout=self.policy.seconds, endpoint=endpoint())
        if found.commit_hash is None or found.etag is None:
            raise FileMetadataError(
                f'{endpoint()} does not answer as a Hugging Face hub does (no '
                'X-Repo-Commit or ETag): check HF_ENDPOINT, and whether the '
                'network wants you to log in on a web page'
            )
        size = found.size
        if size is None and self.release.bytes is not None:
            size = self.release.bytes
        return Remote(found.commit_hash, found.etag, size)

    def _keep_or_drop(self, remote: Remote) -> None:
        """Continue only what is the beginning of the same file."""
        wanted = asdict(remote)
        if self._have():
            known: Any = None
            if self.origin.is_file():
                try:
                    known = json.loads(self.origin.read_text())
                except ValueError:
                    self.notify(f'{self.origin}: is damaged')
            if known != wanted:
                self.notify(
                    f'{self.release.file}: what came earlier is of another version; starting again'
                )
                self.drop()
            else:
                self.notify(f'{self.release.file}: continuing after {self._have()} bytes')
        self.origin.write_text(json.dumps(wanted))

    def _check_room(self, remote: Remote) -> None:
        """Refuse what cannot fit before a byte has come."""
        missing = (remote.bytes or 0) - self._have()
        free = shutil.disk_usage(self.partial.parent).free
        if missing > 0 and missing + SPARE_BYTES > free:
            raise self._error(
                f'{missing / 1e9:.3g} GB are to come, but only '
                f'{free / 1e9:.3g} GB are free in {self.partial.parent}: make '
                'room, or set MMSAPIENS_HOME to a folder elsewhere'
            )

    def _body(self, remote: Remote) -> None:
        """Receive what is missing."""
        have = self._have()
        if self.partial.exists() and have == remote.bytes:
            return
        extra = {'Accept-Encoding': 'identity'}
        if have:
            extra['Range'] = f'bytes={have}-'
        with get_session().stream(
            'GET',
            self._url(remote.commit),
            headers={**build_hf_headers(), **extra},
            timeout=self.policy.seconds,
            follow_redirects=True,
        ) as response:
            if response.status_code == 416:
                self.drop()  # longer than the file
            _raise_for_status(response)
            if not _continues(response, have):
                have = 0
            size = remote.bytes
            if size is None:
                size = _length(response, have)
            if size is None:
                raise self._error(
                    f'{endpoint()} does not say how large the file is, so a '
                    'part of it could not be told from the whole: use another '
                    'HF_ENDPOINT'
                )
            with self.partial.open('ab' if have else 'wb') as file:
                for chunk in response.iter_bytes():  # whatever came
                    file.write(chunk)
                    have += len(chunk)
                    self.progress(have, size)
                    if have > size:
                        break
            promised = _length(response, 0)
        self._check_end(have, size, promised is not None)

    def _check_end(self, have: int, size: int, was_whole: bool) -> None:
        """Look at what came when the server had nothing more to send."""
        if have == size:
            return
        fault = fault_of(self.partial)
        if fault is None and have < size and not was_whole:
            raise EndedEarly(f'the connection was closed after {have} of {size} bytes')
        self.drop()
        what = fault or f'{have} bytes instead of {size}'
        if fault is None and have > size:
            what = f'more than the {size} bytes of the file'
        raise IntegrityError(
            f'{self.release.file}: {endpoint()} sent {what}; nothing was '
            'kept. Try again, or use another HF_ENDPOINT'
        )


def _raise_for_status(response: Any) -> None:
    """Raise where the server answered with an error."""
    try:
        hf_raise_for_status(response)
    except UnicodeDecodeError:  # of a page that is not in UTF-8
        response.raise_for_status()


def _continues(response: Any, have: int) -> bool:
    """Whether an answer starts where the partial file ends."""
    if response.status_code != 206:
        return False
    content_range = response.headers.get('Content-Range', '')
    return str(content_range).startswith(f'bytes {have}-')


def _length(response: Any, before: int) -> int | None:
    """Size of the file by the header of its last part."""
    length = response.headers.get('Content-Length')
    return None if length is None else before + int(length)
