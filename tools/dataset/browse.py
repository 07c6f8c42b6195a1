#!/usr/bin/env python
"""Draw what a pose model will see: the images after augmentation."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import mmsapiens  # noqa: F401  before the hosts: makes them importable
import numpy as np
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, VISUALIZERS
from mmpose.structures import PoseDataSample
from mmsapiens.core.atomic_files import atomic_write
from mmsapiens.engine import launch, options

MODES = ('train', 'val')
_PACK = 'PackPoseInputs'


def build_dataset(cfg: Config, mode: str) -> BaseDataset:
    """Build the dataset of a config so that it packs what is to be drawn.

    Args:
        cfg (Config): A pose config; its ``default_scope`` becomes that of the process.
        mode (str): 'train' or 'val'.

    Returns:
        BaseDataset: With its pipeline, which also packs the keypoints after augmentation.

    Raises:
        ValueError: If the config has no such dataset, or a pipeline that does not end in
            ``PackPoseInputs``.
    """
    if mode not in MODES:
        raise ValueError(f'`mode` must be one of {MODES}, but got {mode!r}')
    dataset_cfg = (cfg.get(f'{mode}_dataloader') or {}).get('dataset')
    if dataset_cfg is None:
        raise ValueError(
            f'`{mode}_dataloader` of the config must have a dataset, but got '
            f'{cfg.get(f"{mode}_dataloader")}'
        )
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    if not _pack_transformed(dataset_cfg):
        raise ValueError(
            f'the pipeline of `{mode}_dataloader.dataset` must end in '
            f'{_PACK}, which packs what is drawn'
        )
    return DATASETS.build(dataset_cfg)


def _pack_transformed(dataset_cfg: dict) -> bool:
    """Turn ``pack_transformed`` on, and say if there was a step to do it."""
    steps = [
        step for step in dataset_cfg.get('pipeline') or [] if step['type'].split('.')[-1] == _PACK
    ]
    for step in steps:
        step['pack_transformed'] = True
    inner = list(dataset_cfg.get('datasets') or [])
    if isinstance(dataset_cfg.get('dataset'), dict):
        inner.append(dataset_cfg['dataset'])
    found = [_pack_transformed(one) for one in inner]
    return bool(steps) or any(found)


class SampleDrawer:
    """Draws packed samples with the visualizer of a config.

    Args:
        visualizer_cfg (Mapping[str, Any], optional): Of a visualizer like ``PoseLocalVisualizer``,
            which is taken if None. Sizes of points and lines that it leaves open follow the input.
        dataset_meta (dict): ``metainfo`` of the dataset: colors and links.
        with_heatmaps (bool): Whether to add a second panel with the sum of the target heatmaps over
            the image. Defaults to False.
    """

    def __init__(
        self,
        visualizer_cfg: Mapping[str, Any] | None,
        dataset_meta: dict,
        with_heatmaps: bool = False,
    ) -> None:
        cfg = dict(visualizer_cfg or dict(type='PoseLocalVisualizer'))
        self.own_sizes = {'radius', 'line_width'} - set(cfg)
        # Backends write to the working directory of a run. The class is called directly because a
        # registry hands out one object per name.
        cfg.update(name='browse', vis_backends=None)
        self.visualizer = VISUALIZERS.get(cfg.pop('type'))(**cfg)
        self.visualizer.set_dataset_meta(dataset_meta)
        self.with_heatmaps = with_heatmaps

    def draw(self, sample: Mapping[str, Any]) -> np.ndarray:
        """Draw a sample.

        Args:
            sample (Mapping[str, Any]): ``inputs`` (3, H, W), BGR in [0, 255], and ``data_samples``.

        Returns:
            np.ndarray: RGB, uint8 (H, W, 3), or (H, 2 W, 3) with heatmaps.

        Raises:
            ValueError: If heatmaps are wanted, but the sample has none.
        """
        pixels = sample['inputs'].permute(1, 2, 0).numpy()[..., ::-1]
        image = np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8))
        for size in self.own_sizes:
            setattr(self.visualizer, size, 1 + image.shape[0] // 256)
        data_sample = sample['data_samples']
        drawn = image
        if 'keypoints' in data_sample.gt_instances:
            drawn = self.visualizer.add_datasample(
                'browse', image, _visible_sample(data_sample), draw_pred=False
            )
        if not self.with_heatmaps:
            return drawn
        return np.concatenate([drawn, overlay_heatmaps(image, data_sample)], axis=1)


def _visible_sample(data_sample: PoseDataSample) -> PoseDataSample:
    """A sample with the keypoints that count for the loss, as drawn."""
    instances = data_sample.gt_instances
    points = instances.get('transformed_keypoints', instances.keypoints)
    visible = np.asarray(instances.keypoints_visible)
    visible = visible[..., 0] if visible.ndim == 3 else visible  # (N, K)
    labels = data_sample.get('gt_instance_labels', {})
    if 'keypoint_weights' in labels:
        weights = labels.keypoint_weights.numpy()
        if weights.shape == visible.shape:  # not so with several encoders
            visible = visible * (weights > 0)
    shown = PoseDataSample()
    shown.gt_instances = InstanceData(
        keypoints=np.array(points[..., :2]), keypoints_visible=(visible > 0).astype(np.float32)
    )
    return shown


def overlay_heatmaps(image: np.ndarray, data_sample: PoseDataSample) -> np.ndarray:
    """Lay the sum of the target heatmaps over an image.

    Args:
        image (np.ndarray): RGB, uint8 (H, W, 3).
        data_sample (PoseDataSample): With ``gt_fields.heatmaps`` (K, h, w).

    Returns:
        np.ndarray: RGB, uint8 (H, W, 3).

    Raises:
        ValueError: If it has no heatmaps.
    """
    fields = data_sample.get('gt_fields')
    if fields is None or 'heatmaps' not in fields:
        raise ValueError(
            'the pipeline must make target heatmaps to draw them. Use the '
            'train pipeline, and `encode_on_device=False` in its codec.'
        )
    heat = fields.heatmaps.sum(dim=0).clamp(0, 1).numpy()  # (h, w)
    height, width = image.shape[:2]
    heat = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    return (image * 0.5 + colors * 0.5).astype(np.uint8)


def spread_indices(length: int, number: int) -> list[int]:
    """Indices spread evenly over a dataset, the first and last included.

    Args:
        length (int): Samples in the dataset.
        number (int): Indices wanted; all if there are fewer.
    """
    count = min(length, number)
    return np.linspace(0, length - 1, count).round().astype(int).tolist()


def browse(
    cfg: Config, *, mode: str = 'train', number: int = 20, with_heatmaps: bool = False
) -> Iterator[tuple[str, np.ndarray, SampleDrawer]]:
    """Draw samples of a config's dataset after augmentation.

    Args:
        cfg (Config): A pose config.
        mode (str): 'train' or 'val'. Defaults to 'train'.
        number (int): Samples, spread over the dataset. Defaults to 20.
        with_heatmaps (bool): As in :class:`SampleDrawer`.

    Yields:
        tuple[str, np.ndarray, SampleDrawer]: Name of the image, ending in .png, the image (RGB,
        uint8), and what drew it.
    """
    if number < 1:
        raise ValueError(f'`number` must be at least 1, but got {number}')
    dataset = build_dataset(cfg, mode)
    drawer = SampleDrawer(cfg.get('visualizer'), dataset.metainfo, with_heatmaps)
    for index in spread_indices(len(dataset), number):
        sample = dataset[index]
        meta = sample['data_samples'].metainfo
        stem = Path(meta.get('img_path', 'sample')).stem
        name = f'{index:06d}_{stem}_{meta.get("id", 0)}.png'
        yield name, drawer.draw(sample), drawer


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of a pose model')
    parser.add_argument(
        '--output-dir',
        help='folder for the images; work_dirs/CONFIG/browse_MODE unless told otherwise or shown',
    )
    parser.add_argument(
        '--number',
        type=int,
        default=20,
        help='samples, spread over the data; 20 unless told otherwise',
    )
    parser.add_argument('--mode', choices=MODES, default='train')
    parser.add_argument(
        '--heatmaps',
        action='store_true',
        help='add the sum of the target heatmaps in a second panel',
    )
    parser.add_argument('--show', action='store_true', help='open windows')
    parser.add_argument('--seed', type=int, default=0)
    options.add_options(parser)
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> None:
    """Draw."""
    parsed = parse_args(args)
    cfg = launch.read_config(parsed.config)
    options.set_options(cfg, parsed.cfg_options)
    folder = parsed.output_dir
    if folder is None and not parsed.show:
        launch.set_work_dir(cfg, None)
        folder = os.path.join(cfg.work_dir, f'browse_{parsed.mode}')
    set_random_seed(parsed.seed)
    images = browse(cfg, mode=parsed.mode, number=parsed.number, with_heatmaps=parsed.heatmaps)
    count = 0
    for name, image, drawer in images:
        count += 1
        if folder is not None:
            content = cv2.imencode('.png', image[..., ::-1])[1].tobytes()
            atomic_write(content, os.path.join(folder, name))
        if parsed.show:
            drawer.visualizer.show(image, win_name=name)
    if folder is not None:
        print(f'{count} images in {folder}')


if __name__ == '__main__':
    main()
