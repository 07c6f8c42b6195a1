"""Tiny networks with random weights in files, for tests of inference."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from parity import ROOT

from mmsapiens.checkpoints import write_checkpoint
from mmsapiens.models.tasks import TASKS
from mmsapiens.structures.results import Image, People

SIZE_HW = (64, 48)
ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)


def tiny_config(task, folder, **changes):
    """A config file of two layers of width 32 for images of 64x48."""
    cfg = Config.fromfile(ROOT / 'configs' / TASKS[task].config_of('tiny'))
    cfg.model.backbone.update(arch=ARCH, img_size=SIZE_HW)
    height, width = SIZE_HW
    if TASKS[task].is_pose:
        codec = dict(cfg.codec, input_size=(width, height), heatmap_size=(width // 4, height // 4))
        cfg.model.head.update(
            in_channels=32, deconv_out_channels=(8, 8), conv_out_channels=(8, 8), decoder=codec
        )
        steps = cfg.val_dataloader.dataset.pipeline
        steps += cfg.test_dataloader.dataset.pipeline
    else:
        cfg.model.data_preprocessor.size = SIZE_HW
        deconvs = len(cfg.model.decode_head.deconv_out_channels)
        cfg.model.decode_head.update(
            in_channels=32, deconv_out_channels=(8,) * deconvs, conv_out_channels=(8, 8)
        )
        steps = [*cfg.test_pipeline, *cfg.test_dataloader.dataset.pipeline]
    for step in steps:
        if step['type'] == 'TopdownAffine':
            step['input_size'] = (width, height)
        if step['type'] == 'Resize':
            step['scale'] = (width, height)
    cfg.merge_from_dict(changes)
    path = folder / f'sapiens-test_{task}.py'
    cfg.dump(path)
    return path


def random_weights(config, path, seed=0, meta=None):
    """A checkpoint that fits a config, in the layout of a training."""
    cfg = Config.fromfile(config)
    generator = torch.Generator().manual_seed(seed)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    weights = {
        key: torch.randn(value.shape, generator=generator) * 0.2
        for key, value in model.state_dict().items()
        if value.is_floating_point()
    }
    return write_checkpoint(weights, path, meta=meta)


def tiny_task(task, folder, **changes):
    """Config and weights of a task."""
    config = tiny_config(task, folder, **changes)
    return config, random_weights(config, folder / f'{task}.pth')


def make_image(height=60, width=80, seed=0, **fields):
    """A frame of smooth random colors."""
    import cv2

    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    name = fields.pop('name', f'image_{seed}')
    return Image(image, name, f'{name}.png', **fields)


def people(*boxes):
    """People with these boxes."""
    array = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return People(array, np.ones(len(array), dtype=np.float32), 'caller')
