#!/usr/bin/env python
"""A training step: on a CPU against stock parts, on a GPU against the rate of matrix products.

A step is that of the config: normalizing, forward and backward pass, losses and accuracy, loss
guard, clipping and optimizer, on one batch of random numbers. At 0.3b a CPU takes images of
256x192.
"""

import argparse
import copy

from networks import build_ours, build_stock, config_of, make_batch, stock_config
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmsapiens.models.layers import compile_blocks
from timing import alternate, count_flops, matrix_rate, show, show_header
from torch import nn

CPU_HW = (256, 192)


def shrink(task: str, cfg: Config) -> None:
    """Let a config take images of :data:`CPU_HW`."""
    height, width = cfg.model.backbone.img_size = CPU_HW
    if task == 'pose':
        cfg.model.head.decoder.update(
            input_size=(width, height), heatmap_size=(width // 4, height // 4)
        )
    else:
        cfg.model.data_preprocessor.size = CPU_HW


def stepper(model: nn.Module, cfg: Config, batch: dict, **changes: str):
    """A function that takes a step."""
    wrapper = build_optim_wrapper(model, dict(copy.deepcopy(cfg.optim_wrapper), **changes))
    return lambda: model.train_step(dict(batch), wrapper)


def compare_on_cpu(task: str, size: str, batch: int, repeat: int) -> None:
    """Ours and stock by turns."""
    cfg = config_of(task, size)
    if size != 'tiny':
        shrink(task, cfg)
    ours = build_ours(cfg)
    stock_cfg = stock_config(task, cfg, ours)
    stock = build_stock(task, stock_cfg, ours)
    image = torch.randn(1, 3, *cfg.model.backbone.img_size)
    with torch.no_grad():
        outputs = [model.eval()(image, None, mode='tensor') for model in (ours, stock)]
    error = (outputs[0] - outputs[1]).abs().max() / outputs[1].abs().max()
    for model in (ours, stock):
        model.train()
    codec = stock_cfg.model.head.decoder if task == 'pose' else None
    ways = {
        'ours': stepper(ours, cfg, make_batch(task, cfg, batch)),
        'stock': stepper(stock, stock_cfg, make_batch(task, cfg, batch, codec)),
    }
    seconds = [each[1] for each in alternate(ways, repeat).values()]
    note = f'{float(error):.0e} of the largest output'
    show(f'step, {task}, {size}, batch {batch}, float32', 's', *seconds, note=note)


def measure_on_gpu(task: str, size: str, batch: int, repeat: int) -> None:
    """Share of the matrix rate and peak memory, without and with compilation."""
    torch.backends.cudnn.benchmark = True
    cfg = config_of(task, size)
    model = build_ours(cfg, 'cuda').train()
    image = torch.zeros(1, 3, *model.backbone.img_size, device='cuda')
    with torch.no_grad():
        # Both passes take three times the operations of one.
        flops = 3 * batch * count_flops(lambda: model(image, None, mode='tensor'))
    rate = matrix_rate('cuda', torch.bfloat16)
    step = stepper(model, cfg, make_batch(task, cfg, batch), dtype='bfloat16')
    for how in ('without compilation', 'compiled blocks'):
        if how == 'compiled blocks':
            compile_blocks(model)
        step()
        torch.cuda.reset_peak_memory_stats()
        _, seconds = alternate({'ours': step}, repeat, 'cuda')['ours']
        peak = torch.cuda.max_memory_allocated() / 1e9
        note = f'{100 * flops / seconds / rate:.0f} % of the matrix rate, peak {peak:.1f} GB'
        show(f'step, {task}, {size}, batch {batch}, {how}', 'images/s', batch / seconds, None, note)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--tasks', nargs='+', default=['pose', 'parsing'])
    parser.add_argument('--sizes', nargs='+', default=['tiny', '0.3b'])
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    show_header(args.device)
    measure = measure_on_gpu if args.device == 'cuda' else compare_on_cpu
    for size in args.sizes:
        for task in args.tasks:
            measure(task, size, args.batch, args.repeat)


if __name__ == '__main__':
    main()
