#!/usr/bin/env python
"""Evaluate a checkpoint: any config of mmsapiens or its hosts."""

import argparse
import os

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.engine import launch, options


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for the figures')
    parser.add_argument('--out', help='write the predictions to this pickle file (.pkl)')
    parser.add_argument('--show-dir', help='draw predictions to this folder')
    parser.add_argument('--show', action='store_true', help='draw predictions in windows')
    options.add_options(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out must end in .pkl or .pickle, but got {args.out}')
    return args


def main() -> None:
    """Evaluate."""
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = launch.read_config(args.config)
    cfg.launcher = args.launcher
    options.set_options(cfg, args.cfg_options, options.NOT_TESTED)
    launch.set_work_dir(cfg, args.work_dir)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        launch.enable_visualization(cfg, args.show_dir, args.show)
    if args.out:
        launch.add_dump(cfg, args.out)
    with launch.distributed_run(cfg):
        launch.build_runner(cfg).test()


if __name__ == '__main__':
    main()
