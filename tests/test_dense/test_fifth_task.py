"""The example of `docs/adding_a_dense_task.md`, taken from that page."""

import re
import sys
import types

import cv2
import numpy as np
import pytest
import torch
from dense_figures import draw_figure
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from parity import ROOT

import mmsapiens.dense  # noqa: F401
from mmsapiens.structures.fields import FIELDS

PAGE = (ROOT / 'docs/adding_a_dense_task.md').read_text()
ROW, LOSS, HEAD, CONFIG = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
IMPORTS = """
from __future__ import annotations
from typing import Any
from torch import Tensor, nn
from mmsapiens.dense import DenseHead, Field, add_field
from mmsapiens.registry import MODELS
"""


@pytest.fixture
def alpha():
    """The row, loss and head of the page, for one test."""
    from mmsapiens.registry import MODELS as OURS

    module = types.ModuleType('alpha_example')
    sys.modules['alpha_example'] = module
    exec(IMPORTS + ROW + LOSS + HEAD, vars(module))
    yield module
    del FIELDS['alpha_map'], sys.modules['alpha_example']
    for name in ('AlphaL1Loss', 'AlphaHead'):
        del OURS.module_dict[name]


@pytest.fixture
def folder(tmp_path):
    """Images with opacities: the outline of a figure, softened."""
    for name in ('images', 'alphas'):
        (tmp_path / 'train' / name).mkdir(parents=True)
    for index in range(4):
        figure = draw_figure(index, (64, 48))
        alpha = cv2.GaussianBlur(figure.mask.astype(np.float32), (5, 5), 0)
        path = tmp_path / f'train/images/{index}.png'
        cv2.imwrite(str(path), figure.image)
        np.save(tmp_path / f'train/alphas/{index}.npy', alpha)
    return tmp_path


def config(tmp_path, folder):
    """The config of the page, small."""
    path = tmp_path / 'alpha.py'
    text = CONFIG.replace("'../../", f"'{ROOT}/configs/")
    path.write_text(text)
    cfg = Config.fromfile(path)
    height, width = 64, 48
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
        img_size=(height, width),
        init_cfg=None,
    )
    cfg.model.decode_head.update(
        in_channels=32, deconv_out_channels=(16, 16, 16), conv_out_channels=(16,)
    )
    cfg.model.data_preprocessor.size = (height, width)
    for step in cfg.train_pipeline:
        if 'scale' in step:
            step.scale = (width, height)
        if 'crop_size' in step:
            step.crop_size = (height, width)
    cfg.train_dataloader.dataset.update(data_root=str(folder), pipeline=cfg.train_pipeline)
    return cfg


def test_the_page_states_the_lines_of_its_blocks():
    stated = [int(n) for n in re.findall(r'` \| (\d+) \|$', PAGE, re.M)]
    blocks = [len(block.splitlines()) for block in (ROW, LOSS, HEAD, CONFIG)]
    assert blocks == stated


def test_alpha_matting_trains(alpha, folder, tmp_path):
    cfg = config(tmp_path, folder)
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    np.random.seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    errors = []
    for _ in range(40):
        batch = pseudo_collate([dataset[i] for i in range(len(dataset))])
        data = model.data_preprocessor(batch, training=True)
        losses = model(**data, mode='loss')
        total, _ = model.parse_losses(losses)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        errors.append(losses['decode.loss_alpha'].item())
    assert np.mean(errors[-5:]) < 0.6 * errors[0]

    with torch.no_grad():
        samples = model.eval()(**data, mode='predict')
    opacity = samples[0].pred_alpha_map.data
    assert opacity.shape == (1, *samples[0].ori_shape)
    assert 0 <= opacity.min() <= opacity.max() <= 1
