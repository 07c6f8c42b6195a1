"""The same pose network from our parts and from stock ones."""

from __future__ import annotations

import copy
from pathlib import Path

import mmsapiens  # noqa: F401  before mmpose
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from mmsapiens.models import get_arch
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[3] / 'configs/pose/goliath308'
CONFIG = FOLDER / 'sapiens-0.3b_8xb64-210e_goliath308-1024x768.py'
TINY_CONFIG = FOLDER / 'sapiens-tiny_2xb7-300e_goliath308-256x192.py'
PHOTO_HW = (1600, 1200)


def config_of(small: bool, size: str = '0.3b') -> Config:
    """The config of a size, or of the tiny model."""
    path = TINY_CONFIG if small else FOLDER / CONFIG.name.replace('0.3b', size)
    cfg = Config.fromfile(path)
    cfg.model.backbone.init_cfg = None
    init_default_scope(cfg.default_scope)
    return cfg


def build_ours(cfg: Config) -> nn.Module:
    """Our backbone, head and codec in the stock estimator."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return prepare(model, cfg)


def build_stock(cfg: Config) -> nn.Module:
    """Stock backbone, head and codec; norms and activations of Sapiens."""
    model_cfg = copy.deepcopy(cfg.model)
    model_cfg.backbone = dict(
        type='mmpretrain.VisionTransformer',
        arch=get_arch(cfg.model.backbone.arch),
        img_size=tuple(cfg.model.backbone.img_size),
        patch_size=16,
        patch_cfg=dict(padding=cfg.model.backbone.get('patch_padding', 0)),
        with_cls_token=False,
        out_type='featmap',
        norm_cfg=dict(type='LN', eps=1e-6),
    )
    head = model_cfg.head
    head.type = 'HeatmapHead'
    head.loss = dict(type='KeypointMSELoss', use_target_weight=True)
    codec = head.decoder
    head.decoder = dict(
        type='UDPHeatmap',
        input_size=codec.input_size,
        heatmap_size=codec.heatmap_size,
        sigma=codec.sigma,
    )
    ours = dict(
        deconv_out_channels=(768, 768),
        deconv_kernel_sizes=(4, 4),
        conv_out_channels=(768, 768),
        conv_kernel_sizes=(1, 1),
    )
    for key, value in ours.items():
        head.setdefault(key, value)
    model = MODELS.build(model_cfg)
    for layers in (model.head.deconv_layers, model.head.conv_layers):
        for index, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                layers[index] = nn.InstanceNorm2d(layer.num_features)
            elif isinstance(layer, nn.ReLU):
                layers[index] = nn.SiLU(inplace=True)
    stock_cfg = copy.deepcopy(cfg)
    for step in stock_cfg.test_dataloader.dataset.pipeline:
        if step.type == 'mmsapiens.LoadCheckedImage':
            step.type = 'LoadImage'
    return prepare(model, stock_cfg)


def prepare(model: nn.Module, cfg: Config) -> nn.Module:
    """What `mmpose.apis.inference_topdown` needs of a model."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    from mmsapiens.keypoints.keypoint_sets import read_metainfo

    model.cfg = cfg
    model.dataset_meta = parse_pose_metainfo(read_metainfo('goliath308'))
    return model.eval()


def write_photo(path: Path, size_hw: tuple[int, int] = PHOTO_HW) -> Path:
    """An image with detail at every scale, always the same."""
    rng = np.random.default_rng(0)
    height, width = size_hw
    image = np.zeros((height, width, 3), np.float32)
    for scale in (8, 32, 128):
        cells = (height // scale + 1, width // scale + 1, 3)
        noise = rng.uniform(-1, 1, cells).astype('f4')
        image += cv2.resize(noise, (width, height))
    image = np.clip(128 + 50 * image, 0, 255).astype('u1')
    cv2.imwrite(str(path), image)
    return path


def plant_peaks(model: nn.Module, inputs: Tensor, seed: int = 0) -> None:
    """Fit the last layer so that the heatmaps of an input have peaks.

    Random networks have no peaks, and the error of keypoints would be that of a coin. The last
    layer is fitted to a Gaussian for each keypoint.

    Args:
        model (nn.Module): Changed.
        inputs (Tensor): Normalized images, (1, 3, H, W).
        seed (int): Of the places. Defaults to 0.
    """
    head = model.head
    with torch.no_grad():
        feats = model.extract_feat(inputs)[-1]
        feats = head.conv_layers(head.deconv_layers(feats))[0]  # (C, H, W)
        _, height, width = feats.shape
        count = head.final_layer.out_channels
        generator = torch.Generator().manual_seed(seed)
        places = torch.rand(count, 2, generator=generator)
        places = (0.1 + 0.8 * places) * torch.tensor([width, height])
        x, y = torch.arange(width), torch.arange(height)
        dx = (x[None] - places[:, :1]) ** 2  # (K, W)
        dy = (y[None] - places[:, 1:]) ** 2  # (K, H)
        sigma = head.decoder.sigma
        target = torch.exp(-(dy[:, :, None] + dx[:, None]) / (2 * sigma**2)).flatten(1)
        design = feats.flatten(1).double()  # (C, H * W)
        design = torch.cat([design, torch.ones_like(design[:1])])
        gram = design @ design.T
        gram.diagonal().add_(1e-6 * gram.diagonal().mean())
        solution = torch.linalg.solve(gram, design @ target.double().T)
        weight = solution[:-1].T.float()  # (K, C)
        head.final_layer.weight.copy_(weight[:, :, None, None])
        head.final_layer.bias.copy_(solution[-1].float())
