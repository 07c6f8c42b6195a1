"""A runner with a strategy that never loses a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.runner import FlexibleRunner

from ...core.atomic_files import TMP_SUFFIX, move_whole, remove_path
from ...registry import RUNNERS


@RUNNERS.register_module()
class StrategyRunner(FlexibleRunner):
    """The stock runner for ``strategy``; checkpoints appear when whole.

    The stock one leaves out ``backend_args`` of the checkpoint hook, so that a kill leaves half a
    file or folder under its final name; and it resumes before any hook could look for a good one.
    Here checkpoints of every strategy, files and folders, are written beside their place and moved
    there by the first process, and hooks with a method ``before_load`` are called before it.
    Folders need a disk that all processes share.
    """

    def load_or_resume(self) -> None:
        """Load or resume, as the config says."""
        self.call_hook('before_load')
        super().load_or_resume()

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        *args: Any,
        backend_args: dict | None = None,
        **kwargs: Any,
    ) -> None:
        """Save a checkpoint; all processes call it.

        With ``backend_args`` of another store than a local disk as the stock runner does.
        """
        if (backend_args or {}).get('backend', 'atomic') != 'atomic':
            super().save_checkpoint(out_dir, filename, *args, backend_args=backend_args, **kwargs)
            return
        partial = Path(out_dir) / f'.{filename}{TMP_SUFFIX}'
        if is_main_process():
            remove_path(partial)  # of a run that was killed
            os.makedirs(out_dir, exist_ok=True)
        barrier()
        super().save_checkpoint(out_dir, partial.name, *args, **kwargs)
        barrier()
        if is_main_process():
            move_whole(partial, Path(out_dir) / filename)
        barrier()
