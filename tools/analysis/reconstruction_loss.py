#!/usr/bin/env python
"""Compare the reconstruction loss of a checkpoint with a constant's.

The baseline predicts one patch everywhere: the mean of all targets. Images are resized and cut to
the central square; masks are drawn from a seed.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpretrain.registry import MODELS
from mmsapiens.engine import launch, options
from mmsapiens.pretrain.datasets import HumanImageDataset
from mmsapiens.pretrain.models import SapiensMAE
from torch import Tensor


@dataclass(frozen=True)
class ReconstructionErrors:
    """Mean squared errors over the masked patches, in units of the targets.

    Attributes:
        model (float): Of the predictions; the training loss, if that is L2.
        mean_patch (float): Of one patch predicted everywhere, the mean of all targets measured. No
            constant is better.
        num_patches (int): Masked patches measured.
    """

    model: float
    mean_patch: float
    num_patches: int

    @property
    def explained(self) -> float:
        """Share of the targets' variance that the model predicts."""
        return 1 - self.model / self.mean_patch


@torch.no_grad()
def measure_reconstruction(
    model: SapiensMAE, batches: Iterable[Tensor], mask_ratio: float | None = None, seed: int = 0
) -> ReconstructionErrors:
    """Measure a model on images.

    Shapes: B batch, L patches, P numbers of a patch, M masked patches.

    Args:
        model (SapiensMAE): In the mode in which it is to be measured.
        batches (Iterable[Tensor]): RGB, normalized, (B, 3, H, W).
        mask_ratio (float, optional): Defaults to that of the model.
        seed (int): Of the masks. Defaults to 0.

    Returns:
        ReconstructionErrors: Of all images together.

    Raises:
        ValueError: If there is no image.
    """
    generator = torch.Generator().manual_seed(seed)
    total: Tensor | float = 0.0
    squares, error, count, size = 0.0, 0.0, 0, 1
    for inputs in batches:
        noise = torch.rand(len(inputs), model.backbone.num_patches, generator=generator)
        latent, binary, ids_restore = model.backbone(inputs, noise=noise, mask_ratio=mask_ratio)
        masked = binary > 0  # (B, L)
        pred = model.neck(latent, ids_restore)[masked].double()  # (M, P)
        target = model.head.construct_target(inputs)[masked].double()
        total = total + target.sum(dim=0)
        squares += float(target.square().sum())
        error += float((pred - target).square().sum())
        count, size = count + len(target), target.shape[1]
    if not isinstance(total, Tensor):
        raise ValueError('`batches` must hold an image at least, but is empty')
    constant = squares - float(total.square().sum()) / count
    return ReconstructionErrors(
        model=error / count / size, mean_patch=constant / count / size, num_patches=count
    )


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
    options.add_options(parser)
    return parser.parse_args(args)


def read_batches(model: SapiensMAE, parsed: argparse.Namespace) -> Iterator[Tensor]:
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
    options.set_options(cfg, parsed.cfg_options)
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
