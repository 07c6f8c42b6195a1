#!/usr/bin/env python
"""Compare the reconstruction loss of a checkpoint with a constant's.

The baseline predicts one patch everywhere: the mean of all targets. Images are resized and cut to
the central square; masks are drawn from a seed.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import torch
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS
from mmsapiens.engine import launch
from mmsapiens.pretrain.datasets import HumanImageDataset
from mmsapiens.pretrain.evaluation import measure_reconstruction
from mmsapiens.pretrain.models import SapiensMAE


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('config', help='pretraining config')
    parser.add_argument('checkpoint', help='checkpoint of that config')
    parser.add_argument('folder', help='images, or what a list is relative to')
    parser.add_argument('--list', default='', help='names of the images')
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument(
        '--mask-ratios',
        type=float,
        nargs='+',
        default=[None],
        help='that of the config unless given',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--json', help='also write the figures to this file')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(args)


def read_batches(model: SapiensMAE, parsed: argparse.Namespace) -> Iterator[torch.Tensor]:
    """Central squares of all images, as the model takes them."""
    size = model.backbone.img_size[0]
    images = HumanImageDataset(
        data_root=parsed.folder,
        ann_file=parsed.list,
        pipeline=[
            dict(
                type='ResizeEdge',
                scale=size,
                edge='short',
                backend='pillow',
                interpolation='bicubic',
            ),
            dict(type='CenterCrop', crop_size=size),
            dict(type='PackInputs'),
        ],
    )
    for start in range(0, len(images), parsed.batch_size):
        stop = min(start + parsed.batch_size, len(images))
        samples = [images[number]['inputs'] for number in range(start, stop)]
        data = dict(inputs=torch.stack(samples), data_samples=None)
        yield model.data_preprocessor(data, False)['inputs']


def main(args: Sequence[str] | None = None) -> int:
    """Load, measure and print."""
    parsed = parse_args(args)
    cfg = launch.read_config(parsed.config)
    if parsed.cfg_options:
        cfg.merge_from_dict(parsed.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    model = MODELS.build(cfg.model)
    load_checkpoint(model, parsed.checkpoint, map_location='cpu', strict=True)
    model.to(parsed.device).eval()
    print('mask ratio  loss    mean patch  explained  masked patches')
    rows = []
    for given in parsed.mask_ratios:
        ratio = given or model.backbone.mask_ratio
        errors = measure_reconstruction(model, read_batches(model, parsed), ratio, parsed.seed)
        rows.append(dict(asdict(errors), mask_ratio=ratio))
        print(
            f'{ratio:<10g}  {errors.model:.4f}  {errors.mean_patch:<10.4f}  '
            f'{errors.explained:<9.1%}  {errors.num_patches}'
        )
    if parsed.json:
        with open(parsed.json, 'w', encoding='utf-8') as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
