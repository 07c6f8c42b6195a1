#!/usr/bin/env python
"""Put a tiny SapiensViT into stock configs: one training step and one prediction of each.

The losses, the codec, the optimizer and its constructor are those of the config, the images are
random. Prints the tables of docs/stock_packages.md.
"""

import argparse
import copy
import importlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmsapiens.models.archs import get_arch
from torch import nn

ARCH = 'sapiens_tiny'
WIDTH, DEPTH = (get_arch(ARCH)[name] for name in ('embed_dims', 'num_layers'))
PYRAMID = dict(type='Feature2Pyramid', embed_dim=WIDTH, norm_cfg=dict(type='BN'))


@dataclass
class Swap:
    """A stock config and what has to change for another backbone.

    Attributes:
        config (str): Below the configs of the host.
        head (dict): Changes of the head, or the decoding head.
        outputs (int): Layers that the backbone gives.
        backbone (dict): Further arguments of SapiensViT.
        changes (dict): Of the whole config, keys with dots.
        note (str): What else was changed, in words.
    """

    config: str
    head: dict = field(default_factory=dict)
    outputs: int = 1
    backbone: dict = field(default_factory=dict)
    changes: dict = field(default_factory=dict)
    note: str = '-'


TOPDOWN = 'body_2d_keypoint/topdown_heatmap/coco/td-hm_'
TWO_DECONVS = dict(deconv_out_channels=(256, 256), deconv_kernel_sizes=(4, 4))
BOTTOM_UP: dict = dict(
    outputs=2,
    changes={
        'codec.input_size': (128, 128),
        'codec.heatmap_size': (32, 32),
        'model.neck': dict(type='FeatureMapProcessor', concat=True, scale_factor=4.0),
    },
)
SWAPS: dict[str, list[Swap]] = {
    'mmpose': [
        Swap(
            f'{TOPDOWN}ViTPose-small_8xb64-210e_coco-256x192.py',
            changes={'optim_wrapper.paramwise_cfg.num_layers': DEPTH},
            note='`num_layers`',
        ),
        Swap(
            f'{TOPDOWN}ViTPose-small-simple_8xb64-210e_coco-256x192.py',
            changes={'optim_wrapper.paramwise_cfg.num_layers': DEPTH},
            note='`num_layers`',
        ),
        Swap(f'{TOPDOWN}res50_8xb64-210e_coco-256x192.py', note='nothing'),
        Swap(f'{TOPDOWN}res50_8xb64-210e_coco-256x192.py', TWO_DECONVS, note='2 deconvolutions'),
        Swap(
            f'{TOPDOWN}hrnet-w32_dark-8xb64-210e_coco-256x192.py',
            TWO_DECONVS,
            note='2 deconvolutions',
        ),
        Swap(
            f'{TOPDOWN}hrnet-w32_udp-regress-8xb64-210e_coco-256x192.py',
            TWO_DECONVS,
            note='2 deconvolutions',
        ),
        Swap(
            'wholebody_2d_keypoint/topdown_heatmap/coco-wholebody/'
            'td-hm_hrnet-w32_8xb64-210e_coco-wholebody-256x192.py',
            TWO_DECONVS,
            note='2 deconvolutions',
        ),
        Swap(
            f'{TOPDOWN}vipnas-res50_8xb64-210e_coco-256x192.py',
            dict(
                deconv_out_channels=(144, 144),
                deconv_kernel_sizes=(4, 4),
                deconv_num_groups=(16, 16),
            ),
            note='2 deconvolutions, 2 groups',
        ),
        Swap(
            'body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py',
            dict(in_featuremap_size=(12, 16)),
            note='`in_featuremap_size`',
        ),
        Swap(
            'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py',
            dict(in_featuremap_size=(12, 16)),
            note='`in_featuremap_size`',
        ),
        Swap(
            'hand_2d_keypoint/rtmpose/coco_wholebody_hand/'
            'rtmpose-m_8xb32-210e_coco-wholebody-hand-256x256.py',
            dict(in_featuremap_size=(16, 16)),
            note='`in_featuremap_size`',
        ),
        Swap('body_2d_keypoint/topdown_regression/coco/td-reg_res50_8xb64-210e_coco-256x192.py'),
        Swap(
            'body_2d_keypoint/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py'
        ),
        Swap(
            'body_2d_keypoint/integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py',
            dict(TWO_DECONVS, in_featuremap_size=(16, 16)),
            note='`in_featuremap_size`, 2 deconvolutions',
        ),
        Swap(
            'body_2d_keypoint/integral_regression/coco/ipr_res50_dsnt-8xb64-210e_coco-256x256.py',
            dict(TWO_DECONVS, in_featuremap_size=(16, 16)),
            note='`in_featuremap_size`, 2 deconvolutions',
        ),
        Swap(
            'body_2d_keypoint/dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512.py',
            dict(in_channels=2 * WIDTH, rescore_cfg=None),
            **BOTTOM_UP,
            note='2 layers concatenated and scaled by 4, 128 px',
        ),
        Swap(
            'body_2d_keypoint/cid/coco/cid_hrnet-w32_8xb20-140e_coco-512x512.py',
            dict(in_channels=2 * WIDTH),
            **BOTTOM_UP,
            note='2 layers concatenated and scaled by 4, 128 px',
        ),
        Swap('body_2d_keypoint/associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512.py'),
        Swap('body_2d_keypoint/edpose/coco/edpose_res50_8xb2-50e_coco-800x1333.py'),
    ],
    'mmseg': [
        Swap('fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py', note='nothing'),
        Swap('fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py', dict(in_index=0), note='`in_index`'),
        Swap(
            'pspnet/pspnet_r50-d8_4xb4-80k_ade20k-512x512.py', dict(in_index=0), note='`in_index`'
        ),
        Swap(
            'deeplabv3/deeplabv3_r50-d8_4xb4-80k_ade20k-512x512.py',
            dict(in_index=0),
            note='`in_index`',
        ),
        Swap(
            'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-80k_ade20k-512x512.py',
            dict(c1_in_channels=WIDTH),
            outputs=4,
            note='4 outputs, `c1_in_channels`',
        ),
        Swap('danet/danet_r50-d8_4xb4-80k_ade20k-512x512.py', dict(in_index=0), note='`in_index`'),
        Swap('ccnet/ccnet_r50-d8_4xb4-80k_ade20k-512x512.py', dict(in_index=0), note='`in_index`'),
        Swap(
            'knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py',
            outputs=4,
            changes={'model.decode_head.kernel_generate_head.in_channels': WIDTH},
            note='4 outputs',
        ),
        Swap(
            'segmenter/segmenter_vit-t_mask_8xb1-160k_ade20k-512x512.py',
            backbone=dict(with_cls_token=True),
            note='class token',
        ),
        Swap(
            'setr/setr_vit-l_pup_8xb2-160k_ade20k-512x512.py',
            dict(in_index=3),
            outputs=4,
            note='4 outputs',
        ),
        Swap(
            'setr/setr_vit-l-mla_8xb1-160k_ade20k-512x512.py',
            outputs=4,
            changes={'model.neck.in_channels': [WIDTH] * 4},
            note='4 outputs',
        ),
        Swap(
            'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            note='4 outputs',
        ),
        Swap(
            'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={'model.neck': PYRAMID},
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 3),
            outputs=4,
            note='4 outputs',
        ),
        Swap(
            'vit/vit_vit-b16_mln_upernet_8xb2-80k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={'model.neck.in_channels': [WIDTH] * 4, 'model.neck.out_channels': WIDTH},
            note='4 outputs',
        ),
        Swap(
            'sem_fpn/fpn_r50_4xb4-160k_ade20k-512x512.py',
            outputs=4,
            changes={
                'model.neck': [
                    PYRAMID,
                    dict(type='FPN', in_channels=[WIDTH] * 4, out_channels=256, num_outs=4),
                ]
            },
            head=dict(in_channels=[256] * 4),
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'point_rend/pointrend_r50_4xb4-160k_ade20k-512x512.py',
            outputs=4,
            changes={
                'model.neck': [
                    PYRAMID,
                    dict(type='FPN', in_channels=[WIDTH] * 4, out_channels=256, num_outs=4),
                ]
            },
            head={},
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={'model.neck': PYRAMID},
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={'model.neck': PYRAMID},
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={
                'model.neck.embed_dim': WIDTH,
                'optim_wrapper.paramwise_cfg.num_layers': DEPTH,
            },
            note='4 outputs, `num_layers`',
        ),
        Swap(
            'mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4),
            outputs=4,
            changes={
                'model.neck.embed_dim': WIDTH,
                'optim_wrapper.type': 'OptimWrapper',
                'optim_wrapper.paramwise_cfg.num_layers': DEPTH,
            },
            note='4 outputs, `num_layers`, no mixed precision (CPU)',
        ),
        Swap(
            'dpt/dpt_vit-b16_8xb2-160k_ade20k-512x512.py',
            dict(in_channels=[WIDTH] * 4, embed_dims=WIDTH),
            outputs=4,
            backbone=dict(with_cls_token=True, out_type='featmap_and_cls_token'),
            note="4 outputs, `out_type='featmap_and_cls_token'`",
        ),
        Swap(
            'psanet/psanet_r50-d8_4xb4-80k_ade20k-512x512.py', dict(in_index=0), note='`in_index`'
        ),
        Swap(
            'ocrnet/ocrnet_hr18_4xb4-80k_ade20k-512x512.py',
            outputs=4,
            changes={
                'model.decode_head.0.in_channels': [WIDTH] * 4,
                'model.decode_head.0.channels': 4 * WIDTH,
                'model.decode_head.1.in_channels': [WIDTH] * 4,
            },
            note='4 outputs',
        ),
    ],
    'mmpretrain': [
        Swap(
            'vision_transformer/vit-base-p16_64xb64_in1k.py',
            changes={'model.head': dict(type='LinearClsHead', in_channels=WIDTH, num_classes=1000)},
            backbone=dict(with_cls_token=True, out_type='cls_token'),
            note='class token',
        ),
        Swap('resnet/resnet50_8xb32_in1k.py', note='-'),
        Swap(
            'mae/benchmarks/vit-base-p16_8xb128-coslr-100e_in1k.py',
            backbone=dict(out_type='avg_featmap', final_norm=False),
        ),
        Swap(
            'mae/benchmarks/vit-base-p16_8xb2048-linear-coslr-90e_in1k.py',
            backbone=dict(with_cls_token=True, out_type='cls_token'),
            changes={'model.neck.input_features': WIDTH, 'optim_wrapper.type': 'OptimWrapper'},
            note='class token',
        ),
        Swap(
            'byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
            changes={'model.neck.in_channels': WIDTH, 'optim_wrapper.type': 'OptimWrapper'},
        ),
        Swap(
            'simclr/simclr_resnet50_16xb256-coslr-200e_in1k.py',
            changes={'model.neck.in_channels': WIDTH, 'optim_wrapper.type': 'OptimWrapper'},
        ),
        Swap('arcface/resnet50-arcface_8xb32_inshop.py', note='in the image encoder'),
    ],
}


