#!/usr/bin/env python
"""Draw what a pretrained model makes of masked images.

Writes NAME_triplet.png (original, masked, reconstructed) and, with several mask ratios,
NAME_sweep.png for each image.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS
from mmsapiens.core import ReadError
from mmsapiens.engine import launch, options
from mmsapiens.io.images import decode_image
from mmsapiens.visualization.reconstruction import Style, draw_sweep, draw_triplets


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='pretraining config')
    parser.add_argument('checkpoint', help='checkpoint of that config')
    parser.add_argument('images', nargs='+', help='image files')
    parser.add_argument('--out', required=True, help='folder for the images')
    parser.add_argument(
        '--mask-ratios',
        type=float,
        nargs='+',
        default=[0.75],
        help='several ones draw a sweep; 0.75 unless told otherwise',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the masks')
    parser.add_argument(
        '--show-visible-predictions',
        action='store_true',
        help='draw predictions of visible patches too, which are not trained',
    )
    parser.add_argument('--device', default='cpu')
    options.add_options(parser)
    return parser.parse_args(args)


def read_square(path: str, size: int) -> np.ndarray:
    """The central square of an image, BGR, ``size`` x ``size``."""
    try:
        image = decode_image(Path(path).read_bytes(), path)
    except (OSError, ReadError) as error:
        raise SystemExit(f'error: {path} does not exist or is no image: {error}') from None
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def main(args: Sequence[str] | None = None) -> int:
    """Load, reconstruct and draw."""
    parsed = parse_args(args)
    cfg = launch.read_config(parsed.config)
    options.set_options(cfg, parsed.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    model = MODELS.build(cfg.model)
    load_checkpoint(model, parsed.checkpoint, map_location='cpu', strict=True)
    model.to(parsed.device).eval()
    preprocessor = model.data_preprocessor
    style = Style(preprocessor.mean, preprocessor.std, not parsed.show_visible_predictions)
    out = Path(parsed.out)
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(parsed.seed)
    for path in parsed.images:
        image = read_square(path, model.backbone.img_size[0])
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        data = dict(inputs=pixels, data_samples=None)
        inputs = preprocessor(data, False)['inputs']
        noise = torch.rand(1, model.backbone.num_patches, generator=generator)
        results = {
            ratio: model.reconstruct(inputs, mask_ratio=ratio, noise=noise)
            for ratio in parsed.mask_ratios
        }
        first = results[parsed.mask_ratios[0]]
        images = {'triplet': draw_triplets(first, style)}
        if len(results) > 1:
            images['sweep'] = draw_sweep(results, style)
        for kind, photo in images.items():
            name = out / f'{Path(path).stem}_{kind}.png'
            cv2.imwrite(str(name), photo[..., ::-1])
            print(name)
    return 0


if __name__ == '__main__':
    sys.exit(main())
