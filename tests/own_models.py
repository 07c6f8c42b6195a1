"""Small models of other people's configs, in the checkpoints that MMEngine leaves of them."""

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

import mmsapiens.dense
import mmsapiens.pose  # noqa: F401
from mmsapiens.checkpoints import model_metadata

ARCH = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
VIT = dict(type='mmsapiens.SapiensViT', arch=ARCH, img_size=(64, 48))
NAMES = ('beak', 'tail', 'left_wing', 'right_wing', 'crest')
KEYPOINTS = dict(
    dataset_name='birds',
    num_keypoints=5,
    keypoint_id2name=dict(enumerate(NAMES)),
    flip_indices=[0, 1, 3, 2, 4],
    skeleton_links=[(0, 1), (1, 4)],
    keypoint_colors=np.array([[250, 10, 10]] * 5, np.uint8),
    skeleton_link_colors=np.array([[10, 250, 10]] * 2, np.uint8),
    sigmas=np.full(5, 0.05, np.float32),
)
CLASSES = dict(
    classes=('background', 'hair', 'beard'), palette=[[0, 0, 0], [250, 10, 10], [10, 10, 250]]
)
COLORS = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
CROP = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=(48, 64)),
    dict(type='PackPoseInputs'),
]
WHOLE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(48, 64), keep_ratio=False),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
MSRA = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2)


def pose(head, steps=CROP, test_cfg=None, backbone=VIT, **model):
    """A config of MMPose."""
    return dict(
        default_scope='mmpose',
        model=dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(type='PoseDataPreprocessor', **COLORS),
            backbone=backbone,
            head=head,
            test_cfg=test_cfg or dict(flip_test=True, flip_mode='heatmap'),
            **model,
        ),
        test_dataloader=dict(dataset=dict(type='BirdsDataset', pipeline=steps)),
    )


def heatmaps(kind='HeatmapHead', **head):
    """Five keypoints from heatmaps."""
    head = dict(deconv_out_channels=(8, 8), deconv_kernel_sizes=(4, 4), decoder=MSRA) | head
    return dict(type=kind, in_channels=32, out_channels=5, **head)


def dense(head, steps=WHOLE, test_cfg=None, size=(64, 48), backbone=VIT, **model):
    """A config of MMSegmentation."""
    return dict(
        default_scope='mmseg',
        model=dict(
            dict(type='EncoderDecoder'),
            data_preprocessor=dict(type='SegDataPreProcessor', size=size, **COLORS),
            backbone=backbone,
            decode_head=head,
            test_cfg=test_cfg or dict(mode='whole'),
            **model,
        ),
        test_pipeline=steps,
    )


def fcn(**head):
    """Three classes."""
    head = dict(num_classes=3, in_channels=32, in_index=0) | head
    loss = dict(type='CrossEntropyLoss', use_sigmoid=head.get('out_channels') == 1)
    norm = dict(norm_cfg=dict(type='BN'), loss_decode=loss)
    return dict(norm | head, type='FCNHead', channels=8, num_convs=1)


def build(cfg, seed=0):
    """The model of a config, with random weights."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope(cfg['default_scope']):
        model = MODELS.build(Config(cfg).model)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) * 0.2 + 0.01)
    return model


def meta_of(cfg, model, with_hook=True, dataset=None):
    """What MMEngine, and our hook, note in a checkpoint."""
    if dataset is None:
        dataset = KEYPOINTS if cfg['default_scope'] == 'mmpose' else CLASSES
    meta = dict(cfg=Config(cfg).pretty_text, dataset_meta=dataset, epoch=2)
    own = model_metadata(model, dataset) if with_hook else None
    return meta if own is None else dict(meta, mmsapiens=own)


def save(cfg, path, with_hook=True, dataset=None):
    """A checkpoint of a training with a config; gives the model."""
    model = build(cfg)
    meta = meta_of(cfg, model, with_hook, dataset)
    torch.save(dict(state_dict=model.state_dict(), meta=meta, optimizer={}), path)
    return model.eval()
