#!/usr/bin/env python
"""Trains tiny models of the second generation on rendered people, beside guesses.

A guess does not look at the image: the mean of the training maps at each pixel, the most frequent
class at each pixel, or the mean pose in the box. Figures are those of the metrics of the configs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from four_tasks.baselines import mean_pose, place_pose
from four_tasks.networks import use_scope
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner
from mmengine.structures import PixelData
from torch import Tensor

from mmsapiens.checkpoints import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {
    'pose': 'pose/goliath308/sapiens2-tiny_2xb7-300e_goliath308-256x192.py',
    'parsing': 'dense/parsing/sapiens2-tiny_2xb4-300e_bodyparts29-256x192.py',
    'normal': 'dense/normal/sapiens2-tiny_2xb4-300e_normal-256x192.py',
    'pointmap': 'dense/pointmap/sapiens2-tiny_2xb4-300e_pointmap-256x192.py',
    'albedo': 'dense/albedo/sapiens2-tiny_2xb4-300e_albedo-256x192.py',
    'matting': 'dense/matting/sapiens2-tiny_2xb4-300e_matting-256x192.py',
}
NEAR = 0.1
"""A keypoint is right within this share of a side of the box."""


def write_config(task: str, data: Path, work_dir: Path, epochs: int) -> Path:
    """The tiny config of a task on rendered people, for some epochs."""
    cfg = Config.fromfile(f'{ROOT}/configs/{CONFIGS[task]}')
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        if task == 'pose':
            place = dict(ann_file=f'annotations/goliath308_{split}.json')
            cfg.val_evaluator.ann_file = f'{data}/annotations/goliath308_val.json'
        else:
            place = dict(ann_file=f'splits/{split}.txt', split='')
        loader.dataset.update(data_root=f'{data}/', **place)
    cfg.test_dataloader, cfg.test_evaluator = cfg.val_dataloader, cfg.val_evaluator
    cfg.train_cfg.update(max_epochs=epochs, val_interval=epochs)
    cfg.param_scheduler[1].update(end=epochs, T_max=epochs)
    cfg.default_hooks.checkpoint.update(interval=epochs, save_best=None)
    if task != 'pose':
        cfg.default_hooks.visualization.draw = False
    path = work_dir / f'{task}.py'
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg.dump(path)
    return path


def truth_of(sample: Any, name: str) -> tuple[Tensor, Tensor]:
    """A true map (C, H, W), and where it counts, bool (H, W)."""
    values = sample.get(name).data
    mask = sample.get('gt_human_mask')
    where = values.new_ones(values.shape[1:]) if mask is None else mask.data[0]
    return values, where > 0


def training_people(cfg: Config) -> dict[str, Any]:
    """The training set, seen as in a test."""
    return dict(cfg.val_dataloader.dataset, ann_file=cfg.train_dataloader.dataset.ann_file)


def fit_guess(cfg: Config, name: str, num_classes: int) -> Tensor:
    """The mean, or the most frequent class, at each pixel of the training people."""
    total: Any = 0
    count: Any = 0
    for item in DATASETS.build(training_people(cfg)):
        values, where = truth_of(item['data_samples'], name)
        if num_classes:
            values = values.clamp(max=num_classes)
            values = torch.nn.functional.one_hot(values[0], num_classes + 1).movedim(-1, 0)
            total = total + values[:num_classes]
            continue
        total = total + torch.where(where, values.double(), 0)
        count = count + where
    if num_classes:
        return total.argmax(dim=0, keepdim=True)
    overall = total.sum(dim=(1, 2)) / count.sum()
    mean = torch.where(count > 0, total / count.clamp(min=1), overall[:, None, None])
    return mean.float()


def answers(cfg: Config, weights: Path) -> Iterator[tuple[Any, list[Any]]]:
    """Batches of people that were not in the training, with what the network says."""
    model = MODELS.build(cfg.model)
    load_checkpoint(model, str(weights))
    model.eval()
    with torch.no_grad():
        for batch in Runner.build_dataloader(cfg.val_dataloader):
            yield batch, model.val_step(batch)


def compare_maps(cfg: Config, weights: Path) -> dict[str, dict[str, float]]:
    """Figures of a dense network and of the guess."""
    row = MODELS.build(cfg.model).decode_head.row
    metainfo = DATASETS.build(cfg.val_dataloader.dataset).metainfo
    num_classes = cfg.model.decode_head.get('num_classes', 0)
    guess = fit_guess(cfg, row.gt_name, num_classes)
    evaluators = {way: Evaluator([cfg.val_evaluator]) for way in ('network', 'guess')}
    count = 0
    for evaluator in evaluators.values():
        evaluator.dataset_meta = metainfo
    for batch, samples in answers(cfg, weights):
        count += len(samples)
        evaluators['network'].process(samples, batch)
        for sample in samples:
            sample.set_data({row.pred_name: PixelData(data=guess)})
        evaluators['guess'].process(samples, batch)
    found = {way: evaluator.evaluate(count) for way, evaluator in evaluators.items()}
    return {way: {k: float(v) for k, v in figures.items()} for way, figures in found.items()}


def compare_poses(cfg: Config, weights: Path) -> dict[str, dict[str, float]]:
    """Shares of labelled keypoints that are right, of the network and of the mean pose."""
    dataset = DATASETS.build(training_people(cfg))
    people = [dataset.get_data_info(index) for index in range(len(dataset))]
    points = [np.dstack([p['keypoints'], p['keypoints_visible'][..., None]]) for p in people]
    boxes = np.concatenate([p['bbox'] for p in people])
    boxes[:, 2:] -= boxes[:, :2]
    pose = mean_pose(np.concatenate(points), boxes)
    hits: dict[str, list[Any]] = {}
    for _, samples in answers(cfg, weights):
        for sample in samples:
            true = sample.gt_instances
            box, seen = true.bboxes[0], true.keypoints_visible[0] > 0
            sides = box[2:] - box[:2]
            ways = dict(network=sample.pred_instances.keypoints[0], guess=place_pose(pose, box))
            for way, found in ways.items():
                miss = np.linalg.norm(found - true.keypoints[0], axis=-1)[seen]
                hits.setdefault(way, []).append(
                    [miss < NEAR * s for s in (sides.min(), sides.max())]
                )
    return {
        way: {
            f'PCK, {NEAR} of the {side} side': float(np.concatenate([p[i] for p in parts]).mean())
            for i, side in enumerate(('shorter', 'longer'))
        }
        for way, parts in hits.items()
    }


def main() -> None:
    """Train and compare; figures go to ``figures.json`` of the folder of a task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of synthetic-humans')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/second_generation'))
    parser.add_argument('--tasks', nargs='+', default=list(CONFIGS), choices=list(CONFIGS))
    parser.add_argument('--epochs', type=int, default=8)
    args = parser.parse_args()
    for task in args.tasks:
        folder = args.work_dir.resolve() / task
        path = write_config(task, args.data.resolve(), args.work_dir.resolve(), args.epochs)
        weights = folder / f'epoch_{args.epochs}.pth'
        if not weights.exists():
            train = ['bash', f'{ROOT}/tools/dist_train.sh', str(path), '2']
            subprocess.run([*train, '--work-dir', str(folder)], check=True)
        cfg = Config.fromfile(str(path))
        use_scope(cfg)
        figures = compare_poses(cfg, weights) if task == 'pose' else compare_maps(cfg, weights)
        (folder / 'figures.json').write_text(json.dumps(figures, indent=1))
        for key, value in figures['network'].items():
            sys.stdout.write(f'{task} {key}: {value:.4f}, guess {figures["guess"][key]:.4f}\n')


if __name__ == '__main__':
    main()
