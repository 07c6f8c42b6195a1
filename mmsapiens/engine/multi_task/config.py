"""One config of several tasks from the configs of single ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..build import read_config
from .data import check_names

COLORS = ('mean', 'std', 'bgr_to_rgb')


def combine_tasks(
    configs: Mapping[str, str],
    folder: str | Path = '.',
    *,
    data_root: str | None = None,
    batch_size: int | None = None,
    shares: Mapping[str, float] | None = None,
    loss_weights: Mapping[str, float] | None = None,
    weighting: str = 'fixed',
    num_batches: int | None = None,
) -> dict[str, Any]:
    """The parts of a config that trains and evaluates several tasks, from those of single tasks.

    For a config whose first statement is ``_base_ = ...``::

        from mmsapiens.engine.multi_task import combine_tasks

        parts = combine_tasks({'pose-17': '../pose/coco/....py', ...}, '{{ fileDirname }}')
        model, train_dataloader = parts['model'], parts['train_dataloader']

    Args:
        configs (Mapping[str, str]): Task -> its config.
        folder (str | Path): That paths of configs are relative to. Defaults to '.'.
        data_root (str, optional): One folder for the data of all, instead of the ``data_root`` of
            each config. Defaults to None.
        batch_size (int, optional): Of all tasks. Defaults to None, those of the configs.
        shares (Mapping[str, float], optional): As in :class:`TaskBatchSampler`. Defaults to None.
        loss_weights (Mapping[str, float], optional): As in :class:`MultiTaskModel`. Defaults to
            None.
        weighting (str): As in :class:`MultiTaskModel`. Defaults to 'fixed'.
        num_batches (int, optional): As in :class:`TaskBatchSampler`. Defaults to None.

    Returns:
        dict[str, Any]: ``model``, ``train_dataloader``, ``val_dataloader``, ``test_dataloader``,
        ``val_evaluator``, ``test_evaluator``, ``val_cfg``, ``test_cfg``.

    Raises:
        FileNotFoundError: If a config does not exist.
        ValueError: If the encoders of the tasks, or what they do to colors, are not the same.
    """
    whole = {name: read_config(Path(folder) / path) for name, path in configs.items()}
    for what, given in (('shares', shares or {}), ('loss_weights', loss_weights or {})):
        check_names(what, given, list(whole))
    parts = {name: _own_scope(cfg.to_dict()) for name, cfg in whole.items()}
    if data_root is not None:
        parts = {name: _moved(part, part['data_root'], data_root) for name, part in parts.items()}
    loaders = {name: part['train_dataloader'] for name, part in parts.items()}
    first = next(iter(loaders.values()))
    train: dict[str, Any] = {
        key: first[key] for key in ('num_workers', 'persistent_workers') if key in first
    }
    train['batch_size'] = first['batch_size'] if batch_size is None else batch_size
    train['sampler'] = dict(type='DefaultSampler', shuffle=True)
    train['batch_sampler'] = dict(
        type='mmsapiens.TaskBatchSampler',
        batch_sizes={
            name: loader['batch_size'] if batch_size is None else batch_size
            for name, loader in loaders.items()
        },
        shares=dict(shares or {}),
        num_batches=num_batches,
    )
    datasets = {name: loader['dataset'] for name, loader in loaders.items()}
    train['dataset'] = dict(type='mmsapiens.MultiTaskDataset', datasets=datasets)
    models = {name: part['model'] for name, part in parts.items()}
    found: dict[str, Any] = dict(
        model=dict(
            type='mmsapiens.MultiTaskModel',
            backbone=_shared_encoder(models),
            models=models,
            loss_weights=dict(loss_weights or {}),
            weighting=weighting,
        ),
        train_dataloader=train,
        # Of each batch, the parameters of the other heads have no part in the loss.
        find_unused_parameters=True,
    )
    for mode, loop in (('val', 'MultiTaskValLoop'), ('test', 'MultiTaskTestLoop')):
        for kind in ('dataloader', 'evaluator'):
            key = f'{mode}_{kind}'
            found[key] = {name: part[key] for name, part in parts.items()}
        found[f'{mode}_cfg'] = dict(type=f'mmsapiens.{loop}')
    return found


def _own_scope(cfg: dict[str, Any]) -> dict[str, Any]:
    """A config of one task whose parts name the host that their names are of."""
    scope = cfg.get('default_scope')
    for key in ('model', *(f'{mode}_evaluator' for mode in ('val', 'test'))):
        parts = cfg[key] if isinstance(cfg[key], list) else [cfg[key]]
        for part in parts:
            part['_scope_'] = scope
    for mode in ('train', 'val', 'test'):
        cfg[f'{mode}_dataloader']['dataset']['_scope_'] = scope
    return cfg


def _moved(value: Any, old: str, new: str) -> Any:
    """A config with the paths in one folder in another."""
    if isinstance(value, dict):
        return {key: _moved(each, old, new) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(each, old, new) for each in value)
    is_path = isinstance(value, str) and value.startswith(old)
    return new + value.removeprefix(old) if is_path else value


def _shared_encoder(models: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The encoder of all tasks; what it does at the borders of an image may differ."""
    encoders = {name: dict(model.pop('backbone')) for name, model in models.items()}
    paddings = {encoder.pop('patch_padding', 'corner') for encoder in encoders.values()}
    colors = {
        name: tuple(str((model.get('data_preprocessor') or {}).get(key)) for key in COLORS)
        for name, model in models.items()
    }
    first = next(iter(models))
    for what, those in (('encoder', encoders), ('colors', colors)):
        for name in models:
            if those[name] != those[first]:
                raise ValueError(
                    f'`configs` must be of one {what}, but that of {first!r} is {those[first]} and '
                    f'that of {name!r} is {those[name]}'
                )
    padding = paddings.pop() if len(paddings) == 1 else 'corner'
    return {**encoders[first], 'patch_padding': padding}
