#!/usr/bin/env python
"""Operators of the pose network on a CPU: ours and stock's, side by side."""

from __future__ import annotations

import argparse
import os
import sys

from harness import measure_limits


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table for each side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--small', action='store_true', help='the tiny model')
    parser.add_argument('--sides', nargs='+', default=['stock', 'ours'], help='and the order')
    args = parser.parse_args(argv)
    import torch
    from harness import pose_models as models
    from harness.operators import count_operators, operator_table
    from mmengine.logging import MMLogger

    # Or the initialization of every weight would be told.
    MMLogger.get_current_instance().setLevel('ERROR')
    torch.set_num_threads(args.threads)
    limits = measure_limits('cpu', args.threads, args.small)
    rate = limits.flops_per_s['float32']
    print(
        f'{limits.device}, {args.threads} thread(s), {limits.software}, '
        f'{rate / 1e9:.0f} GFLOP/s, {limits.bytes_per_s / 1e9:.1f} GB/s'
    )
    cfg = models.config_of(args.small)
    build = {'ours': models.build_ours, 'stock': models.build_stock}
    inputs = torch.randn(1, 3, *cfg.model.backbone.img_size)
    for side in args.sides:
        model = build[side](cfg)

        @torch.no_grad()
        def call(model: torch.nn.Module = model) -> torch.Tensor:
            return model.head.forward(model.extract_feat(inputs))

        mode, seconds = count_operators(call)
        print(f'\n{side}\n', *operator_table(mode, seconds, limits), sep='\n')
        del model
    return 0


if __name__ == '__main__':
    sys.exit(main())
