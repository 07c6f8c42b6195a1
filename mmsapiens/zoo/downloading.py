"""A released checkpoint as a verified file on this machine.

``hf_hub_download`` of :mod:`huggingface_hub` is not used, because from 2.4 on it begins again after
an interruption, which costs up to 9 GB here.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import FileMetadataError, HfHubHTTPError
from huggingface_hub.file_download import HfFileMetadata, http_get
from huggingface_hub.utils import build_hf_headers, tqdm

from ..core.atomic_files import move_whole
from ..core.file_type import fault_of, sha256_of
from .errors import DownloadError, IntegrityError
from .paths import cache_dir, cache_path, endpoint, is_offline, root_path
from .records import MAKE_ROOM, Records, writing
from .releases import Release, find_release, table

# Of httpx under huggingface_hub 1, of httpx2 under 2.
_HTTPError: type[Exception] = HfHubHTTPError.__bases__[0]
_OWN_FILE = 'or pass the path of a file that you have'

_NOT_USED = 'it is not used. Try again, or use another HF_ENDPOINT'
FIRST_WAIT_S = 1.0  # Between the first two attempts; doubles


def print_line(line: str) -> None:
    """Print a line to stderr at once."""
    print(line, file=sys.stderr, flush=True)


def download(
    release: Release | str,
    size: str | None = None,
    format: str | None = None,
    *,
    verify: bool = False,
    accept_new: bool = False,
    tries: int = 5,
    show_bar: bool = True,
    notify: Callable[[str], None] = print_line,
) -> Path:
    """Find a release on the disk, or fetch it.

    Looked for in ``SAPIENS_CHECKPOINT_ROOT`` and ``SAPIENS_LITE_CHECKPOINT_ROOT``, in the cache,
    then on the hub. The file gets its name in the cache once its size, content and SHA-256 are
    right.

    Args:
        release (Release | str): What to fetch, or its task.
        size (str, optional): Of the model, with a task. Defaults to None.
        format (str, optional): With a task. Defaults to None, the first that there is.
        verify (bool): Whether to hash a file on the disk again that has not changed. Defaults to
            False.
        accept_new (bool): Whether to forget the hash and commit that the first use recorded, and
            fetch the newest. Defaults to False.
        tries (int): Attempts in a row without a new byte. Defaults to 5.
        show_bar (bool): Whether to show a progress bar, on a terminal. Defaults to True.
        notify (Callable): Takes a line about what happens. Defaults to printing to stderr.

    Raises:
        KeyError: If there is no such release.
        DownloadError: If it cannot be fetched.
        IntegrityError: If what is there, or what came, is not the file.
    """
    if isinstance(release, str):
        if size is None:
            raise ValueError(f'`size` must be given with the task {release!r}, but got None')
        release = find_release(release, size, format)
    job = _Download(release, tries, show_bar, notify)
    if accept_new:
        job.forget()
    own = root_path(release)
    if own is None:
        return job.cached(verify) or job.fetch(verify)
    job.check(own, verify)
    return own


def resolve_checkpoint(
    checkpoint: str | os.PathLike[str] | None, task: str, size: str, format: str | None = None
) -> Path:
    """The file to load for a model.

    Args:
        checkpoint (str | Path, optional): A file or a folder in shards; None takes the release.
        task, size, format: As in :func:`find_release`.

    Raises:
        FileNotFoundError: If there is no such file.
        IntegrityError: If it is a web page, a Git LFS pointer or empty.
    """
    if checkpoint is None:
        return download(task, size, format)
    path = Path(checkpoint).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f'`checkpoint` must be a file, but there is none at {path}; '
            'without it the release is downloaded'
        )
    fault = fault_of(path) if path.is_file() else None
    if fault is not None:
        raise IntegrityError(
            f'{path}: is {fault}; for a clone of a repository, `git lfs pull` fetches its files'
        )
    return path


class _Download:
    """One release, its place in the cache and what is known about it."""

    def __init__(
        self, release: Release, tries: int, show_bar: bool, notify: Callable[[str], None]
    ) -> None:
        self.release, self.tries, self.show_bar, self.notify = release, tries, show_bar, notify
        self.path = cache_path(release)
        self.records = Records()
        self.was_reached = False

    def forget(self) -> None:
        """Drop the record, and the file that agrees with it."""
        if is_offline():
            raise self._error(
                'a new version cannot be accepted while MMSAPIENS_OFFLINE or HF_HUB_OFFLINE is set'
            )
        self.records.put('releases', self.release.key, None)
        self.path.unlink(missing_ok=True)

    def cached(self, verify: bool) -> Path | None:
        """The file in the cache, if it is there and right."""
        if not self.path.is_file():
            return None
        try:
            self.check(self.path, verify)
        except IntegrityError as error:
            if is_offline():
                raise
            self.notify(f'{error}\nfetching it again')
            return None
        return self.path

    def check(self, path: Path, verify: bool) -> None:
        """Compare a file on the disk with what is known about the release."""
        if (fault := fault_of(path)) is not None:
            raise IntegrityError(f'{path}: is {fault}; replace or remove it')
        self._compare(path, self.records.hash_of(path, verify), None)

    def fetch(self, verify: bool) -> Path:
        if is_offline():
            raise self._error(
                f'is not in {self.path.parent}, and MMSAPIENS_OFFLINE or HF_HUB_OFFLINE forbids '
                f'the network: run `mmsapiens download {self.release.task} {self.release.model}` '
                f'where there is one and copy the folder {cache_dir()}, {_OWN_FILE}'
            )
        with writing(self.release.file):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(f'.{self.path.name}.lock')):  # others wait
                if (found := self.cached(verify)) is not None:
                    return found
                self._show_license()
                remote = self._with_retries(self._head)
                partial = self._partial(remote)
                self._with_retries(lambda: self._body(remote, partial))
                self._finish(partial, remote)
        return self.path

    def _error(self, reason: str) -> DownloadError:
        return DownloadError(f'{self.release.file}: {reason}')

    def _url(self, revision: str) -> str:
        repo, name = self.release.repo, self.release.path_in_repo
        return hf_hub_url(repo, name, revision=revision, endpoint=endpoint())

    def _head(self) -> HfFileMetadata:
        known = self.records.get('releases', self.release.key)
        revision = (known and known['commit']) or self.release.revision or 'main'
        found = get_hf_file_metadata(self._url(revision), endpoint=endpoint())
        self.was_reached = True
        if found.commit_hash is None or found.etag is None:
            raise FileMetadataError('no X-Repo-Commit or ETag')
        return found

    def _partial(self, remote: HfFileMetadata) -> Path:
        """The file that receives this version; those of other versions are removed."""
        partial = self.path.with_name(f'.{self.path.name}.{str(remote.etag)[:16]}.partial')
        for path in self.path.parent.glob(f'.{self.path.name}.*.partial'):
            if path != partial:
                path.unlink()
        have = partial.stat().st_size if partial.exists() else 0
        if remote.size is not None and have > remote.size:
            partial.unlink()
            have = 0
        if have:
            self.notify(f'{self.release.file}: continuing after {have} bytes')
        missing, free = (remote.size or 0) - have, shutil.disk_usage(partial.parent).free
        if missing > free:
            raise self._error(
                f'{missing / 1e9:.3g} GB are to come, but only {free / 1e9:.3g} GB are free in '
                f'{partial.parent}: {MAKE_ROOM}'
            )
        return partial

    def _body(self, remote: HfFileMetadata, partial: Path) -> None:
        with partial.open('ab') as file:
            http_get(
                self._url(str(remote.commit_hash)),
                file,
                resume_size=file.tell(),
                headers={**build_hf_headers(), 'Accept-Encoding': 'identity'},
                expected_size=remote.size,
                displayed_filename=self.release.file,
                tqdm_class=tqdm if self.show_bar else _NoBar,
            )

    def _with_retries(self, attempt: Callable[[], Any]) -> Any:
        """Try until it works, fails for good, or fails too often."""
        said = ''
        for failures in range(1, self.tries + 1):
            try:
                return attempt()
            except (_HTTPError, FileMetadataError, OSError, UnicodeDecodeError) as error:
                # The last is of an error page that is not in UTF-8.
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk
                reason, is_transient = self._explain(error)
            if not is_transient:
                raise self._error(reason)
            if failures < self.tries:
                wait_s = min(FIRST_WAIT_S * 2 ** (failures - 1), 60)
                again = f'again in {wait_s:g} s'
                self.notify(
                    f'{self.release.file}: {f"{reason}; " if reason != said else ""}{again}'
                )
                said = reason
                time.sleep(wait_s)
        raise self._error(f'gave up after {self.tries} attempts: {reason}')

    def _explain(self, error: Exception) -> tuple[str, bool]:
        """What happened with the way out, and whether another attempt may succeed."""
        response: Any = getattr(error, 'response', None)
        status = 0 if response is None else int(response.status_code)
        page = f'{endpoint()}/{self.release.repo}'
        if isinstance(error, FileMetadataError):
            return (
                f'{endpoint()} does not answer as a Hugging Face hub does ({error}): check '
                'HF_ENDPOINT, and whether the network wants you to log in on a web page'
            ), False
        if status in (401, 403):
            return (
                f'access is denied (HTTP {status}): accept the terms at {page}, log in with `hf '
                f'auth login` or set HF_TOKEN, {_OWN_FILE}'
            ), False
        if status:
            return (
                f'{page} refuses the request (HTTP {status}): see what it has, try again later or '
                f'with another HF_ENDPOINT, {_OWN_FILE}'
            ), status >= 500 or status in (408, 416, 429)
        # Without a network there is nothing to wait for; one that was there may come back.
        final = ('UnsupportedProtocol', *(() if self.was_reached else ('ConnectError',)))
        return (
            f'{endpoint()} cannot be reached, or the connection broke ({type(error).__name__}: '
            f'{error}): check the network, HTTPS_PROXY and HF_ENDPOINT, {_OWN_FILE}'
        ), type(error).__name__ not in final

    def _finish(self, partial: Path, remote: HfFileMetadata) -> None:
        """Verify what came and give it its name."""
        try:
            if (fault := fault_of(partial)) is not None:
                raise IntegrityError(f'{self.release.file}: {endpoint()} sent {fault}; {_NOT_USED}')
            self._compare(partial, sha256_of(partial), remote)
        except IntegrityError:
            partial.unlink()
            raise
        move_whole(partial, self.path)

    def _compare(self, path: Path, digest: str, remote: HfFileMetadata | None) -> None:
        """Compare a hash with all known ones; record it where there was none."""
        key, release = self.release.key, self.release
        known = self.records.get('releases', key)
        etag, commit = (remote.etag or '', remote.commit_hash) if remote else ('', None)
        expected = {'published': release.sha256}
        if len(etag) == 64:
            expected['named by the hub'] = etag
        if known is not None:
            expected[f'recorded on {known["date"]}'] = known['sha256']
        for who, wanted in expected.items():
            if wanted in (None, digest):
                continue
            remedy = _NOT_USED
            if who.startswith('recorded'):
                remedy += (
                    f'. If its authors have replaced the file, `mmsapiens download {release.task} '
                    f'{release.model} --format {release.format} --accept-new` takes the new one'
                )
            raise IntegrityError(
                f'{path if remote is None else release.file}: has the SHA-256 {digest} instead of '
                f'{wanted}, {who}; {remedy}'
            )
        if known is not None and (known['commit'] or commit is None):
            return
        origin = next((who for who, wanted in expected.items() if wanted), 'of the first use')
        date = datetime.now(timezone.utc).isoformat(timespec='seconds')
        record = dict(sha256=digest, commit=commit, origin=origin, date=date)
        self.records.put('releases', key, record)
        if origin == 'of the first use':
            self.notify(
                f'{release.file}: no hash of it is published; recorded the SHA-256 {digest} in '
                f'{self.records.path}, with which later downloads are compared'
            )

    def _show_license(self) -> None:
        """Name the license, once for each."""
        name = self.release.license
        if self.records.get('licenses', name):
            return
        self.records.put('licenses', name, True)
        told = 'The weights are under {name} ({url}): {note}. This is said once.'
        self.notify(told.format(**table()['licenses'][name]))


class _NoBar(tqdm):
    """A progress bar that shows nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, 'disable': True})
