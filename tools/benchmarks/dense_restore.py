#!/usr/bin/env python
"""From the output of a dense head to a prediction of each pixel: time and memory, against stock."""

import argparse
import multiprocessing
from collections.abc import Callable

import mmsapiens  # noqa: F401  before mmseg
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmseg.structures import SegDataSample
from timing import added_peak, alternate, show, show_header

INPUT_HW = (1024, 768)
HEADS = {
    'parsing': dict(type='mmsapiens.ParsingHead', num_classes=28),
    'depth': dict(type='mmsapiens.DepthHead'),
    'normal': dict(type='mmsapiens.NormalHead'),
}
CHANNELS = {'parsing': 28, 'depth': 1, 'normal': 3}
STOCK = {'parsing': 'EncoderDecoder', 'depth': 'DepthEstimator'}
"""Stock has no model that regresses three channels."""


def make(task: str, side: str, photo_hw: tuple[int, int]) -> Callable[[], torch.Tensor]:
    """What restores an output of noise; the prediction."""
    init_default_scope('mmseg')
    arch = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32)
    head = dict(in_channels=32, deconv_out_channels=(8,), conv_out_channels=(8,), **HEADS[task])
    cfg = dict(
        type='mmsapiens.DenseEstimator' if side == 'ours' else STOCK[task],
        backbone=dict(type='mmsapiens.SapiensViT', arch=arch, img_size=64),
        decode_head=head,
        test_cfg=dict(mode='whole'),
    )
    model = MODELS.build(ConfigDict(cfg)).eval()
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, CHANNELS[task], *(s // 16 for s in INPUT_HW), generator=generator)
    output = F.interpolate(coarse, size=[side // 2 for side in INPUT_HW], mode='bicubic')
    inputs = torch.zeros(1, 3, *INPUT_HW)
    meta = dict(
        img_shape=INPUT_HW, ori_shape=photo_hw, pad_shape=INPUT_HW, padding_size=[0, 0, 0, 0]
    )
    if side == 'ours':
        model._forward = lambda *_: output
    else:
        model.encode_decode = lambda _, metas: model.decode_head.predict_by_feat(output, metas)

    @torch.inference_mode()
    def restore() -> torch.Tensor:
        sample = model.predict(inputs, [SegDataSample(metainfo=meta)])[0]
        name = {'parsing': 'pred_sem_seg'}.get(task, f'pred_{task}_map')
        return sample.get(name).data

    return restore


def peak(task: str, side: str, photo_hw: tuple[int, int]) -> int:
    """Bytes that restoring adds, in a process of its own."""
    torch.set_num_threads(1)
    make(task, side, (256, 192))()  # what libraries allocate once
    return added_peak(make(task, side, photo_hw))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--photo', type=int, nargs=2, default=(2048, 1536), metavar=('H', 'W'))
    parser.add_argument('--repeat', type=int, default=5)
    args = parser.parse_args()
    photo_hw = tuple(args.photo)
    torch.set_num_threads(1)
    show_header()
    context = multiprocessing.get_context('spawn')
    for task in HEADS:
        sides = ['ours'] + ['stock'] * (task in STOCK)
        ways = {side: make(task, side, photo_hw) for side in sides}
        error = ''
        if len(ways) == 2:
            differ = (ways['ours']() != ways['stock']()).float().mean()
            error = f'{100 * float(differ):.2g} % of the pixels differ'
        seconds = [each[1] for each in alternate(ways, args.repeat).values()]
        show(f'{task}, {photo_hw[0]}x{photo_hw[1]}: time', 's', *seconds, note=error)
        with context.Pool(1, maxtasksperchild=1) as pool:
            bytes_ = [pool.apply(peak, (task, side, photo_hw)) / 2**20 for side in sides]
        show(f'{task}: memory that is added', 'MiB', *bytes_)


if __name__ == '__main__':
    main()
