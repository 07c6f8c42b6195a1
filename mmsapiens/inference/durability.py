"""What of a folder of results is on the disk, and what can be trusted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from ..core.atomic_files import sync_file_system, sync_files
from ..structures.results import Image
from .file_checks import set_damaged_aside
from .manifest import Manifest

ONE_BY_ONE = 64
"""Most files that are brought to the disk each on its own."""


class Durability:
    """Brings the files of a run to the disk together, at its end.

    Files of a run that was killed are read by the next one: what a power failure has damaged, or
    somebody has changed, is set aside, and its image is not done any more.

    Args:
        folder (Path): Of the results.
        manifest (Manifest): Its manifest; damaged files are looked for at once.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._has_doubtful = not manifest.is_settled
        self._written: deque[Path] = deque(maxlen=ONE_BY_ONE + 1)
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        manifest.check_doubtful(lambda checks: not set_damaged_aside(folder, checks))

    def claim(self, frame: Image, kept: int) -> None:
        """Before files are replaced: what is noted of them holds no longer.

        On the disk as well, or a power failure could leave new files, not whole, below an old
        entry. Several threads may claim at a time.

        Args:
            frame (Image): Whose files are written next.
            kept (int): Checkpoints of its video that stay.
        """
        end, video = 0, frame.video
        with self._claiming:
            entry = self.manifest.images.get(frame.name)
            if entry is not None and entry.status == 'done':
                end = self.manifest.void_image(frame.name)
            if video is not None and video not in self._claimed:
                self._claimed.add(video)
                if video in self.manifest.videos:
                    self.manifest.note_video(video, keep=kept, status='partial')
        if end:
            self.manifest.journal.sync(end)

    def add(self, paths: Iterable[str | Path]) -> None:
        """Remember files that were written.

        Args:
            paths (Iterable[str | Path]): Of these, in the folder; those whose content is on the
                disk as well, as the folders that they are in may be new.
        """
        self._written.extend(self.folder / path for path in paths)

    def settle(self) -> None:
        """Bring everything that is noted to the disk.

        Raises:
            OSError: If something could not be written.
        """
        if self.manifest.is_settled:
            return
        if self._has_doubtful or len(self._written) > ONE_BY_ONE:
            sync_file_system(self.folder)
        else:
            sync_files(self.folder, self._written)
        self.manifest.note_settled()
