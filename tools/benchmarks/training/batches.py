"""Batches for training, of random numbers, as a loader would give them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData, PixelData

Batch = dict[str, Any]


def make_batch(task: str, cfg: Config, size: int, stock: bool = False) -> Batch:
    """A batch for ``train_step``.

    Args:
        task (str): 'pose', 'parsing', 'depth' or 'normal'.
        cfg (Config): Ours.
        size (int): Images.
        stock (bool): Whether targets are those of stock transforms: heatmaps instead of keypoints.
            Defaults to False.

    Returns:
        dict: ``inputs``, uint8 (3, H, W) each, and ``data_samples``.
    """
    rng = np.random.default_rng(0)
    height, width = cfg.model.backbone.img_size
    images = rng.integers(0, 256, (size, 3, height, width), 'u1')
    make = _pose_sample if task == 'pose' else _dense_sample
    samples = [make(task, cfg, rng, stock) for _ in range(size)]
    inputs = [torch.from_numpy(image) for image in images]
    if torch.cuda.is_available():
        inputs = [image.pin_memory() for image in inputs]
    return dict(inputs=inputs, data_samples=samples)


def _pose_sample(task: str, cfg: Config, rng: np.random.Generator, stock: bool) -> Any:
    from mmpose.registry import KEYPOINT_CODECS
    from mmpose.structures import PoseDataSample

    codec_cfg = dict(cfg.model.head.decoder)
    if stock:
        codec_cfg = {key: codec_cfg[key] for key in ('input_size', 'heatmap_size', 'sigma')}
        codec_cfg['type'] = 'UDPHeatmap'
    codec = KEYPOINT_CODECS.build(codec_cfg)
    count = cfg.model.head.out_channels
    points = rng.uniform(0, 1, (1, count, 2)) * codec.input_size
    visible = (rng.uniform(size=(1, count)) < 0.9).astype('f4')
    encoded = codec.encode(points.astype('f4'), visible)
    sample = PoseDataSample()
    labels = {key: torch.from_numpy(value) for key, value in encoded.items() if key != 'heatmaps'}
    sample.gt_instance_labels = InstanceData(**labels)
    if 'heatmaps' in encoded:
        maps = torch.from_numpy(encoded['heatmaps'])
        sample.gt_fields = PixelData(heatmaps=maps)
    return sample


def _dense_sample(task: str, cfg: Config, rng: np.random.Generator, stock: bool) -> Any:
    from mmseg.structures import SegDataSample

    size = tuple(cfg.model.backbone.img_size)
    sample = SegDataSample()
    if task == 'parsing':
        classes = cfg.model.decode_head.num_classes
        coarse = rng.integers(0, classes, (size[0] // 32, size[1] // 32))
        labels = np.kron(coarse, np.ones((32, 32), coarse.dtype))
        sample.gt_sem_seg = PixelData(data=torch.from_numpy(labels)[None])
    elif task == 'depth':
        depth = rng.uniform(0, 1, (1, *size)).astype('f4')
        sample.gt_depth_map = PixelData(data=torch.from_numpy(depth))
    else:
        vectors = rng.normal(size=(3, *size)).astype('f4')
        vectors /= np.linalg.norm(vectors, axis=0)
        sample.gt_normal_map = PixelData(data=torch.from_numpy(vectors))
    return sample