def load(host: str, swap: Swap) -> Config:
    """The config with our backbone in it."""
    folder = Path(importlib.import_module(host).__file__ or '').parent / '.mim' / 'configs'
    cfg = Config.fromfile(folder / swap.config)
    model = cfg.model
    model.pop('pretrained', None)
    model.pop('init_cfg', None)
    step = DEPTH // swap.outputs
    backbone = dict(
        type='SapiensViT',
        arch=ARCH,
        img_size=(224, 224),
        out_indices=tuple(range(step - 1, DEPTH, step)),
        **swap.backbone,
    )
    if 'image_encoder' in model:
        model.image_encoder = [backbone, *model.image_encoder[1:]]
        model.prototype = torch.rand(9, WIDTH)
    else:
        model.backbone = backbone
    for name in ('head', 'decode_head'):
        if isinstance(model.get(name), dict):
            head = model[name]
            if isinstance(head.get('in_channels'), int):
                head.in_channels = WIDTH
            head.update(swap.head)
    for aux in np.atleast_1d(np.array(model.get('auxiliary_head') or [], dtype=object)):
        if model.get('neck') is None or isinstance(aux.in_channels, int):
            aux.in_channels = WIDTH if '-mla_' not in swap.config else aux.in_channels
            aux.in_index = 0 if swap.outputs == 1 else aux.in_index
    cfg.merge_from_dict({key: value for key, value in swap.changes.items() if key[:6] == 'codec.'})
    if 'codec' in cfg and isinstance(cfg.codec, dict) and 'decoder' in model.get('head', {}):
        model.head.decoder = copy.deepcopy(cfg.codec)
    for key, value in swap.changes.items():
        if key.split('.')[0] != 'codec':
            set_value(cfg, key.split('.'), value)
    return cfg


