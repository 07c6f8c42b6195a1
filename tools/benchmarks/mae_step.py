#!/usr/bin/env python
"""A pretraining step of SapiensMAE against stock mmpretrain's MAE.

Both have the same sizes, weights, images, optimizer and precision.
"""

import argparse
import logging
from typing import Any

import mmsapiens  # noqa: F401  before mmpretrain
import torch
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmsapiens.models.layers import TransformerLayer
from timing import alternate, count_flops, matrix_rate, show, show_header
from torch import Tensor, nn


def build(args: argparse.Namespace, arch: dict[str, int] | None = None) -> nn.Module:
    """Our model, or with the numbers of its encoder that of stock."""
    ours = arch is None
    backbone = dict(
        type='mmsapiens.MaskedSapiensViT' if ours else 'MAEViT',
        arch=arch or args.arch,
        img_size=args.img_size,
        mask_ratio=args.mask_ratio,
    )
    cfg: dict[str, Any] = dict(type='mmsapiens.SapiensMAE' if ours else 'MAE', backbone=backbone)
    cfg['neck'] = dict(
        type='mmsapiens.MaskedPatchDecoder' if ours else 'MAEPretrainDecoder',
        num_patches=(args.img_size // 16) ** 2,
        embed_dim=args.embed_dims,
        decoder_embed_dim=args.decoder_dims,
        decoder_depth=args.decoder_depth,
    )
    loss = dict(type='PixelReconstructionLoss', criterion='L2')
    cfg['head'] = dict(type='MAEPretrainHead', norm_pix=True, loss=loss)
    return MODELS.build(cfg)


class Trainer:
    """Takes training steps.

    Args:
        model (nn.Module): The model.
        args (argparse.Namespace): The command line.
        images (Tensor): Normalized images, (B, 3, H, W).
    """

    def __init__(self, model: nn.Module, args: argparse.Namespace, images: Tensor) -> None:
        self.model = model.to(images.device).train()
        self.images, self.dtype = images, getattr(torch, args.dtype)
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=1e-5, betas=(0.9, 0.95), fused=args.fused or None
        )

    def loss(self) -> Tensor:
        """Forward pass."""
        kind, enabled = self.images.device.type, self.dtype != torch.float32
        with torch.autocast(kind, self.dtype, enabled=enabled):
            return self.model(self.images, [], mode='loss')['loss']

    def step(self) -> float:
        """One step; the loss."""
        torch.manual_seed(0)
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def compile_blocks(model: nn.Module) -> None:
    """Compile each block of either model by itself."""
    for module in model.modules():
        if isinstance(module, (TransformerLayer, TransformerEncoderLayer)):
            module.compile(dynamic=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='sapiens_tiny')
    parser.add_argument('--embed-dims', type=int, default=192, help='of the encoder')
    parser.add_argument('--img-size', type=int, default=128)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--decoder-dims', type=int, default=128)
    parser.add_argument('--decoder-depth', type=int, default=2)
    parser.add_argument('--mask-ratio', type=float, default=0.75)
    parser.add_argument('--dtype', default='float32', choices=('float32', 'bfloat16'))
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--fused', action='store_true', help='the optimizer, of both sides')
    parser.add_argument('--compile', action='store_true', help='also with compiled blocks')
    parser.add_argument('--repeat', type=int, default=10)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    init_default_scope('mmpretrain')
    logging.disable(logging.INFO)  # a line for each weight
    images = torch.randn(args.batch, 3, args.img_size, args.img_size, device=args.device)
    ours = build(args)
    ours.init_weights()
    stock = build(args, dict(ours.backbone.arch))
    stock.load_state_dict(ours.state_dict(), strict=True)
    sides = {'ours': Trainer(ours, args, images), 'stock': Trainer(stock, args, images)}
    error = abs(sides['ours'].step() - sides['stock'].step())
    with torch.no_grad():
        flops = 3 * count_flops(sides['ours'].loss)
    rate = matrix_rate(args.device, getattr(torch, args.dtype))
    show_header(args.device)
    for compiled in (False, True)[: 1 + args.compile]:
        if compiled:
            for side in sides.values():
                compile_blocks(side.model)
                side.step()
        ways = {name: side.step for name, side in sides.items()}
        times = [each[1] for each in alternate(ways, args.repeat, args.device).values()]
        note = f'first losses differ by {error:.1e}; '
        note += f'{100 * flops / times[0] / rate:.0f} % of the rate of matrix products'
        how = ', compiled blocks' if compiled else ''
        show(f'{args.arch}, {args.img_size} px, batch {args.batch}{how}', 's', *times, note=note)


if __name__ == '__main__':
    main()
