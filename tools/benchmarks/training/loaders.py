"""Training pipelines of our configs, and the same recipes of stock steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import Tensor

from .images import Folder

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


def plain_depth_target(results: dict) -> dict:
    """Relative depth inside the mask, as the reference computes it."""
    depth = results['gt_depth_map']
    mask = results.pop('gt_seg_map') > 0
    target = np.full_like(depth, -1)
    if mask.any():
        low, high = depth[mask].min(), depth[mask].max()
        target[mask] = (depth[mask] - low) / max(high - low, 1e-6)
    results['gt_depth_map'] = target
    return results


def plain_unit_normals(results: dict) -> dict:
    """Normals of length 1, as the reference computes them."""
    normals = results['gt_depth_map']  # the name that stock resizes
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    results['gt_depth_map'] = normals / (length + 1e-6)
    return results


def plain_normal_target(results: dict) -> dict:
    """Normals inside the mask."""
    mask = results.pop('gt_seg_map') > 0
    normals = results['gt_depth_map']
    results['gt_depth_map'] = np.where(mask[..., None], normals, 0)
    return results


def plain_pack(results: dict) -> dict:
    """Tensors of image and normals, which the stock step refuses."""

    def pack(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))

    return dict(inputs=pack(results['img']), data_samples=pack(results['gt_depth_map']))


def _stock_step(task: str, step: dict[str, Any]) -> list[Step]:
    """What stands for one of our steps."""
    name = step['type'] = step['type'].removeprefix('mmsapiens.')
    if name in LEFT_OUT:
        return []
    if name == 'LoadDenseTarget':
        if step['field'] in ('seg_map', 'human_mask'):
            return [dict(type='LoadAnnotations')]
        load = dict(type='LoadDepthAnnotation', decode_backend='numpy', depth_rescale_factor=1.0)
        return [load] + ([plain_unit_normals] if task == 'normal' else [])
    if name == 'GenerateDepthTarget':
        return [plain_depth_target]
    if name == 'GenerateNormalTarget':
        return [plain_normal_target]
    if name == 'PackDenseInputs':
        is_known = task != 'normal'
        return [dict(type='PackSegInputs') if is_known else plain_pack]
    if name == 'RandomRotateFields':
        arguments = {key: step[key] for key in ('prob', 'degree')}
        return [dict(type='RandomRotate', seg_pad_val=0, **arguments)]
    if name == 'GenerateTarget':
        codec = {key: step['encoder'][key] for key in ('input_size', 'heatmap_size', 'sigma')}
        return [dict(step, encoder=dict(type='UDPHeatmap', **codec))]
    if 'resize_type' in step:
        step['resize_type'] = 'Resize'
    return [dict(step, type=STOCK_STEPS.get(name, name))]


def our_pipeline(cfg: Config) -> list[Step]:
    """The steps of a config that stock can do as well."""
    return [
        dict(step)
        for step in cfg.train_pipeline
        if step['type'].removeprefix('mmsapiens.') not in LEFT_OUT
    ]


def stock_pipeline(task: str, cfg: Config) -> list[Step]:
    """The recipe of a config in stock steps.

    Stock has no targets inside a mask and no normals; plain numpy takes their place, and normals go
    under the name of depth.

    Args:
        task (str): 'pose', 'parsing', 'depth' or 'normal'.
        cfg (Config): Ours.
    """
    return [stock for step in cfg.train_pipeline for stock in _stock_step(task, dict(step))]


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


class Loader:
    """Makes batches, image after image, in this process.

    Args:
        task (str): 'pose', 'parsing', 'depth' or 'normal'.
        cfg (Config): Of the task, for the sizes.
        folder (Folder): The images.
        stock (bool): Whether to take stock steps. Defaults to False.
        meta (dict, optional): Of the keypoints.
    """

    def __init__(
        self,
        task: str,
        cfg: Config,
        folder: Folder,
        stock: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.task, self.folder, self.meta = task, folder, meta
        self.stock = stock
        steps = stock_pipeline(task, cfg) if stock else our_pipeline(cfg)
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            self.steps = Compose(steps)

    def sample(self, index: int) -> dict[str, Any]:
        """What the dataset would hand to the pipeline."""
        if self.task == 'pose':
            assert self.meta is not None
            return self.folder.pose(index, self.meta)
        sample = self.folder.dense(index)
        if self.stock and self.task != 'parsing':
            sample['seg_map_path'] = sample['human_mask_path']
        if self.stock and self.task == 'normal':
            sample['depth_map_path'] = sample['normal_map_path']
        return sample

    def batch(self, size: int, seed: int = 0) -> Any:
        """A batch in shared memory; the same draws for the same seed."""
        np.random.seed(seed)
        samples = [self.steps(self.sample(index)) for index in range(size)]
        batch = pseudo_collate([s for s in samples if s is not None])
        share_memory(batch)
        return batch

    def profile(self, rounds: int) -> dict[str, float]:
        """Seconds of each step for one image."""
        total: dict[str, float] = {}
        for index in range(rounds):
            np.random.seed(index)
            results = self.sample(index)
            for step in self.steps.transforms:
                start = time.process_time()
                results = step(results)
                name = getattr(step, '__name__', type(step).__name__)
                total[name] = total.get(name, 0) + time.process_time() - start
        return {name: value / rounds for name, value in total.items()}
