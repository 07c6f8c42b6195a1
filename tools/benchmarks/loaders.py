#!/usr/bin/env python
"""From files to a batch in shared memory, on one core: our recipes and the same in stock steps."""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from networks import config_of, write_photos
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmsapiens.pose.datasets import Goliath308Dataset
from timing import alternate, show, show_header
from torch import Tensor

BATCH = 8
PHOTOS = 4
STOCK_STEPS = {
    'LoadCheckedImage': 'LoadImageFromFile',
    'PoseTableDistortion': 'PhotometricDistortion',
    'ResizeFields': 'Resize',
    'RandomCropFields': 'RandomCrop',
    'RandomFlipFields': 'RandomFlip',
    'TableDistortion': 'PhotoMetricDistortion',
}
"""Our steps -> those of stock that do the same with the same arguments."""
LEFT_OUT = ('RequireVisibleKeypoints', 'RandomBackground')
"""What stock has nothing for, or what both sides go without."""

Step = dict[str, Any] | Callable[[dict], dict]


def depth_target(results: dict) -> dict:
    """Relative depth inside the mask, as the reference computes it."""
    depth = results['gt_depth_map']
    mask = results.pop('gt_seg_map') > 0
    low, high = depth[mask].min(), depth[mask].max()
    results['gt_depth_map'] = np.where(mask, (depth - low) / max(high - low, 1e-6), -1)
    return results


def normal_target(results: dict) -> dict:
    """Normals of length 1 inside the mask; `gt_depth_map` is the name that stock resizes."""
    normals = results['gt_depth_map']
    normals = normals / (np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-6)
    mask = results.pop('gt_seg_map') > 0
    results['gt_depth_map'] = np.where(mask[..., None], normals, 0)
    return results


def pack_normals(results: dict) -> dict:
    """Tensors of image and normals, which the stock step refuses."""

    def pack(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))

    return dict(inputs=pack(results['img']), data_samples=pack(results['gt_depth_map']))


def stock_step(task: str, step: dict[str, Any]) -> Step:
    """What stands for one of our steps; plain numpy where stock has nothing."""
    name = step['type'] = step['type'].removeprefix('mmsapiens.')
    if name == 'LoadDenseTarget':
        if step['field'] in ('seg_map', 'human_mask'):
            return dict(type='LoadAnnotations')
        return dict(type='LoadDepthAnnotation', decode_backend='numpy', depth_rescale_factor=1.0)
    if name == 'GenerateDepthTarget':
        return depth_target
    if name == 'GenerateNormalTarget':
        return normal_target
    if name == 'PackDenseInputs':
        return pack_normals if task == 'normal' else dict(type='PackSegInputs')
    if name == 'RandomRotateFields':
        return dict(type='RandomRotate', seg_pad_val=0, prob=step['prob'], degree=step['degree'])
    if name == 'GenerateTarget':
        codec = {key: step['encoder'][key] for key in ('input_size', 'heatmap_size', 'sigma')}
        return dict(step, encoder=dict(type='UDPHeatmap', **codec))
    if 'resize_type' in step:
        step['resize_type'] = 'Resize'
    return dict(step, type=STOCK_STEPS.get(name, name))