def set_value(node: Any, keys: list[str], value: Any) -> None:
    """Replace a part of a config."""
    *above, last = [int(key) if key.isdigit() else key for key in keys]
    for key in above:
        node = node[key]
    node[last] = value


def pose_batch(cfg: Config) -> list[dict]:
    """Two packed samples with targets of the config's codec."""
    from mmpose.registry import TRANSFORMS

    codec = cfg.codec if isinstance(cfg.codec, dict) else cfg.codec[-1]
    width, height = codec['input_size']
    names = cfg.train_dataloader.dataset.pipeline
    steps = [
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=(width, height)),
    ]
    is_bottom_up = 'Bottomup' in str(names)
    corners = [0, 0, width, 0, width, height, 0, height]
    if is_bottom_up:
        steps = []
    steps += [
        step for step in names if step['type'] in ('GenerateTarget', 'BottomupGetHeatmapMask')
    ]
    for step in steps:
        if step['type'] == 'GenerateTarget':
            step['encoder'] = cfg.codec
    steps += [dict(type='PackPoseInputs')]
    points = int(
        cfg.model.head.get('out_channels')
        or cfg.model.head.get('num_keypoints')
        or cfg.model.head.get('num_joints')
    )
    if codec.get('heatmap_type') == 'combined':  # a map and two offsets for each
        points //= 3
    samples = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        results = dict(
            img=rng.integers(0, 255, (height, width, 3), dtype=np.uint8),
            img_shape=(height, width),
            ori_shape=(height, width),
            input_size=(width, height),
            input_center=np.array([width, height]) / 2,
            input_scale=np.array([width, height]),
            id=seed,
            img_id=seed,
            img_path=f'{seed}.jpg',
            category_id=1,
            crowd_index=None,
            bbox=np.array([corners if is_bottom_up else [0, 0, width, height]], np.float32),
            bbox_score=np.ones(1, np.float32),
            bbox_scale=np.array([[width, height]], np.float32),
            warp_mat=np.eye(2, 3),
            keypoints=rng.uniform(8, min(width, height) - 8, (1, points, 2)).astype(np.float32),
            keypoints_visible=np.ones((1, points), np.float32),
            keypoint_weights=np.ones((1, points), np.float32),
            dataset_keypoint_weights=np.ones(points, np.float32),
            invalid_segs=[],
            area=np.array([width * height / 2], np.float32),
            flip_indices=list(range(points)),
            flip=False,
            flip_direction=None,
        )
        for step in steps:
            results = TRANSFORMS.build(step)(results)
        samples.append(results)
    return samples


