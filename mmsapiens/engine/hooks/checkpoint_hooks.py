"""Checkpoints that survive a kill at any moment, say what they hold, and fit what they go into."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from filelock import BaseFileLock
from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import FlexibleRunner, Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from ...checkpoints.adapters import check_base, keep_adapter
from ...checkpoints.allow_list import is_whole_archive
from ...checkpoints.contents import check_same_task, get_state_dict
from ...checkpoints.families import find_family
from ...checkpoints.heads import check_heads, split_heads
from ...checkpoints.metadata import ADAPTER, KEY, adapter_of, model_metadata, refuse_adapter
from ...checkpoints.sharded import is_sharded, is_whole_folder
from ...core.atomic_files import TMP_SUFFIX, atomic_write, remove_path
from ...core.folder_lock import lock_folder
from ...core.formatting import shorten
from ...models.adapters import adapters_of
from ...registry import HOOKS
from ..models import meta_of_file, pretrained_files

SETTINGS = (  # What a scheduler of mmengine keeps of its config, in iterations
    *('begin', 'end', 'T_max', 'eta_min', 'factor', 'gamma', 'milestones', 'power'),
    *('start_factor', 'end_factor', 'step_size', 'total_iters'),
)


class AtomicLocalBackend(LocalBackend):
    """The local disk for ``backend_args``, as 'atomic'; a killed process leaves no file."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        atomic_write(obj, filepath)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        atomic_write(obj.encode(encoding), filepath)

    def rmtree(self, dir_path: str | Path) -> None:
        remove_path(Path(dir_path))


register_backend('atomic', AtomicLocalBackend, force=True)


def inner_model(runner: Runner) -> nn.Module:
    """The model of a run without its wrapper; FSDP has states only through the outermost one."""
    model = runner.model
    if is_model_wrapper(model) and not isinstance(model, FullyShardedDataParallel):
        return model.module
    return model


def add_metadata(runner: Runner, checkpoint: dict) -> None:
    """Put ``meta['mmsapiens']`` into a checkpoint of one of our models."""
    meta = checkpoint.setdefault('meta', {})
    own = model_metadata(inner_model(runner), meta.get('dataset_meta'))
    if own is None:
        return
    meta[KEY] = own
    encoder: Any = getattr(inner_model(runner), 'backbone', None)
    if adapters_of(encoder):
        base = ', '.join(Path(path).name for path in pretrained_files(encoder))
        checkpoint['state_dict'], own[ADAPTER] = keep_adapter(
            checkpoint['state_dict'], encoder, base or str(runner.cfg.get('load_from') or '')
        )


def describe_changes(saved: Any, current: Any) -> list[str]:
    """What a resumed run takes from the states in the checkpoint, not from its own schedulers."""
    states, schedulers = (
        sum(of.values(), []) if isinstance(of, Mapping) else list(of or [])
        for of in (saved, current)
    )
    changes = []
    if len(states) != len(schedulers):
        changes.append(f'{len(states)} schedules instead of {len(schedulers)}')
    for state, scheduler in zip(states, schedulers):
        now, kind = scheduler.state_dict(), type(scheduler).__name__
        changes += [
            f'`{name}` of {kind} is {state[name]} instead of {now[name]}'
            for name in SETTINGS
            if name in state and name in now and state[name] != now[name]
        ]
    return changes


