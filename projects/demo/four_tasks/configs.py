"""The config of a run: one of `configs/`, with data and length filled in."""

from __future__ import annotations

from pathlib import Path

from .variants import Variant

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


def base_config(task: str) -> Path:
    """The file of `configs/` of a task."""
    return CONFIGS / f'sapiens-tiny_2xb8_{task}-128x96.py'


def data_lines(task: str, data: Path, lists: Path) -> list[str]:
    """Where a task finds its data.

    Args:
        task (str): The task.
        data (Path): Folder of the renders.
        lists (Path): Folder of the lists.
    """
    lines = [f'data_root = {str(data) + "/"!r}']
    for loader, split in (('train', 'train'), ('val', 'val')):
        if task == 'pose':
            extra = "data_prefix=dict(img='images/')"
            extra += ', bbox_file=None' if split == 'val' else ''
            file = lists / f'{split}.json'
        else:
            extra, file = "split=''", lists / f'{split}.txt'
        lines += [
            f'{loader}_dataloader = dict(dataset=dict(data_root=data_root,',
            f'    ann_file={str(file)!r}, {extra}))',
        ]
    lines.append('test_dataloader = val_dataloader')
    if task == 'pose':
        lines += [
            'val_evaluator = [',
            f"    dict(type='CocoMetric', ann_file={str(lists / 'val.json')!r}),",
            "    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox')]",
            'test_evaluator = val_evaluator',
        ]
    return lines


def config_text(
    task: str, variant: Variant, data: Path, lists: Path, encoder: Path | None = None
) -> str:
    """The config of a task.

    Args:
        task (str): The task.
        variant (Variant): Sizes of the run.
        data (Path): Folder of the renders.
        lists (Path): Folder of the lists.
        encoder (Path, optional): Weights of a network whose encoder is the start. Defaults to None,
            random ones.
    """
    base = base_config(task)
    epochs = variant.epochs[task]
    lines = [
        f'_base_ = {str(base)!r}',
        '',
        *data_lines(task, data, lists),
        f'train_dataloader.update(batch_size={variant.batch_size})',
        f'optim_wrapper = dict(optimizer=dict(lr={variant.lr}))',
        f'train_cfg = dict(max_epochs={epochs}, val_interval={epochs})',
        'param_scheduler = [',
        "    dict(type='LinearLR', by_epoch=False, begin=0, end=50,",
        '         start_factor=1e-2),',
        "    dict(type='CosineAnnealingLR', by_epoch=True, begin=0,",
        f'         end={epochs}, T_max={epochs}, eta_min=1e-5,',
        '         convert_to_iter_based=True)]',
        'default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=1,',
        '                                     save_best=None))',
        "log_level = 'WARNING'",
    ]
    if encoder is not None:
        lines += [
            'model = dict(backbone=dict(init_cfg=dict(',
            "    _delete_=True, type='Pretrained',",
            f'    checkpoint={str(encoder)!r})))',
        ]
    if variant.on_gpu:
        lines += ['train_dataloader.update(num_workers=4, persistent_workers=True)']
    return '\n'.join(lines) + '\n'