def map_batch(cfg: Config) -> list[dict]:
    """Two images of 128 pixels with classes, some pixels to be ignored."""
    from mmseg.structures import SegDataSample

    cfg.model.data_preprocessor.pop('size', None)
    cfg.model.data_preprocessor.size = (128, 128)
    samples = []
    for seed in range(2):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(0, 19, (1, 8, 8), generator=generator).repeat_interleave(16, 1)
        labels = labels.repeat_interleave(16, 2)
        labels[:, :8] = 255
        size = dict(img_shape=(128, 128), ori_shape=(128, 128), pad_shape=(128, 128))
        sample = SegDataSample(metainfo=size, gt_sem_seg=PixelData(data=labels))
        image = torch.randint(0, 255, (3, 128, 128), generator=generator, dtype=torch.uint8)
        samples.append(dict(inputs=image, data_samples=sample))
    return samples


def class_batch(cfg: Config) -> list[dict]:
    """Four images of 64 pixels with classes, two views where the method wants them."""
    from mmpretrain.structures import DataSample

    views = 2 if cfg.model.type in ('BYOL', 'SimCLR') else 1
    samples = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        images = [
            torch.randint(0, 255, (3, 64, 64), generator=generator, dtype=torch.uint8)
            for _ in range(views)
        ]
        sample = DataSample().set_gt_label(seed)
        samples.append(dict(inputs=images if views > 1 else images[0], data_samples=sample))
    return samples


