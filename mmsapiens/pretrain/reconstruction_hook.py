"""Reconstructions drawn during training."""

from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..registry import HOOKS
from ..visualization.reconstruction import Style, draw_sweep, draw_triplets


@HOOKS.register_module()
class ReconstructionHook(Hook):
    """Draws original, masked and reconstructed images of the batch for the visualizer.

    The masks are the same every time, and training is not disturbed.

    Args:
        interval (int): Iterations between drawings. Defaults to 1000.
        num_images (int): Images to draw. Defaults to 4.
        mask_ratios (Sequence[float]): If given, also a sweep over these. Defaults to ().
        seed (int): Of the masks. Defaults to 0.

    Raises:
        ValueError: If a number is below 1.
    """

    priority = 'LOW'

    def __init__(
        self,
        interval: int = 1000,
        num_images: int = 4,
        mask_ratios: tuple[float, ...] = (),
        seed: int = 0,
    ) -> None:
        for name, value in dict(interval=interval, num_images=num_images).items():
            if value < 1:
                raise ValueError(f'`{name}` must be at least 1, but got {value}')
        self.interval, self.num_images, self.seed = interval, num_images, seed
        self.mask_ratios = tuple(mask_ratios)

    @torch.no_grad()
    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        if not self.every_n_train_iters(runner, self.interval):
            return
        wrapped = runner.model
        model = wrapped.module if is_model_wrapper(wrapped) else wrapped
        data = dict(inputs=data_batch['inputs'][: self.num_images], data_samples=None)
        inputs = model.data_preprocessor(data, False)['inputs']
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.rand(len(inputs), model.backbone.num_patches, generator=generator)
        training = model.training
        # All processes take part, through the wrapper: shards are gathered.
        wrapped.eval()
        result, *others = (
            wrapped(inputs, mode='reconstruct', noise=noise, mask_ratio=ratio)
            for ratio in (None, *self.mask_ratios)
        )
        wrapped.train(training)
        if not is_main_process():
            return
        style = Style(model.data_preprocessor.mean, model.data_preprocessor.std)
        images = {'reconstruction': draw_triplets(result, style)}
        if others:
            images['mask_ratios'] = draw_sweep(dict(zip(self.mask_ratios, others)), style)
        for name, image in images.items():
            runner.visualizer.add_image(name, image, step=runner.iter + 1)
