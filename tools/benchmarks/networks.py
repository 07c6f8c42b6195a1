"""The same networks from our parts and from stock ones, and their inputs."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import mmsapiens  # noqa: F401  before the hosts
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from torch import nn

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FOLDERS = {
    'pose': 'pose/goliath308',
    'parsing': 'dense/parsing',
    'depth': 'dense/depth',
    'normal': 'dense/normal',
}
DATA = {'pose': 'goliath308', 'parsing': 'bodyparts28'}


def config_of(task: str, size: str) -> Config:
    """Our config of a task and a size ('tiny', '0.3b', ...), without pretrained weights."""
    pixels = '256x192' if size == 'tiny' else '1024x768'
    pattern = f'sapiens-{size}_*e_{DATA.get(task, task)}-{pixels}.py'
    (path,) = (CONFIGS / FOLDERS[task]).glob(pattern)
    cfg = Config.fromfile(path)
    cfg.model.backbone.init_cfg = None
    init_default_scope(cfg.default_scope)
    MMLogger.get_current_instance().setLevel('ERROR')  # or each weight has a line
    return cfg


def build_ours(cfg: Config, device: str = 'cpu') -> nn.Module:
    """The model of a config with random weights.

    Linear and convolutional ones have a standard deviation of 0.02.
    """
    with torch.device(device):
        model = MODELS.build(cfg.model)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.02)
    return model.to(device)


def stock_config(task: str, cfg: Config, ours: nn.Module) -> Config:
    """The config of stock parts with the sizes of ours, for 'pose' or 'parsing'."""
    cfg = Config(cfg.to_dict())
    model = cfg.model
    head = model.pop('head' if task == 'pose' else 'decode_head')
    padding = model.backbone.get('patch_padding', 'corner')
    model.backbone = dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(ours.backbone.arch),
        img_size=tuple(model.backbone.img_size),
        patch_size=16,
        patch_cfg={} if padding == 'corner' else dict(padding=padding),
        with_cls_token=False,
        out_type='featmap',
    )
    cfg.optim_wrapper.update(type='OptimWrapper')
    for key in ('loss_guard', 'dtype', 'constructor', 'paramwise_cfg'):
        cfg.optim_wrapper.pop(key, None)
    cfg.optim_wrapper.optimizer.pop('fused', None)
    if task == 'pose':
        codec = {key: head.decoder[key] for key in ('input_size', 'heatmap_size', 'sigma')}
        loss = dict(type='KeypointOHKMMSELoss', use_target_weight=True, topk=head.loss.topk)
        model.head = dict(
            type='HeatmapHead',
            in_channels=head.in_channels,
            out_channels=head.out_channels,
            loss=loss,
            decoder=dict(type='UDPHeatmap', **codec),
        )
        return cfg
    width = ours.decode_head.conv_seg.in_channels
    model.update(type='EncoderDecoder', test_cfg=dict(mode='whole'))
    model.data_preprocessor.type = 'SegDataPreProcessor'
    weight = list(head.loss_decode.class_weight)
    model.decode_head = dict(
        type='FCNHead',
        in_channels=width,
        channels=width,
        num_convs=0,
        concat_input=False,
        num_classes=head.num_classes,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, class_weight=weight),
    )
    return cfg


def build_stock(task: str, cfg: Config, ours: nn.Module) -> nn.Module:
    """Build :func:`stock_config` with the weights of ours.

    No stock head has the layers of ours; they are put into it, its loss and decoding stay.
    """

    def copy(layers: nn.Sequential) -> nn.Sequential:
        return nn.Sequential(
            *(
                nn.SiLU(inplace=True) if isinstance(each, nn.SiLU) else deepcopy(each)
                for each in layers
            )
        )

    model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(ours.backbone.state_dict())
    if task == 'pose':
        model.head.deconv_layers = copy(ours.head.deconv_layers)
        model.head.conv_layers = copy(ours.head.conv_layers)
        model.head.final_layer = deepcopy(ours.head.final_layer)
    else:
        head = ours.decode_head
        model.decode_head.convs = nn.Sequential(copy(head.deconv_layers), copy(head.conv_layers))
        model.decode_head.conv_seg = deepcopy(head.conv_seg)
    return model.to(next(ours.parameters()).device)


def write_photos(folder: Path, count: int, size_hw: tuple[int, int] = (1024, 768)) -> list[str]:
    """JPEG files with detail of several scales, which decode as slowly as photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    height, width = size_hw
    paths = []
    for index in range(count):
        image = np.full((height, width, 3), 128, np.float32)
        for scale in (8, 32, 128):
            noise = rng.uniform(-50, 50, (height // scale + 1, width // scale + 1, 3))
            image += cv2.resize(noise.astype('f4'), (width, height))
        paths.append(str(folder / f'{index:05d}.jpg'))
        cv2.imwrite(paths[-1], image.clip(0, 255).astype('u1'))
    return paths


def make_batch(task: str, cfg: Config, size: int, codec: dict[str, Any] | None = None) -> dict:
    """A training batch of random numbers for 'pose' or 'parsing', as a loader would give it.

    Args:
        task (str): 'pose' or 'parsing'.
        cfg (Config): Ours.
        size (int): Images.
        codec (dict, optional): That of the head, which draws targets. Defaults to that of `cfg`.
    """
    from mmengine.structures import InstanceData, PixelData

    rng = np.random.default_rng(0)
    height, width = cfg.model.backbone.img_size
    inputs = [torch.from_numpy(i) for i in rng.integers(0, 256, (size, 3, height, width), 'u1')]
    samples = []
    for _ in range(size):
        if task == 'pose':
            from mmpose.registry import KEYPOINT_CODECS
            from mmpose.structures import PoseDataSample

            encoder = KEYPOINT_CODECS.build(codec or cfg.model.head.decoder)
            count = cfg.model.head.out_channels
            points = rng.uniform(0, 1, (1, count, 2)) * encoder.input_size
            visible = (rng.uniform(size=(1, count)) < 0.9).astype('f4')
            encoded = encoder.encode(points.astype('f4'), visible)
            encoded = {key: torch.from_numpy(value) for key, value in encoded.items()}
            sample = PoseDataSample()
            if 'heatmaps' in encoded:
                sample.gt_fields = PixelData(heatmaps=encoded.pop('heatmaps'))
            sample.gt_instance_labels = InstanceData(**encoded)
        else:
            from mmseg.structures import SegDataSample

            coarse = rng.integers(0, cfg.model.decode_head.num_classes, (height // 32, width // 32))
            labels = torch.from_numpy(np.kron(coarse, np.ones((32, 32), coarse.dtype)))
            sample = SegDataSample()
            sample.gt_sem_seg = PixelData(data=labels[None])
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)
