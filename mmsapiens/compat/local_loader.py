"""Checkpoints that MMEngine reads from disk, with torch >= 2.6."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def register_local_loader(checkpoint: ModuleType) -> None:
    """Read local files through :func:`mmsapiens.checkpoints.read_checkpoint`.

    ``torch.load`` refuses training checkpoints since 2.6, where the default became
    ``weights_only=True``: every resume fails. https://github.com/open-mmlab/mmengine/issues/1655

    The reader also takes ``.safetensors``, and says what is wrong with a file that is none of the
    known formats.

    Args:
        checkpoint (ModuleType): ``mmengine.runner.checkpoint``.
    """

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        # Here, as a stock project may never load a checkpoint.
        from mmengine.logging import HistoryBuffer

        from ..checkpoints.allow_list import allow_training_checkpoints
        from ..checkpoints.checkpoint_io import read_checkpoint

        allow_training_checkpoints(HistoryBuffer)
        return read_checkpoint(filename, map_location=map_location)

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