def write_files(folder: Path, size_hw: tuple[int, int]) -> None:
    """Photographs and maps of a person of 28 stripes."""
    height, width = size_hw
    labels = np.zeros(size_hw, 'u1')
    top, bottom = height // 10, height * 9 // 10
    rows = np.linspace(1, 28, bottom - top, endpoint=False).astype('u1')
    labels[top:bottom, width // 4 : width * 3 // 4] = rows[:, None]
    slope = np.broadcast_to(np.linspace(1, 3, height, dtype='f4')[:, None], size_hw)
    x = np.broadcast_to(np.linspace(-0.7, 0.7, width, dtype='f4')[None], size_hw)
    normals = np.stack([x, slope / 15, 1 - x**2], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    for path in write_photos(folder, PHOTOS, size_hw):
        stem = path.removesuffix('.jpg')
        cv2.imwrite(f'{stem}_labels.png', labels)
        cv2.imwrite(f'{stem}_mask.png', 255 * (labels > 0).astype('u1'))
        np.save(f'{stem}_depth.npy', slope)
        np.save(f'{stem}_normal.npy', normals)


class Loader:
    """Makes batches, image after image, in this process.

    Args:
        task (str): 'pose', 'parsing', 'depth' or 'normal'.
        cfg (Config): Of the task.
        folder (Path): Of :func:`write_files`.
        size_hw (tuple[int, int]): Of its images.
        is_stock (bool): Whether to take stock steps.
    """

    def __init__(
        self, task: str, cfg: Config, folder: Path, size_hw: tuple[int, int], is_stock: bool
    ) -> None:
        self.task, self.folder, self.size_hw, self.is_stock = task, folder, size_hw, is_stock
        steps = [dict(step) for step in cfg.train_pipeline]
        steps = [s for s in steps if s['type'].removeprefix('mmsapiens.') not in LEFT_OUT]
        self.steps = Compose([stock_step(task, s) for s in steps] if is_stock else steps)
        self.meta = Goliath308Dataset._load_metainfo(Goliath308Dataset.METAINFO)

    def sample(self, index: int) -> dict[str, Any]:
        """What the dataset would hand to the pipeline."""
        stem = str(self.folder / f'{index % PHOTOS:05d}')
        if self.task == 'pose':
            return self.pose_sample(f'{stem}.jpg', index)
        names = dict(seg='labels.png', human_mask='mask.png', depth='depth.npy')
        names['normal'] = 'normal.npy'
        paths = {
            f'{key}_path' if key == 'human_mask' else f'{key}_map_path': f'{stem}_{name}'
            for key, name in names.items()
        }
        if self.is_stock and self.task != 'parsing':
            paths['seg_map_path'] = paths['human_mask_path']
        if self.is_stock and self.task == 'normal':
            paths['depth_map_path'] = paths['normal_map_path']
        pairs = ((5, 14), (6, 15), (7, 16))
        rest = dict(seg_fields=[], reduce_zero_label=False, flip_label_pairs=pairs, num_classes=28)
        return dict(img_path=f'{stem}.jpg', **paths, **rest)

    def pose_sample(self, path: str, index: int) -> dict[str, Any]:
        """A person with keypoints anywhere in its box."""
        rng = np.random.default_rng(index)
        height, width = self.size_hw
        box = np.array([[width / 4, height / 10, width * 3 / 4, height * 9 / 10]], 'f4')
        count = self.meta['num_keypoints']
        share = rng.uniform(0, 1, (1, count, 2)).astype('f4')
        keys = ('flip_indices', 'upper_body_ids', 'lower_body_ids')
        return dict(
            img_path=path,
            bbox=box,
            bbox_score=np.ones(1, 'f4'),
            keypoints=box[:, None, :2] + share * (box[:, 2:] - box[:, :2])[:, None],
            keypoints_visible=(rng.uniform(size=(1, count)) < 0.9).astype('f4'),
            id=index,
            img_id=index,
            category_id=[1],
            iscrowd=0,
            dataset_name='benchmark',
            **{key: list(self.meta[key]) for key in keys},
        )

    def batch(self, seed: int) -> Any:
        """A batch in shared memory; the same draws for the same seed."""
        random.seed(seed)
        np.random.seed(seed)
        samples = [self.steps(self.sample(index)) for index in range(BATCH)]
        batch = pseudo_collate([each for each in samples if each is not None])
        share_memory(batch)
        return batch

    def slowest(self, count: int = 4) -> str:
        """The slowest steps, milliseconds for each image."""
        total: dict[str, float] = {}
        for index in range(BATCH):
            np.random.seed(index)
            results = self.sample(index)
            for step in self.steps.transforms:
                start = time.process_time()
                results = step(results)
                name = getattr(step, '__name__', type(step).__name__)
                total[name] = total.get(name, 0) + time.process_time() - start
        names = sorted(total, key=lambda name: -total[name])[:count]
        return ', '.join(f'{name} {1e3 * total[name] / BATCH:.1f} ms' for name in names)


def share_memory(batch: Any) -> None:
    """Move tensors to shared memory, as the worker of a loader does."""
    if isinstance(batch, Tensor):
        batch.share_memory_()
    elif isinstance(batch, dict):
        share_memory(list(batch.values()))
    elif isinstance(batch, (list, tuple)):
        for each in batch:
            share_memory(each)
    elif hasattr(batch, 'all_values'):
        share_memory(batch.all_values())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--tasks', nargs='+', default=['pose', 'parsing', 'depth', 'normal'])
    parser.add_argument('--size', default='0.3b')
    parser.add_argument('--heights', type=int, nargs='+', default=[1024, 2048], help='of images')
    parser.add_argument('--repeat', type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    show_header()
    for task in args.tasks:
        cfg = config_of(task, args.size)
        for height in args.heights:
            size_hw = height, height * 3 // 4
            with tempfile.TemporaryDirectory() as name:
                write_files(Path(name), size_hw)
                sides = [Loader(task, cfg, Path(name), size_hw, stock) for stock in (False, True)]
                # Both sides see the same draws, other ones in each round.
                seeds = [iter(range(10**6)) for _ in sides]
                ways = {
                    str(index): lambda side=side, seed=seed: side.batch(next(seed))
                    for index, (side, seed) in enumerate(zip(sides, seeds))
                }
                rates = [BATCH / each[1] for each in alternate(ways, args.repeat).values()]
                work = f'loader, {task}, images of {size_hw[0]}x{size_hw[1]}'
                show(work, 'images/s', *rates, note=sides[0].slowest())


if __name__ == '__main__':
    main()
