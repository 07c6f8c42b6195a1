#!/usr/bin/env python
"""Train a model: any config of mmsapiens, mmpretrain, mmpose or mmseg."""

import argparse
import os

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.engine import launch, options


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='continue from this checkpoint, or without a value from the '
        'newest one in the working directory',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='bf16',
        choices=list(launch.AMP_DTYPES),
        help='mixed precision; bf16 unless told otherwise',
    )
    parser.add_argument('--no-validate', action='store_true', help='train only')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the total batch size',
    )
    parser.add_argument('--show-dir', help='draw predictions of validation to this folder')
    parser.add_argument('--show', action='store_true', help='draw predictions in windows')
    options.add_options(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Train."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = launch.read_config(args.config)
    cfg.launcher = args.launcher
    not_read = options.NOT_TRAINED | (options.NOT_VALIDATED if args.no_validate else set())
    options.set_options(cfg, args.cfg_options, not_read)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    launch.set_work_dir(cfg, args.work_dir)
    if args.amp:
        launch.set_amp(cfg, args.amp)
    if args.auto_scale_lr:
        launch.set_auto_scale_lr(cfg)
    if args.resume:
        launch.set_resume(cfg, args.resume)
    if args.show or args.show_dir:
        launch.enable_visualization(cfg, args.show_dir, args.show, in_training=True)
    with launch.distributed_run(cfg):
        launch.build_runner(cfg).train()


if __name__ == '__main__':
    main()
