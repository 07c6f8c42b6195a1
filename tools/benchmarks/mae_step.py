#!/usr/bin/env python
"""Time a training step of SapiensMAE against stock mmpretrain's MAE.

Both models have the same sizes, weights, images, optimizer and precision; they take turns in one
run, and the median of their steps is compared. On a CPU the clock is that of the process, which
other processes disturb less. On a GPU also the share of the measured rate of bfloat16 matrix
products is given.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import mmsapiens  # noqa: F401  before mmpretrain
import torch
from mmengine.registry import DefaultScope
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.registry import MODELS
from mmsapiens.models import get_arch
from mmsapiens.models.layers import TransformerLayer
from model_cost import count_operations
from torch import nn
from torch.profiler import ProfilerActivity, profile


def build(kind: str, args: argparse.Namespace) -> nn.Module:
    """A model, 'stock' or 'ours'."""
    arch = get_arch(args.arch)
    ours = kind == 'ours'
    decoder = 'mmsapiens.MaskedPatchDecoder' if ours else 'MAEPretrainDecoder'
    cfg = dict(
        type='mmsapiens.SapiensMAE' if ours else 'MAE',
        backbone=dict(
            type='mmsapiens.MaskedSapiensViT' if ours else 'MAEViT',
            arch=arch,
            img_size=args.img_size,
            mask_ratio=args.mask_ratio,
        ),
        neck=dict(
            type=decoder,
            num_patches=(args.img_size // 16) ** 2,
            embed_dim=arch['embed_dims'],
            decoder_embed_dim=args.decoder_dims,
            decoder_depth=args.decoder_depth,
        ),
        head=dict(
            type='MAEPretrainHead',
            norm_pix=True,
            loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        ),
    )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(cfg)


class Trainer:
    """Takes training steps and times them.

    Args:
        model (nn.Module): The model.
        args (argparse.Namespace): The command line.
        images (Tensor): Normalized images, (B, 3, H, W).
    """

    def __init__(self, model: nn.Module, args: argparse.Namespace, images: torch.Tensor) -> None:
        self.model = model.to(images.device).train()
        self.images = images
        self.dtype = getattr(torch, args.dtype)
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=1e-5, betas=(0.9, 0.95), fused=args.fused or None
        )
        self.forward: Callable = model
        if args.compile == 'model':
            self.forward = torch.compile(model)
        elif args.compile == 'blocks':
            compile_blocks(model)
        self.clock = time.perf_counter
        if images.device.type == 'cpu':
            self.clock = time.process_time
        self.seconds: list[float] = []

    def loss(self) -> torch.Tensor:
        """Forward pass."""
        with torch.autocast(
            self.images.device.type, self.dtype, enabled=self.dtype != torch.float32
        ):
            return self.forward(self.images, [], mode='loss')['loss']

    def step(self) -> float:
        """One step; the loss."""
        torch.manual_seed(0)
        synchronize(self.images.device)
        start = self.clock()
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        synchronize(self.images.device)
        self.seconds.append(self.clock() - start)
        return loss.item()

    def step_seconds(self) -> float:
        """One step; how long it took."""
        self.step()
        return self.seconds[-1]


def compile_blocks(model: nn.Module, **settings: Any) -> None:
    """Compile each block of either model by itself."""
    kinds = (TransformerLayer, TransformerEncoderLayer)
    for module in model.modules():
        if isinstance(module, kinds):
            module.compile(**{'dynamic': False, **settings})


def step_flops(model: nn.Module, images: torch.Tensor) -> int:
    """Operations of a step, counted in one forward pass; not compiled."""
    device = images.device.type
    with torch.autocast(device, torch.bfloat16, device == 'cuda'):
        macs = count_operations(lambda: model(images[:1], [], mode='loss'))
    return 2 * 3 * macs.total * len(images)


def synchronize(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def matmul_rate(device: torch.device, side: int = 8192) -> float:
    """Measured rate of bfloat16 matrix products, FLOP/s."""
    left = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    right = left.clone()
    times = []
    for _ in range(30):
        synchronize(device)
        start = time.perf_counter()
        torch.mm(left, right)
        synchronize(device)
        times.append(time.perf_counter() - start)
    return 2 * side**3 / statistics.median(times[5:])


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--arch', default='sapiens_tiny')
    parser.add_argument('--img-size', type=int, default=512)
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--mask-ratio', type=float, default=0.75)
    parser.add_argument('--decoder-dims', type=int, default=512)
    parser.add_argument('--decoder-depth', type=int, default=8)
    parser.add_argument('--steps', type=int, default=5)
    parser.add_argument('--dtype', default='float32', choices=['float32', 'bfloat16'])
    parser.add_argument('--fused', action='store_true', help='fused AdamW')
    parser.add_argument(
        '--compile',
        choices=['model', 'blocks'],
        help='compile both models, as a whole or block by block',
    )
    parser.add_argument('--device', default=None)
    parser.add_argument('--profile', action='store_true', help='also print a profile of each')
    parser.add_argument('--json', help='also write the figures to this file')
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = parse_args()
    device = torch.device(args.device or ('cuda' if torch.cuda.is_available() else 'cpu'))
    torch.manual_seed(0)
    size = (args.batch, 3, args.img_size, args.img_size)
    images = torch.randn(size, device=device)
    ours, stock = build('ours', args), build('stock', args)
    ours.init_weights()
    stock.load_state_dict(ours.state_dict(), strict=True)
    ours.to(device)
    flops = step_flops(ours, images)
    trainers = {'stock': Trainer(stock, args, images), 'ours': Trainer(ours, args, images)}
    losses = {name: trainer.step() for name, trainer in trainers.items()}
    print(f'first loss: {losses}')
    for number in range(args.steps):
        turns = list(trainers.values())
        for trainer in turns if number % 2 else reversed(turns):
            trainer.step()
    medians = {name: statistics.median(trainer.seconds[1:]) for name, trainer in trainers.items()}
    ratio = medians['stock'] / medians['ours']
    print(
        f'{args.arch}, {args.img_size} px, batch {args.batch}, {args.dtype}, '
        f'{device.type}, {torch.get_num_threads()} thread(s)'
    )
    for name, seconds in medians.items():
        print(f'{name:6} {1e3 * seconds:10.1f} ms')
    print(f'stock / ours: {ratio:.3f}')
    figures: dict[str, object] = dict(
        settings=vars(args), seconds=medians, ratio=ratio, losses=losses
    )
    if device.type == 'cuda':
        share = flops / medians['ours'] / matmul_rate(device)
        print(f'share of the measured matmul rate: {share:.3f}')
        figures['matmul_share'] = share
    if args.profile:
        for name, trainer in trainers.items():
            kinds = [ProfilerActivity.CPU]
            if device.type == 'cuda':
                kinds.append(ProfilerActivity.CUDA)
            with profile(activities=kinds) as prof:
                trainer.step()
            key = f'self_{device.type}_time_total'
            print(f'--- {name}')
            print(prof.key_averages().table(sort_by=key, row_limit=20))
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump(figures, file, indent=1)


if __name__ == '__main__':
    main()
