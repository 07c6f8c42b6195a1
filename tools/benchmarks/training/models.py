"""Models to train, from our configs and from stock parts."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import mmsapiens  # noqa: F401  before the hosts
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from mmsapiens.engine import launch
from mmsapiens.models import get_arch
from torch import nn

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
FOLDERS = {
    'pose': 'pose/goliath308',
    'parsing': 'dense/parsing',
    'depth': 'dense/depth',
    'normal': 'dense/normal',
}
DATA = {'pose': 'goliath308', 'parsing': 'bodyparts28', 'depth': 'depth', 'normal': 'normal'}


def config_of(task: str, size: str) -> Config:
    """Our config of a task and a size, without pretrained weights.

    Args:
        task (str): A key of :data:`FOLDERS`.
        size (str): 'tiny', '0.3b', '0.6b', '1b' or '2b'.

    Returns:
        Config: Of the shipped files.
    """
    pixels = '256x192' if size == 'tiny' else '1024x768'
    folder = CONFIGS / FOLDERS[task]
    pattern = f'sapiens-{size}_*e_{DATA[task]}-{pixels}.py'
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f'one {pattern} in {folder}, got {found}')
    cfg = launch.read_config(str(found[0]))
    cfg.model.backbone.init_cfg = None
    return cfg


def build(cfg: Config, device: str = 'cpu') -> nn.Module:
    """The model of a config with random weights, in training mode.

    Args:
        cfg (Config): Of any host.
        device (str): Where weights are drawn. Defaults to 'cpu'.

    Returns:
        nn.Module: Linear weights with a standard deviation of 0.02.
    """
    init_default_scope(cfg.default_scope)
    with torch.device(device):
        model = MODELS.build(cfg.model)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.02)
    return model.to(device).train()


def stock_backbone(backbone: Any) -> dict[str, Any]:
    """Config of the stock backbone with the same weights."""
    padding = backbone.get('patch_padding', 'corner')
    return dict(
        type='mmpretrain.VisionTransformer',
        arch=get_arch(backbone.arch),
        img_size=tuple(backbone.img_size),
        patch_size=16,
        patch_cfg={} if padding == 'corner' else dict(padding=padding),
        with_cls_token=False,
        out_type='featmap',
    )


def stock_config(task: str, cfg: Config) -> Config:
    """The same model from stock parts.

    No stock head has the layers of ours; :func:`build_stock` puts them into the stock head, whose
    loss and targets stay.

    Args:
        task (str): 'pose', 'parsing' or 'depth'.
        cfg (Config): Ours.

    Returns:
        Config: The stock one.
    """
    cfg = Config(cfg.to_dict())
    model = cfg.model
    ours = model.pop('head' if task == 'pose' else 'decode_head')
    model.backbone = stock_backbone(model.backbone)
    cfg.optim_wrapper.update(type='OptimWrapper')
    cfg.optim_wrapper.pop('loss_guard', None)
    cfg.optim_wrapper.pop('dtype', None)
    cfg.optim_wrapper.optimizer.pop('fused', None)
    if task == 'pose':
        codec = {key: ours.decoder[key] for key in ('input_size', 'heatmap_size', 'sigma')}
        model.head = dict(
            type='HeatmapHead',
            in_channels=ours.in_channels,
            out_channels=ours.out_channels,
            deconv_out_channels=ours.get('deconv_out_channels', (768, 768)),
            deconv_kernel_sizes=ours.get('deconv_kernel_sizes', (4, 4)),
            conv_out_channels=ours.get('conv_out_channels', (768, 768)),
            conv_kernel_sizes=ours.get('conv_kernel_sizes', (1, 1)),
            loss=dict(type='KeypointOHKMMSELoss', use_target_weight=True, topk=ours.loss.topk),
            decoder=dict(type='UDPHeatmap', **codec),
        )
        return cfg
    width = ours.get('conv_out_channels', (768,))[-1]
    model.type = 'EncoderDecoder'
    model.data_preprocessor.type = 'SegDataPreProcessor'
    model.test_cfg = dict(mode='whole')
    model.decode_head = dict(
        type='FCNHead',
        in_channels=width,
        channels=width,
        num_convs=0,
        concat_input=False,
        num_classes=ours.num_classes,
        dropout_ratio=0.1,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss',
            use_sigmoid=False,
            class_weight=list(ours.loss_decode.class_weight),
        ),
    )
    return cfg


def _stock_layers(layers: nn.Sequential) -> nn.Sequential:
    """Copies of convolutions and norms, and the activation of mmcv."""
    return nn.Sequential(
        *(
            nn.SiLU(inplace=True) if isinstance(layer, nn.SiLU) else deepcopy(layer)
            for layer in layers
        )
    )


def build_stock(task: str, cfg: Config, ours: nn.Module) -> nn.Module:
    """Build :func:`stock_config` with the weights of ours.

    Args:
        task (str): 'pose' or 'parsing'.
        cfg (Config): Of :func:`stock_config`.
        ours (nn.Module): Where weights come from.

    Returns:
        nn.Module: In training mode.
    """
    device = next(ours.parameters()).device
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(ours.backbone.state_dict())
    if task == 'pose':
        model.head.deconv_layers = _stock_layers(ours.head.deconv_layers)
        model.head.conv_layers = _stock_layers(ours.head.conv_layers)
        model.head.final_layer = deepcopy(ours.head.final_layer)
    else:
        head = ours.decode_head
        model.decode_head.convs = nn.Sequential(
            _stock_layers(head.deconv_layers), _stock_layers(head.conv_layers)
        )
        model.decode_head.conv_seg = deepcopy(head.conv_seg)
    model.to(device)
    model.train()  # gives None in stock backbones
    return model
