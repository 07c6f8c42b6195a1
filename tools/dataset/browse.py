#!/usr/bin/env python
"""Draw what a pose model will see: the images after augmentation."""

import argparse
import os
from collections.abc import Sequence

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmengine.config import DictAction
from mmengine.runner import set_random_seed
from mmsapiens.engine import launch
from mmsapiens.pose.visualization.browse import MODES, browse, write_png


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of a pose model')
    parser.add_argument(
        '--output-dir',
        help='folder for the images; work_dirs/CONFIG/browse_MODE unless told otherwise or shown',
    )
    parser.add_argument(
        '--number',
        type=int,
        default=20,
        help='samples, spread over the data; 20 unless told otherwise',
    )
    parser.add_argument('--mode', choices=MODES, default='train')
    parser.add_argument(
        '--heatmaps',
        action='store_true',
        help='add the sum of the target heatmaps in a second panel',
    )
    parser.add_argument('--show', action='store_true', help='open windows')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings that override the config, as key=value, for instance '
        'train_dataloader.dataset.data_root=data/my_set/',
    )
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> None:
    """Draw."""
    parsed = parse_args(args)
    cfg = launch.read_config(parsed.config)
    if parsed.cfg_options:
        cfg.merge_from_dict(parsed.cfg_options)
    folder = parsed.output_dir
    if folder is None and not parsed.show:
        launch.set_work_dir(cfg, None)
        folder = os.path.join(cfg.work_dir, f'browse_{parsed.mode}')
    set_random_seed(parsed.seed)
    images = browse(cfg, mode=parsed.mode, number=parsed.number, with_heatmaps=parsed.heatmaps)
    count = 0
    for name, image, drawer in images:
        count += 1
        if folder is not None:
            write_png(os.path.join(folder, name), image)
        if parsed.show:
            drawer.visualizer.show(image, win_name=name)
    if folder is not None:
        print(f'{count} images in {folder}')


if __name__ == '__main__':
    main()
