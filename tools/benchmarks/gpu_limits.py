#!/usr/bin/env python
"""What bounds a GPU: attention by kernel, the forward pass, memory of fine-tuning."""

import argparse
import gc

from networks import build_ours, config_of, make_batch
import torch
import torch.nn.functional as F
from mmsapiens.models.layers import compile_blocks
from timing import alternate, count_flops, matrix_rate, show, show_header
from torch.nn.attention import SDPBackend, sdpa_kernel
from training_steps import stepper

KERNELS = {
    'flash': SDPBackend.FLASH_ATTENTION,
    'cudnn': SDPBackend.CUDNN_ATTENTION,
    'efficient': SDPBackend.EFFICIENT_ATTENTION,
}
SHAPES = {
    '0.3B, 1024x768': (8, 16, 3072, 64),
    '0.6B, 1024x768': (4, 16, 3072, 80),
    '1B, 1024x768': (4, 24, 3072, 64),
    '2B, 1024x768': (2, 32, 3072, 60),
    'MAE 0.3B, encoder': (16, 16, 1025, 64),
    'MAE 0.3B, decoder': (16, 16, 4097, 32),
}
"""Work -> batch, heads, tokens, width of a head."""
BATCH = {'0.3b': 32, '0.6b': 16, '1b': 16, '2b': 8}
"""People in a forward pass."""


def measure_attention(rate: float) -> None:
    """Forward and backward passes of attention alone; kernels that refuse are left out."""
    for work, (batch, heads, tokens, width) in SHAPES.items():
        size = (3, batch, heads, tokens, width)
        packed = torch.randn(size, device='cuda', dtype=torch.bfloat16, requires_grad=True)
        gradient = torch.randn_like(packed[0])
        flops = 3 * 4 * batch * heads * tokens**2 * width
        for name, kernel in KERNELS.items():

            def run(kernel=kernel, packed=packed, gradient=gradient) -> None:
                with sdpa_kernel(kernel):
                    out = F.scaled_dot_product_attention(*packed)
                out.backward(gradient)
                packed.grad = None

            try:
                run()
            except RuntimeError:
                continue
            _, seconds = alternate({'': run}, 5, 'cuda')['']
            share = f'{100 * flops / seconds / rate:.0f} % of the matrix rate'
            show(f'attention, {work}, {name}', 'ms', 1e3 * seconds, None, share)


@torch.inference_mode()
def measure_forward(size: str, rate: float) -> None:
    """Backbone and head of the pose network."""
    model = build_ours(config_of('pose', size), 'cuda').eval().bfloat16()
    shape = (BATCH[size], 3, *model.backbone.img_size)
    inputs = torch.randn(shape, device='cuda', dtype=torch.bfloat16)

    def call() -> object:
        return model.head.forward(model.extract_feat(inputs))

    flops = count_flops(call)
    for how in ('without compilation', 'compiled blocks'):
        if how == 'compiled blocks':
            compile_blocks(model.backbone)
        _, seconds = alternate({'ours': call}, 8, 'cuda')['ours']
        share = f'{100 * flops / seconds / rate:.0f} % of the matrix rate'
        show(
            f'forward pass, pose 308, {size}, {how}', 'people/s', BATCH[size] / seconds, None, share
        )


def measure_memory(size: str) -> None:
    """Peak of a pose training step; the second one counts, when the optimizer has its states."""
    cfg = config_of('pose', size)
    model = build_ours(cfg, 'cuda').train()
    for with_cp in (True, False):
        model.backbone.with_cp = with_cp
        for batch in (1, 2):
            step = stepper(model, cfg, make_batch('pose', cfg, batch), dtype='bfloat16')
            step()
            torch.cuda.reset_peak_memory_stats()
            step()
            peak = torch.cuda.max_memory_allocated() / 1e9
            how = 'with' if with_cp else 'without'
            show(f'step, pose, {size}, batch {batch}, {how} checkpointing', 'GB', peak)
            del step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', nargs='+', default=list(BATCH))
    parser.add_argument('--only', choices=('attention', 'forward', 'memory'))
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    rate = matrix_rate('cuda', torch.bfloat16)
    show_header('cuda')
    if args.only in (None, 'attention'):
        measure_attention(rate)
    for size in args.sizes:
        if args.only in (None, 'forward'):
            measure_forward(size, rate)
        if args.only in (None, 'memory'):
            measure_memory(size)
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == '__main__':
    main()
