"""Masked autoencoders from the fixtures' configs, and small ones."""

import copy

from mmengine.registry import DefaultScope

from mmsapiens.registry import MODELS

TINY_MAE = dict(
    type='mmsapiens.SapiensMAE',
    data_preprocessor=dict(
        type='SelfSupDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='mmsapiens.MaskedSapiensViT',
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
        img_size=64,
    ),
    neck=dict(
        type='mmsapiens.MaskedPatchDecoder',
        num_patches=16,
        embed_dim=32,
        decoder_embed_dim=16,
        decoder_depth=2,
        decoder_num_heads=2,
    ),
    head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
)


def build(cfg):
    """Build a model in mmpretrain's scope."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(copy.deepcopy(cfg))


def tiny_mae(**parts):
    """Two layers of width 32; `parts` update those of the config."""
    cfg = copy.deepcopy(TINY_MAE)
    for part, changes in parts.items():
        cfg[part].update(changes)
    model = build(cfg)
    model.init_weights()
    return model


def mae_cfg(config, stock_decoder=False):
    """Config of SapiensMAE from one of the reference's MAE."""
    config = copy.deepcopy(config)
    config['type'] = 'mmsapiens.SapiensMAE'
    config['backbone']['type'] = 'mmsapiens.MaskedSapiensViT'
    if not stock_decoder:
        config['neck']['type'] = 'mmsapiens.MaskedPatchDecoder'
    return config
