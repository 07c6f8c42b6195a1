#!/usr/bin/env python
"""Put a tiny SapiensViT into stock configs: one training step and one prediction of each.

Pipelines, codec, losses, optimizer and its constructor are those of the config; the data are made
here, a few images with the annotation files and folders that the config names. Prints the tables of
docs/stock_packages.md.
"""

import argparse
import contextlib
import os
import importlib
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import mmsapiens  # noqa: F401  before the hosts: makes them importable
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import set_random_seed
from mmsapiens.keypoints.keypoint_sets import field_indices
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


PYRAMID_FPN = [PYRAMID, dict(type='FPN', in_channels=[WIDTH] * 4, out_channels=256, num_outs=4)]
TOPDOWN = 'body_2d_keypoint/topdown_heatmap/coco/td-hm_'
TWO_DECONVS = dict(deconv_out_channels=(256, 256), deconv_kernel_sizes=(4, 4))
BOTTOM_UP: dict = dict(
    outputs=2,
    changes={'model.neck': dict(type='FeatureMapProcessor', concat=True, scale_factor=4.0)},
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
            note='2 layers concatenated and scaled by 4',
        ),
        Swap(
            'body_2d_keypoint/cid/coco/cid_hrnet-w32_8xb20-140e_coco-512x512.py',
            dict(in_channels=2 * WIDTH),
            **BOTTOM_UP,
            note='2 layers concatenated and scaled by 4',
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
            changes={'model.neck': PYRAMID_FPN},
            head=dict(in_channels=[256] * 4),
            note='4 outputs, Feature2Pyramid',
        ),
        Swap(
            'point_rend/pointrend_r50_4xb4-160k_ade20k-512x512.py',
            outputs=4,
            changes={'model.neck': PYRAMID_FPN},
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
    for key, value in swap.changes.items():
        set_value(cfg, key.split('.'), value)
    return cfg


def set_value(node: Any, keys: list[str], value: Any) -> None:
    """Replace a part of a config."""
    *above, last = [int(key) if key.isdigit() else key for key in keys]
    for key in above:
        node = node[key]
    node[last] = value


def write_image(path: Path) -> None:
    """A noisy photograph of 160x120 pixels, for Pillow and OpenCV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    cv2.imwrite(str(path), rng.integers(0, 256, (120, 160, 3), dtype=np.uint8))


def write_people(root: Path) -> None:
    """COCO with whole bodies, two images of two people each, and boxes of a detector."""
    rng = np.random.default_rng(0)
    for split in ('train', 'val'):
        images, people = [], []
        for number in range(4):
            left = 10 + 70 * (number % 2)
            box = [left, 10, 60, 100]
            person = dict(id=1 + number, image_id=1 + number // 2, category_id=1, iscrowd=0)
            person.update(bbox=box, score=0.9, area=3000, num_keypoints=17, segmentation=[])
            for name, ids in field_indices('coco_wholebody').items():
                points = rng.uniform((left, 10, 2), (left + 60, 110, 2), (len(ids), 3))
                part = name.split('_')[0]
                person |= {name: points.ravel().tolist(), f'{part}_box': box, f'{part}_valid': True}
            people.append(person)
        for number in (1, 2):
            images.append(dict(id=number, file_name=f'{number}.jpg', width=160, height=120))
            write_image(root / f'{split}2017/{number}.jpg')
        categories = [dict(id=1, name='person')]
        content = dict(images=images, annotations=people, categories=categories)
        names = {
            f'annotations/person_keypoints_{split}2017': content,
            f'annotations/coco_wholebody_{split}_v1.0': content,
            f'person_detection_results/COCO_{split}2017_detections_AP_H_56_person': people,
        }
        for name, value in names.items():
            (root / f'{name}.json').parent.mkdir(exist_ok=True)
            (root / f'{name}.json').write_text(json.dumps(value))


def write_labels(root: Path) -> None:
    """ADE20K: squares of classes 1 to 19, and a border of 0, which is ignored."""
    for split in ('training', 'validation'):
        for number in range(2):
            write_image(root / f'images/{split}/{number}.jpg')
            labels = np.random.default_rng(number).integers(1, 20, (6, 8), dtype=np.uint8)
            labels = labels.repeat(20, 0).repeat(20, 1)
            labels[:8] = 0
            path = root / f'annotations/{split}/{number}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), labels)


def write_classes(root: Path) -> None:
    """ImageNet with its lists, and In-shop Clothes Retrieval."""
    lists = {f'imagenet/meta/{split}.txt': '' for split in ('train', 'val')}
    shop = ['6', 'image_name item_id evaluation_status']
    for number in range(4):
        for split in ('train', 'val'):
            write_image(root / f'imagenet/{split}/{number}.jpg')
            lists[f'imagenet/meta/{split}.txt'] += f'{number}.jpg {number}\n'
        for split in ('train', 'query', 'gallery'):
            write_image(root / f'inshop/Img/{split}{number}.jpg')
            shop.append(f'{split}{number}.jpg id_{number} {split}')
    lists['inshop/Eval/list_eval_partition.txt'] = '\n'.join(shop)
    for name, text in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def read_samples(host: str, cfg: Config, name: str, count: int) -> dict:
    """The first samples of a data loader of the config, as one batch."""
    if not cfg[name].dataset.pipeline:
        raise ValueError(f'the pipeline of its {name} is empty')
    dataset = importlib.import_module(f'{host}.registry').DATASETS.build(cfg[name].dataset)
    collate = default_collate if host == 'mmpretrain' else pseudo_collate
    return collate([dataset[index] for index in range(count)])


def try_swap(host: str, swap: Swap) -> str:
    """One training step and one prediction: 'ok' with figures, or the error."""
    set_random_seed(0)
    registry = importlib.import_module(f'{host}.registry')
    stage = 'config'
    try:
        cfg = load(host, swap)
        with DefaultScope.overwrite_default_scope(host):
            stage = 'training data'
            batch = read_samples(host, cfg, 'train_dataloader', 4 if host == 'mmpretrain' else 2)
            stage = 'model'
            cfg.model.setdefault('data_preprocessor', cfg.get('data_preprocessor'))
            model = revert_sync_batchnorm(registry.MODELS.build(cfg.model))
            stage = 'optimizer'
            wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
            backbone = model.image_encoder[0] if hasattr(model, 'image_encoder') else model.backbone
            before = {name: param.detach().clone() for name, param in backbone.named_parameters()}
            stage = 'training step'
            model.train()
            losses = model.train_step(batch, wrapper)
            moved = sum(
                not torch.equal(param, before[name]) for name, param in backbone.named_parameters()
            )
            stage = 'prediction'
            answer = predict(host, model.eval(), cfg)
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


@torch.no_grad()
def predict(host: str, model: nn.Module, cfg: Config) -> str:
    """What the model answers to the first image of the test data, in a word."""
    if 'test_dataloader' not in cfg:
        return f'features {tuple(model.extract_feat(torch.rand(1, 3, 224, 224))[0].shape)}'
    if hasattr(model, 'prepare_prototype'):
        model.prepare_prototype()
    first = model.test_step(read_samples(host, cfg, 'test_dataloader', 1))[0]
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
            with contextlib.redirect_stdout(sys.stderr):  # the hosts print, too
                result = try_swap(host, swap).replace('|', '/')
            yield f'| `{Path(swap.config).stem}` | {swap.note} | {result} |'
        yield ''


def main() -> None:
    """Try them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('hosts', nargs='*', default=list(SWAPS), help=f'of {list(SWAPS)}')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # the configs name their data relative to it
        write_people(Path('data/coco'))
        write_labels(Path('data/ade/ADEChallengeData2016'))
        write_classes(Path('data'))
        for line in tables(args.hosts):
            print(line, flush=True)


if __name__ == '__main__':
    main()
