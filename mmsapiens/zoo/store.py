"""A released checkpoint as a verified file on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from ..core.file_type import fault_of, sha256_of
from .errors import DownloadError, IntegrityError
from .home import cache_path, home, is_offline, root_path
from .progress import bar, say
from .records import Record, Records, now
from .releases import Release, find_release, table
from .transfer import Remote, RetryPolicy, Transfer


def download(
    release: Release | str,
    size: str | None = None,
    format: str = 'pth',
    *,
    verify: bool = False,
    accept_new: bool = False,
    policy: RetryPolicy | None = None,
    show_bar: bool | None = None,
    notify: Callable[[str], None] = say,
) -> Path:
    """Find a release on the disk, or fetch it.

    Looked for in ``SAPIENS_CHECKPOINT_ROOT`` and ``SAPIENS_LITE_CHECKPOINT_ROOT``, in the cache,
    then on the hub. The file gets its name in the cache once its size, content and SHA-256 are
    right.

    Args:
        release (Release | str): What to fetch, or its task.
        size (str, optional): Of the model, with a task. Defaults to None.
        format (str): With a task. Defaults to 'pth'.
        verify (bool): Whether a file on the disk is read and hashed again though its size and time
            have not changed. Defaults to False.
        accept_new (bool): Whether to forget the hash and revision that the first use recorded, and
            fetch the newest. Defaults to False.
        policy (RetryPolicy, optional): Defaults to five attempts.
        show_bar (bool, optional): Whether to show a progress bar; None does so on a terminal.
            Defaults to None.
        notify (Callable): Told a line about what happens. Defaults to printing to stderr.

    Returns:
        Path: The file.

    Raises:
        KeyError: If there is no such release.
        DownloadError: If it cannot be fetched.
        IntegrityError: If what is there, or what came, is not the file.
    """
    if isinstance(release, str):
        if size is None:
            raise ValueError(f'`size` must be given with the task {release!r}, but got None')
        release = find_release(release, size, format)
    store = _Store(release, notify, policy or RetryPolicy())
    if accept_new:
        store.forget()
    own = root_path(release)
    if own is not None:
        store.check(own, verify)
        return own
    return store.cached(verify) or store.fetch(show_bar, verify)


class _Store:
    """The place of one release in the home."""

    def __init__(
        self, release: Release, notify: Callable[[str], None], policy: RetryPolicy
    ) -> None:
        self.release = release
        self.notify = notify
        self.policy = policy
        self.path = cache_path(release)
        self.records = Records(home(), notify)

    def forget(self) -> None:
        """Drop the record, and the file that agrees with it."""
        if is_offline():
            raise DownloadError(
                f'{self.release.file}: a new version cannot be accepted while '
                'MMSAPIENS_OFFLINE or HF_HUB_OFFLINE is set'
            )
        self.records.forget(self.release.key)
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
        fault = fault_of(path)
        if fault is not None:
            raise IntegrityError(f'{path}: is {fault}; replace or remove it')
        digest = self.records.hash_of(path, verify)
        size = path.stat().st_size
        self._compare(path, size, digest, None)
        if self.records.get(self.release.key) is None:
            self._record(digest, size, None)

    def fetch(self, show_bar: bool | None, verify: bool) -> Path:
        """Fetch the file and give it its name."""
        if is_offline():
            raise DownloadError(
                f'{self.release.file}: is not in {self.path.parent}, and '
                'MMSAPIENS_OFFLINE or HF_HUB_OFFLINE forbids the network: '
                f'run `mmsapiens download {self.release.task} '
                f'{self.release.size}` where there is one and copy the folder '
                f'{home()}, or pass the path of a file that you have'
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_name(f'.{self.path.name}.lock'))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self.notify(f'{self.release.file}: another process fetches it; waiting')
                lock.acquire()
        except OSError as error:
            raise DownloadError(
                f'{self.path.parent}: cannot be written ({error}); set '
                'MMSAPIENS_HOME to a folder elsewhere'
            ) from None
        try:
            return self.cached(verify) or self._fetch(show_bar)
        finally:
            lock.release()

    def _fetch(self, show_bar: bool | None) -> Path:
        """:meth:`fetch` while no other process does."""
        self._show_license()
        known = self.records.get(self.release.key)
        revision = self.release.revision or (known and known.revision)
        with bar(self.release.file, show_bar) as progress:
            transfer = Transfer(
                self.release,
                revision or 'main',
                self.path,
                policy=self.policy,
                progress=progress,
                notify=self.notify,
            )
            remote = transfer.fetch()
        partial = transfer.partial
        try:
            fault = fault_of(partial)
            if fault is not None:
                raise IntegrityError(
                    f'{self.release.file}: the server sent {fault}; nothing '
                    'was kept. Try again, or use another HF_ENDPOINT'
                )
            digest = sha256_of(partial)
            size = partial.stat().st_size
            self._compare(Path(self.release.file), size, digest, remote)
        except IntegrityError:
            transfer.drop()
            raise
        self._record(digest, size, remote)
        with partial.open('rb') as file:
            os.fsync(file.fileno())
        os.replace(partial, self.path)
        transfer.drop()
        return self.path

    def _compare(self, path: Path, size: int, digest: str, remote: Remote | None) -> None:
        """Compare a file with everybody who vouches for the release."""
        known = self.records.get(self.release.key)
        known_hashes: list[tuple[str, int | None, str | None]] = [
            ('published', self.release.bytes, self.release.sha256)
        ]
        if remote is not None:
            known_hashes.append(('named by the server', remote.bytes, remote.sha256))
        if known is not None:
            recorded = f'recorded on {known.date}'
            known_hashes.append((recorded, known.bytes, known.sha256))
        for who, expected_size, expected in known_hashes:
            if expected_size not in (None, size):
                raise IntegrityError(
                    f'{path}: has {size} bytes instead of the {expected_size} '
                    f'{who}{self._remedy(who)}'
                )
            if expected not in (None, digest):
                raise IntegrityError(
                    f'{path}: has the SHA-256 {digest} instead of {expected}, '
                    f'{who}{self._remedy(who)}'
                )

    def _remedy(self, who: str) -> str:
        text = '; it is not used. Try again, or use another HF_ENDPOINT'
        if who.startswith('recorded'):
            text += (
                '. If its authors have replaced the file, `mmsapiens download '
                f'{self.release.task} {self.release.size} --format '
                f'{self.release.format} --accept-new` takes the new one'
            )
        return text

    def _record(self, digest: str, size: int, remote: Remote | None) -> None:
        """Remember a release that was seen for the first time."""
        known = self.records.get(self.release.key)
        commit = None if remote is None else remote.commit
        if known is not None and (known.revision or commit is None):
            return
        origin = 'first use'
        if self.release.sha256:
            origin = 'table'
        elif remote is not None and remote.sha256:
            origin = 'hub'
        record = Record(digest, size, commit, origin, now())
        self.records.put(self.release.key, record)
        if origin == 'first use':
            self.notify(
                f'{self.release.file}: no hash of it is published; recorded '
                f'the SHA-256 {digest} in {self.records.path}, with which '
                'later downloads are compared'
            )

    def _show_license(self) -> None:
        """Name the license, once for each."""
        name = self.release.license
        if self.records.show_once(name):
            license = table()['licenses'][name]
            self.notify(
                f'The weights are under {license["name"]} ({license["url"]}):'
                f' {license["note"]}. This is said once.'
            )