def find_newest_whole(folder: Path, pattern: str) -> Path | None:
    """The checkpoint written last of the whole ones; None without any, else a RuntimeError."""
    damaged: list[str] = []
    for path in sorted(folder.glob(pattern), key=lambda path: -path.stat().st_mtime_ns):
        if not (is_whole_folder if path.is_dir() else is_whole_archive)(path):
            damaged.append(path.name)
            continue
        if damaged:
            text = f'resuming from {path}: newer ones are damaged ({shorten(damaged)})'
            print_log(text, logger='current', level=logging.WARNING)
        return path
    if damaged:
        raise RuntimeError(
            f'no checkpoint in {folder} is whole ({shorten(damaged)}). Copy '
            'a good one there, or remove them to start from the beginning.'
        )
    return None


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Refuses a Sapiens checkpoint that would be silently wrong.

    The runner loads ``load_from`` without strictness: weights of a Sapiens head go into a stock
    head with batch norms, of 308 keypoints into 17, or of another task, with a warning among
    others. Here that is an error. Checkpoints that are saved say what they hold.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Check the files that ``init_cfg`` of the model, or of its heads, names."""
        for name, module in inner_model(runner).named_modules():
            as_part = SimpleNamespace(**{name.rpartition('.')[2] or 'model': module})
            whole = module if hasattr(module, 'backbone') else as_part
            for path in pretrained_files(module):
                try:
                    check_same_task(whole, meta_of_file(path), path)
                except ValueError as error:
                    where = name or 'the model'
                    raise ValueError(f'`init_cfg` of {where}: {path}: {error}') from None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        add_metadata(runner, checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the head of ``checkpoint`` against the model."""
        model = inner_model(runner)
        source = runner.cfg.get('load_from')
        try:
            file = get_state_dict(checkpoint)
            stated = adapter_of(checkpoint.get('meta'))
            if stated and adapters_of(getattr(model, 'backbone', None)):
                check_base(model.backbone, stated, source or 'the checkpoint')
            else:
                refuse_adapter(checkpoint.get('meta'))
            # Not without need: FSDP gathers all weights for `state_dict`.
            if find_family(file) and split_heads(file):
                check_heads(file, model.state_dict())
                check_same_task(model, checkpoint.get('meta'), source)
        except ValueError as error:
            name = source or 'the checkpoint'
            raise ValueError(f'{name} does not fit the model: {error}') from None


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """The stock hook; always leaves a good checkpoint, and finds it.

    The stock one writes under the final name, removes an old checkpoint before the new one is
    there, and resumes from what ``last_checkpoint`` says, which may be an empty file after a kill.
    Here a checkpoint gets its name when it is whole, at least two are kept, and a run resumed
    without ``load_from`` continues with the newest one that is whole. With a ``strategy`` that
    takes ``runner_type='mmsapiens.StrategyRunner'``. Two runs at a time in one working directory
    are refused.

    Args:
        max_keep_ckpts (int): Checkpoints to keep, at least 2, or -1 for all. Defaults to -1.
        backend_args (dict, optional): Defaults to None, the local disk, atomically.
        **kwargs: Of ``mmengine.hooks.CheckpointHook``.
    """

    def __init__(
        self, *args: Any, max_keep_ckpts: int = -1, backend_args: dict | None = None, **kwargs: Any
    ) -> None:
        if max_keep_ckpts in (0, 1):
            raise ValueError(
                '`max_keep_ckpts` must be at least 2, or -1 for all: the oldest is removed before '
                f'the new one is written; but got {max_keep_ckpts}'
            )
        self.is_local = backend_args is None
        self.lock: BaseFileLock | None = None
        backend_args = backend_args or dict(backend='atomic')
        super().__init__(*args, max_keep_ckpts=max_keep_ckpts, backend_args=backend_args, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Lock the folder, or raise a RuntimeError; point ``last_checkpoint`` at the newest one."""
        self._lock(runner)
        if not isinstance(runner, FlexibleRunner):
            self.before_load(runner)

    def before_load(self, runner: Runner) -> None:
        """The same; ``StrategyRunner`` calls it, and loads before the run."""
        self._lock(runner)
        if not runner._resume or runner._load_from is not None:
            return
        if self.is_local and is_main_process():
            self._point_to_newest(Path(runner.work_dir))
        barrier()

    def _lock(self, runner: Runner) -> None:
        if self.lock is None and is_main_process():
            self.lock = lock_folder(runner.work_dir, is_singleton=True)

    def after_run(self, runner: Runner) -> None:
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        add_metadata(runner, checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Say so if the schedules of the config are not those that go on."""
        if not runner._resume or not is_main_process():
            return
        changes = describe_changes(checkpoint.get('param_schedulers'), runner.param_schedulers)
        if changes:
            text = (
                'the schedules of the checkpoint go on, not those of the config: '
                f'{shorten(changes)}. For other epochs or another batch size, start a new run with '
                '`load_from`.'
            )
            print_log(text, logger='current', level=logging.WARNING)

    def _point_to_newest(self, work_dir: Path) -> None:
        folder = work_dir if self.out_dir is None else Path(self.out_dir) / work_dir.name
        pointer = work_dir / 'last_checkpoint'
        last = pointer.read_text().strip() if pointer.is_file() else ''
        if os.path.isdir(last) and not is_sharded(last):
            return  # of a strategy that writes folders of its own kind
        for left_over in folder.glob(f'.*{TMP_SUFFIX}'):
            remove_path(left_over)
        newest = find_newest_whole(folder, self.filename_tmpl.format('*'))
        if newest is None:
            pointer.unlink(missing_ok=True)
        else:
            atomic_write(str(newest).encode(), pointer)

    def before_train(self, runner: Runner) -> None:
        """Check that no gradients are under way when a checkpoint is saved."""
        count = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if not self.by_epoch and self.interval > 0 and self.interval % count:
            raise ValueError(
                f'`interval` of the checkpoint hook ({self.interval}) must be a multiple of '
                f'`accumulative_counts` ({count}): gradients accumulated so far are not saved'
            )
        super().before_train(runner)
