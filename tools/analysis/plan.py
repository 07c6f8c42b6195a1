#!/usr/bin/env python
"""Plan a training run: parameters, operations, memory, time.

Any config on SapiensViT: pretraining, pose, dense tasks. Nothing is trained, no GPU is needed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.engine import launch, options
import planning


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--gpus', type=int, required=True)
    parser.add_argument('--gpu-memory', type=float, required=True, help='GB of each GPU')
    parser.add_argument('--batch', type=int, help='images on each GPU; those of the config')
    parser.add_argument(
        '--dtype',
        choices=list(planning.BYTES),
        help='precision of autocast; that of the config unless given',
    )
    parser.add_argument(
        '--peak-tflops',
        type=float,
        default=312.0,
        help='rate of a GPU in this precision; 312 is an A100 in bfloat16',
    )
    parser.add_argument(
        '--utilisation',
        type=float,
        default=0.4,
        help='part of the rate that training reaches; 0.4 unless told otherwise',
    )
    parser.add_argument('--tokens', type=float, default=planning.PAPER_TOKENS)
    parser.add_argument('--json', help='also write the figures to this file')
    options.add_options(parser)
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Count and print."""
    parsed = parse_args(args)
    cfg = launch.read_config(parsed.config)
    options.set_options(cfg, parsed.cfg_options)
    wrapper = cfg.optim_wrapper
    dtype = parsed.dtype or wrapper.get('dtype', 'float32')
    batch = parsed.batch or cfg.train_dataloader.batch_size
    cost = planning.cost_of(cfg, dtype)
    plans = planning.plan_memory(
        cost,
        num_gpus=parsed.gpus,
        gpu_memory_gb=parsed.gpu_memory,
        batch=batch,
        optimizer=wrapper.optimizer.type,
        dtype=dtype,
    )
    print(f'{parsed.config}: {dtype}, {parsed.gpus} GPUs')
    print(f'parameters            {cost.num_params / 1e9:10.4f} B')
    print(
        f'encoder, whole image  {cost.whole_image.linear / 1e12:10.3f} T '
        'multiply-accumulates of linear layers (Table 2 of the paper), '
        f'{cost.whole_image.attention / 1e12:.3f} T of attention'
    )
    print(
        f'training, forward     {cost.training.total / 1e12:10.3f} T '
        'multiply-accumulates for each image'
    )
    accumulation = wrapper.get('accumulative_counts', 1)
    total = batch * parsed.gpus * accumulation
    print(
        f'batch                 {batch} x {parsed.gpus} GPUs x {accumulation} accumulated = {total}'
    )
    print(f'\nGB on each GPU of {parsed.gpu_memory:g} GB, batch {batch}')
    print(
        f'{"":20} {"weights":>8} {"grads":>8} {"optim.":>8} {"buffers":>8} '
        f'{"activ.":>8} {"total":>8} {"fits":>5} {"max batch":>9} '
        f'{"images/s":>9} {"days":>8}'
    )
    rows = []
    for plan in plans:
        speed = planning.images_per_second(
            cost,
            num_gpus=parsed.gpus,
            with_cp=plan.with_cp,
            peak_tflops=parsed.peak_tflops,
            utilisation=parsed.utilisation,
        )
        days = planning.days_for_tokens(cost, speed, int(parsed.tokens))
        parts = (
            plan.weights,
            plan.gradients,
            plan.optimizer,
            plan.buffers,
            plan.activations,
            plan.total,
        )
        name = plan.sharding + (', checkpointing' if plan.with_cp else '')
        fits = 'yes' if plan.total <= plan.usable else 'no'
        print(
            f'{name:20} '
            + ' '.join(f'{part / 1e9:8.2f}' for part in parts)
            + f' {fits:>5} {plan.max_batch:9} {speed:9.1f} {days:8.2f}'
        )
        rows.append(
            dict(
                asdict(plan),
                total=plan.total,
                max_batch=plan.max_batch,
                images_per_second=speed,
                days=days,
            )
        )
    print(
        f'\ndays: for {parsed.tokens:.3g} tokens, {cost.tokens} in an image, '
        f'at {parsed.utilisation:.0%} of {parsed.peak_tflops:g} TFLOP/s'
    )
    if parsed.json:
        figures = dict(cost=asdict(cost), plans=rows)
        with open(parsed.json, 'w', encoding='utf-8') as file:
            json.dump(figures, file, indent=1)
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
