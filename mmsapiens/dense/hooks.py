"""Hooks of the dense tasks: a look at the datasets, and images of predictions.

Shapes: C channels, H W pixels of the network's input.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..engine.hooks import DataCheckHook, leaf_datasets
from ..engine.preserve_state import is_sharded, preserve_state
from ..registry import HOOKS
from ..structures.fields import get_field
from .heads import DenseHead
from .visualization import DenseVisualizer


@HOOKS.register_module()
class DenseDataCheckHook(DataCheckHook):
    """Refuses, before training, datasets that a dense head would train on without sense.

    Raises:
        ValueError: If a dataset has another number of classes than the head, or not the map that
            the head predicts.
    """

    def check(self, runner: Runner, mode: str, model: nn.Module) -> None:
        head = getattr(model, 'decode_head', None)
        if not isinstance(head, DenseHead):
            return
        for dataset in leaf_datasets(getattr(runner, f'{mode}_dataloader').dataset):
            where = f'`{mode}_dataloader` ({type(dataset).__name__})'
            classes = dataset.metainfo.get('classes')
            if head.row.is_labels and classes and len(classes) != head.num_classes:
                raise ValueError(
                    f'`num_classes` of the head must be the number of classes of {where}, '
                    f'{len(classes)}, but got {head.num_classes}. Use the config of that dataset, '
                    'or convert its labels (`vocabulary`).'
                )
            sample, parts = dataset.get_data_info(0), head.row.made_of
            is_made = bool(parts) and all(get_field(name).path_key in sample for name in parts)
            if head.row.path_key not in sample and not is_made:
                raise ValueError(
                    f'the samples of {where} must have `{head.row.path_key}` for '
                    f'{type(head).__name__}, but have {sorted(sample)}. Add {head.row.name!r} to '
                    '`fields` of the dataset.'
                )


def to_image(inputs: Tensor) -> np.ndarray:
    """A packed image, BGR in [0, 255] (3, H, W), as one to draw on, RGB uint8 (H, W, 3)."""
    pixels = inputs.detach().flip(0).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8))


def predict_inputs(
    model: nn.Module, data_batch: Mapping[str, Any], count: int
) -> list[SegDataSample]:
    """Predictions of a model without wrapper for the first training samples of a batch, after
    augmentation, with ``gt_*`` and ``pred_*`` of the size of their inputs."""
    images, samples = data_batch['inputs'][:count], list(data_batch['data_samples'][:count])
    batch = model.data_preprocessor(dict(inputs=list(images), data_samples=samples), training=True)
    shells = []
    for image, padded in zip(images, batch['data_samples']):
        size = tuple(image.shape[1:])  # the way back ends at the input
        meta = dict(padded.metainfo, ori_shape=size, img_shape=size, flip=False)
        shells.append(SegDataSample(metainfo=meta))
    results = [sample.new() for sample in samples]
    for joined, pred in zip(results, model.predict(batch['inputs'], shells)):
        joined.set_data(dict(pred.items()))
    return results


def steps_done(runner: Runner) -> int:
    """Iterations of training; 0 in a run without, where ``runner.iter`` builds the training set."""
    is_unbuilt = isinstance(getattr(runner, '_train_loop', None), dict)
    return 0 if is_unbuilt else runner.iter


@HOOKS.register_module()
class DensePanelHook(Hook):
    """Draws panels of truth, prediction and error with ``DenseVisualizer``.

    In validation and test it draws what the model returned, stretched to the photograph. In
    training it runs the model, unless it is sharded (FSDP, DeepSpeed), once more on the batch of
    the iteration, in evaluation mode, with weights just updated. Only the main process draws.

    Args:
        draw (bool): Whether to do anything. Defaults to True.
        interval (int): Iterations between drawings in training. In each validation and test, the
            first batch is drawn and every ``interval``-th one after it. Defaults to 100.
        max_samples (int): First samples of a batch to draw; a test draws all. Defaults to 4.
        in_train (bool): Whether to draw in training. Defaults to True.
        in_val (bool): Whether to draw in validation. Defaults to True.
        show (bool): Whether to open a window in validation and test. Defaults to False.
        wait_time (float): Seconds the window stays; 0 until a key is pressed. Defaults to 0.
        out_dir (str, optional): Folder for images. Defaults to None, the visualizer's backends.

    Raises:
        ValueError: If ``interval`` or ``max_samples`` is not positive.
    """

    def __init__(
        self,
        draw: bool = True,
        *,
        interval: int = 100,
        max_samples: int = 4,
        in_train: bool = True,
        in_val: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_dir: str | None = None,
    ) -> None:
        for name, value in dict(interval=interval, max_samples=max_samples).items():
            if value < 1:
                raise ValueError(f'`{name}` must be above 0, but got {value}')
        self.draw, self.in_train, self.in_val = draw, in_train, in_val
        self.interval, self.max_samples = interval, max_samples
        self.show, self.wait_time, self.out_dir = show, wait_time, out_dir

    def before_run(self, runner: Runner) -> None:
        """Look for a :class:`DenseVisualizer`, or raise a TypeError."""
        if self.draw and not isinstance(runner.visualizer, DenseVisualizer):
            raise TypeError(
                "DensePanelHook needs `visualizer=dict(type='mmsapiens.DenseVisualizer', ...)` in "
                f'the config, but got {type(runner.visualizer).__name__}'
            )

    def before_train(self, runner: Runner) -> None:
        """Switch drawing in training off where it is impossible."""
        if self.draw and self.in_train and is_sharded(runner.model):
            self.in_train = False
            text = 'DensePanelHook draws nothing in training: no process has all of the model'
            print_log(text, logger='current')

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        is_drawn = self.draw and self.in_train and is_main_process()
        if not is_drawn or not self.every_n_train_iters(runner, self.interval):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        with preserve_state(model), runner.optim_wrapper.optim_context(model):
            samples = predict_inputs(model, data_batch, self.max_samples)
        for index, sample in enumerate(samples):
            image = to_image(data_batch['inputs'][index])
            self._add(runner, f'train_{index}', image, sample, runner.iter + 1)

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[SegDataSample] | None = None,
        mode: str = 'train',
    ) -> None:
        """Draw what the model returned in validation or a test."""
        is_drawn = self.draw and is_main_process() and (self.in_val or mode == 'test')
        if not is_drawn or batch_idx % self.interval:
            return
        samples = (outputs or [])[: self.max_samples if mode == 'val' else None]
        step = steps_done(runner)
        for index, sample in enumerate(samples):
            image = to_image(data_batch['inputs'][index])
            size_hw = sample.metainfo.get('ori_shape', image.shape)[:2]
            image = cv2.resize(image, tuple(size_hw[::-1]))
            # The number keeps equal file names of several folders apart.
            stem = Path(sample.metainfo.get('img_path', '')).stem
            name = '_'.join(filter(None, (mode, f'{batch_idx:05d}_{index}', stem)))
            self._add(runner, name, image, sample, step, self.show)

    def _add(
        self,
        runner: Runner,
        name: str,
        image: np.ndarray,
        sample: SegDataSample,
        step: int,
        show: bool = False,
    ) -> None:
        out_file = self.out_dir and os.path.join(self.out_dir, f'{name}_{step}.png')
        options = dict(show=show, wait_time=self.wait_time, out_file=out_file, step=step)
        runner.visualizer.add_datasample(name, image, sample, **options)
