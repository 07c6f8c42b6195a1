"""Training over many processes: FSDP in shards, and a runner that never loses a checkpoint."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

import mmengine
from mmengine._strategy import FSDPStrategy
from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.runner import FlexibleRunner
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict as states

from ..checkpoints.sharded import WEIGHTS, is_sharded, load_tensors, read_training, write_sharded
from ..core.atomic_files import TMP_SUFFIX, move_whole, remove_path
from ..models.layers import find_blocks
from ..registry import RUNNERS, STRATEGIES
from .launch import FULL_STATE_ON_CPU

FOLDER = 'folder'
_BLOCKS: WeakSet[nn.Module] = WeakSet()


def wrap_blocks(module: nn.Module, recurse: bool, nonwrapped_numel: int) -> bool:
    """An ``auto_wrap_policy`` of FSDP, which asks about models before their parts: by blocks."""
    if recurse:
        _BLOCKS.update(find_blocks(module))
    return recurse or module in _BLOCKS


def _flatten(state: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    """The tensors of an optimizer's state by one name each."""
    return {
        f'optimizer.{parameter}.{name}': value
        for parameter, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


@STRATEGIES.register_module()
class ShardedFSDPStrategy(FSDPStrategy):
    """The stock FSDP with checkpoints that no process holds as a whole.

    Each process writes its part into a folder, see :mod:`mmsapiens.checkpoints.sharded`, which any
    number of processes can resume and ``tools/convert_checkpoint.py`` turns into one file. Unlike
    the stock strategy it also saves the loss guard and the loss scale of the optimizer wrapper.
    Files are loaded as by the stock strategy.

    Args:
        **kwargs: Of ``mmengine._strategy.FSDPStrategy``, except ``state_dict_cfg``.
    """

    def __init__(self, **kwargs: Any) -> None:
        # For files only; they are loaded as a whole by each process.
        super().__init__(state_dict_cfg=FULL_STATE_ON_CPU, **kwargs)

    @property
    def _options(self) -> states.StateDictOptions:
        # FSDP in one process has no shards, and says so with an error.
        return states.StateDictOptions(full_state_dict=get_world_size() == 1)

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        extra_ckpt: dict | None = None,
        callback: Callable | None = None,
    ) -> None:
        """Write a folder; all processes call it."""
        checkpoint: dict[str, Any] = dict(extra_ckpt or {})
        now = time.strftime('%Y%m%d_%H%M%S', time.localtime())
        meta = dict(seed=self.seed, time=now, mmengine=mmengine.__version__)
        checkpoint.setdefault('meta', {}).update(meta)
        checkpoint['state_dict'] = states.get_model_state_dict(self.model, options=self._options)
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            optim = self.optim_wrapper
            saved = states.get_optimizer_state_dict(
                self.model, optim.optimizer, options=self._options
            )
            # Also what the wrapper has beside the optimizer.
            checkpoint['optimizer'] = {**optim.state_dict(), **saved}
        if save_param_scheduler and hasattr(self, 'param_schedulers'):
            checkpoint['param_schedulers'] = self.scheduler_state_dict()
        if callback is not None:
            callback(checkpoint)
        weights = checkpoint.pop('state_dict')
        tensors = {WEIGHTS + name: value for name, value in weights.items()}
        if 'optimizer' in checkpoint:
            tensors.update(_flatten(checkpoint['optimizer'].pop('state')))
        write_sharded(Path(filename), tensors, checkpoint)

    def load_checkpoint(
        self, filename: str, *, callback: Callable | None = None, **kwargs: Any
    ) -> dict:
        """The checkpoint of a folder, or of a stock file, loaded; all processes call it."""
        if not is_sharded(filename):
            return super().load_checkpoint(filename, callback=callback, **kwargs)
        self.logger.info(f'Load checkpoint in shards from {filename}')
        weights = states.get_model_state_dict(self.model, options=self._options)
        load_tensors(filename, {WEIGHTS + name: value for name, value in weights.items()})
        checkpoint = read_training(filename)
        checkpoint['state_dict'] = weights
        if 'optimizer' in checkpoint:
            checkpoint['optimizer'][FOLDER] = filename
        if callback is not None:
            callback(checkpoint)
        states.set_model_state_dict(self.model, weights, options=self._options)
        return checkpoint

    def load_optim_state_dict(self, state_dict: dict) -> None:
        """Load the optimizer; all processes call it."""
        if FOLDER not in state_dict:
            super().load_optim_state_dict(state_dict)
            return
        rest = dict(state_dict)
        folder = rest.pop(FOLDER)
        optimizer = self.optim_wrapper.optimizer
        state = states.get_optimizer_state_dict(self.model, optimizer, options=self._options)
        load_tensors(folder, _flatten(state['state']))
        state['param_groups'] = rest.pop('param_groups')
        states.set_optimizer_state_dict(
            self.model, optimizer, optim_state_dict=state, options=self._options
        )
        self.optim_wrapper.load_state_dict({**rest, **optimizer.state_dict()})


@RUNNERS.register_module()
class StrategyRunner(FlexibleRunner):
    """The stock runner for ``strategy``; checkpoints appear when whole.

    The stock one leaves out ``backend_args`` of the checkpoint hook, and resumes before any hook
    could look for a good one. Here checkpoints, files and folders, are written beside their place
    and moved there by the first process, on a disk that all share, and hooks with a method
    ``before_load`` are called before it.
    """

    def load_or_resume(self) -> None:
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
        """Save a checkpoint; all processes call it. To another store as the stock runner does."""
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