BATCHES = dict(mmpose=pose_batch, mmseg=map_batch, mmpretrain=class_batch)


def try_swap(host: str, swap: Swap) -> str:
    """One training step and one prediction: 'ok' with figures, or the error."""
    torch.manual_seed(0)
    registry = importlib.import_module(f'{host}.registry')
    stage = 'config'
    try:
        cfg = load(host, swap)
        with DefaultScope.overwrite_default_scope(host):
            stage = 'data'
            batch = BATCHES[host](cfg)
            stage = 'model'
            if (
                host != 'mmpose'
                and 'data_preprocessor' in cfg
                and not cfg.model.get('data_preprocessor')
            ):
                cfg.model.data_preprocessor = cfg.data_preprocessor
            model = revert_sync(registry.MODELS.build(cfg.model))
            stage = 'optimizer'
            wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
            backbone = model.image_encoder[0] if hasattr(model, 'image_encoder') else model.backbone
            before = {name: param.detach().clone() for name, param in backbone.named_parameters()}
            stage = 'training step'
            model.train()
            collate = default_collate if host == 'mmpretrain' else pseudo_collate
            losses = model.train_step(collate(batch), wrapper)
            moved = sum(
                not torch.equal(param, before[name]) for name, param in backbone.named_parameters()
            )
            stage = 'prediction'
            answer = predict(host, model, batch)
    except Exception as error:
        lines = str(error).strip().splitlines() or ['']
        text = re.sub(r'/\S*/site-packages/', '', lines[0])
        return f'{stage}: {type(error).__name__}: {text[:140]}'
    groups = wrapper.optimizer.param_groups
    rates = sorted({group['lr'] for group in groups})
    loss = float(losses['loss'])
    return (
        f'ok, {moved}/{len(before)} moved, loss {loss:.3g}, {len(rates)} learning rates '
        f'{rates[0]:.2g} to {rates[-1]:.2g}, {answer}'
    )


def revert_sync(model: nn.Module) -> nn.Module:
    """SyncBN needs several processes."""
    from mmengine.model import revert_sync_batchnorm

    return revert_sync_batchnorm(model)


@torch.no_grad()
def predict(host: str, model: nn.Module, batch: list[dict]) -> str:
    """What the model answers, in a word."""
    model.eval()
    if type(model).__name__ in ('BYOL', 'SimCLR'):
        return f'features {tuple(model.extract_feat(torch.rand(1, 3, 64, 64))[0].shape)}'
    if hasattr(model, 'test_cfg') and model.test_cfg and 'crop_size' in model.test_cfg:
        model.test_cfg.update(mode='whole')
    samples = model.test_step(pseudo_collate(batch[:1]))
    first = samples[0]
    for name in ('pred_instances', 'pred_sem_seg', 'pred_score'):
        if name in first:
            found = first.get(name)
            data = getattr(found, 'keypoints', getattr(found, 'data', found))
            return f'{name} {tuple(np.shape(data))}'
    return type(first).__name__


def tables(hosts: list[str]) -> Iterator[str]:
    """A Markdown table for each host."""
    for host in hosts:
        yield f'### {host}\n\n| stock config | also changed | result |\n|---|---|---|'
        for swap in SWAPS[host]:
            result = try_swap(host, swap).replace('|', '/')
            yield f'| `{Path(swap.config).stem}` | {swap.note} | {result} |'
        yield ''


def main() -> None:
    """Try them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('hosts', nargs='*', default=list(SWAPS), help=f'of {list(SWAPS)}')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    for line in tables(args.hosts):
        print(line, flush=True)


if __name__ == '__main__':
    main()
