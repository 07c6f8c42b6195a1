"""Evaluates invented predictions, in one process or as one of several.

As a script: `distributed_figures.py OUT` writes the figures of rank 0 as JSON.
"""
# ruff: noqa: I001

import json
import sys

import mmsapiens.dense.metrics  # noqa: F401  before the hosts
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.dist import get_rank
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import DataLoader

from mmsapiens.engine.launch import distributed_run

LENGTH = 10
"""Samples: no multiple of three processes."""

METRICS = [
    dict(type='mmsapiens.ExactIoUMetric', prefix='seg'),
    dict(type='mmsapiens.RelativeDepthMetric', prefix='depth'),
    dict(
        type='mmsapiens.RelativeDepthMetric', prefix='disparity', align='median', space='disparity'
    ),
    dict(type='mmsapiens.NormalAngleMetric', prefix='normal'),
]


def sample(index):
    """A sample of its own size, with errors and a mask of its own."""
    generator = torch.Generator().manual_seed(index)
    size = (20 + index, 30)

    def maps(channels=1):
        return torch.randn((channels, *size), generator=generator)

    label = (maps().abs() * 2).long().clamp(max=3)
    wrong = maps() > 1
    depth = maps().abs() + 0.3
    normal = torch.nn.functional.normalize(maps(3), dim=0)
    mask = maps() > 0 if index != 4 else torch.zeros((1, *size))
    fields = dict(
        gt_sem_seg=label,
        pred_sem_seg=torch.where(wrong, (label + 1) % 4, label),
        gt_depth_map=depth,
        pred_depth_map=depth * (0.1 + index) + 0.1 * maps().abs(),
        gt_normal_map=normal,
        pred_normal_map=normal + 0.1 * index * maps(3),
        gt_human_mask=mask,
    )
    data = {name: PixelData(data=value) for name, value in fields.items()}
    result = SegDataSample()
    result.set_data(data)
    return result


class Samples(torch.utils.data.Dataset):
    """All samples."""

    def __len__(self):
        return LENGTH

    def __getitem__(self, index):
        return sample(index)


def evaluate(round_up):
    """The figures of all samples, as a validation loop computes them."""
    data = Samples()
    evaluator = Evaluator(METRICS)
    evaluator.dataset_meta = dict(classes=('a', 'b', 'c', 'd', 'e'))
    loader = DataLoader(
        data,
        batch_size=2,
        sampler=DefaultSampler(data, shuffle=False, round_up=round_up),
        collate_fn=pseudo_collate,
    )
    for batch in loader:
        evaluator.process(data_samples=batch)
    return evaluator.evaluate(len(data))


if __name__ == '__main__':
    with distributed_run(Config(dict(launcher='pytorch'))):
        # Both ways of leaving samples to the ranks.
        figures = [evaluate(True), evaluate(False)]
        if get_rank() == 0:
            with open(sys.argv[1], 'w') as file:
                json.dump(figures, file, default=float)
