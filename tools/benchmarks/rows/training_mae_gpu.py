"""Rows: pretraining on a GPU against stock and the rate of products."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator

from harness import Measurement, Settings, alternate, benchmark

from .training_gpu import RATE, _prepare, best_kernel

BATCH = 16


def _options(settings: Settings) -> argparse.Namespace:
    """What `mae_step.py` would get from its command line."""
    sizes = (
        dict(arch='sapiens_tiny', img_size=64, batch=2, decoder_dims=64, decoder_depth=2)
        if settings.small
        else dict(
            arch='sapiens_0.3b', img_size=1024, batch=BATCH, decoder_dims=512, decoder_depth=8
        )
    )
    return argparse.Namespace(mask_ratio=0.75, dtype='bfloat16', fused=True, compile=False, **sizes)


@benchmark(
    'gpu-mae-0.3b',
    work='pretraining step, 0.3B, 1024 px, bfloat16',
    against='stock MAE with the same weights and settings',
    side='training',
    devices=('cuda',),
    limit_s=110,
)
def gpu_mae(settings: Settings) -> Iterator[Measurement]:
    """Without compilation, then with compiled blocks on both sides."""
    backend = _prepare(settings)
    import mae_step
    import torch
    from training.attention import prefer

    args = _options(settings)
    torch.manual_seed(0)
    size = (args.batch, 3, args.img_size, args.img_size)
    images = torch.randn(size, device=settings.device)
    ours, stock = mae_step.build('ours', args), mae_step.build('stock', args)
    logging.disable(logging.INFO)  # one line for each parameter
    ours.init_weights()
    logging.disable(logging.NOTSET)
    stock.load_state_dict(ours.state_dict(), strict=True)
    trainers = {
        'ours': mae_step.Trainer(ours, args, images),
        'stock': mae_step.Trainer(stock, args, images),
    }
    flops = mae_step.step_flops(ours, images)
    encoder, neck = ours.backbone, ours.neck
    heads = encoder.arch['num_heads']
    kept = 1 + int(encoder.num_patches * (1 - args.mask_ratio))
    decoder_heads = neck.decoder_blocks[0].attn.num_heads
    kernel, words = best_kernel(
        {
            (args.batch, heads, kept, encoder.embed_dims // heads): (encoder.num_layers),
            (
                args.batch,
                decoder_heads,
                1 + encoder.num_patches,
                args.decoder_dims // decoder_heads,
            ): args.decoder_depth,
        },
        settings,
    )
    rate = settings.limits.flops_per_s.get('bfloat16', 1e12)
    plain_stock = 0.0
    for compiled in (False, True):
        mode = 'without compilation'
        if compiled:
            mode = 'compiled blocks'
            for trainer in trainers.values():
                mae_step.compile_blocks(trainer.model, backend=backend)
        with prefer(kernel):
            firsts = {}
            for name, trainer in trainers.items():
                # In front of the clock: compilation may take half a minute.
                firsts[name] = trainer.step_seconds()
            timings = alternate(
                {name: t.step for name, t in trainers.items()}, repeat=6, device=settings.device
            )
        seconds = timings['ours'].median
        stock_seconds = timings['stock'].median
        plain_stock = plain_stock or stock_seconds
        mode = f'batch {args.batch}, {mode}'
        yield Measurement(
            args.batch / seconds,
            'images/s',
            args.batch / stock_seconds,
            mode=mode,
            higher_is_better=True,
            target=1.3,
            first_s=firsts['ours'],
            note='' if compiled else f'attention: {words}',
        )
        yield Measurement(
            seconds,
            's',
            mode=f'{mode}, share of {RATE}',
            ratio=flops / seconds / rate,
            target=0.45,
            flops=flops,
            dtype='bfloat16',
        )
    yield Measurement(
        args.batch / seconds,
        'images/s',
        args.batch / plain_stock,
        mode=f'{mode}, against stock without compilation',
        higher_is_better=True,
    )
