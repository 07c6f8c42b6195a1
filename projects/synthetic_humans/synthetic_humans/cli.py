"""Render people with labels for pose, parts, depth and normals.

An interrupted run continues where it was; the files depend on the seed and the options, not on the
number of workers.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')


def parse_size(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH as two numbers."""
    height, width = text.lower().split('x')
    return int(height), int(width)


def parse_range(text: str) -> tuple[int, int]:
    """A number, or two joined by a dash."""
    low, _, high = text.partition('-')
    return int(low), int(high or low)


def parse_shard(text: str) -> tuple[int, int]:
    """I/N as two numbers."""
    part, parts = text.split('/')
    return int(part), int(parts)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder of the dataset')
    add('--num', type=int, default=100, help='number of images')
    add('--size', type=parse_size, default='1024x768', help='HEIGHTxWIDTH')
    add('--seed', type=int, default=0, help='same seed, same files')
    add('--workers', type=int, default=1, help='processes')
    add(
        '--views',
        nargs='+',
        default=['face', 'upper_body', 'full_body'],
        choices=['face', 'upper_body', 'full_body'],
        help='which views to draw from',
    )
    add('--yaw', default='mixed', choices=['mixed', 'frontal', 'any'],
        help='from where: mostly the front, only the front, all '
        'sides')  # fmt: skip
    add('--people', type=parse_range, default='1', help='N or LOW-HIGH')
    add('--hdri', type=Path, help='folder with environment maps')
    add('--backgrounds', type=Path, help='folder with photographs')
    add('--scans', type=Path, help='folder with OBJ, GLB or PLY files')
    add('--up', choices=['auto', 'x', 'y', 'z'], default='auto',
        help='upward axis of the scans')  # fmt: skip
    add('--unit', type=float, help='meters in a unit of the scans')
    add('--device', help="'cpu' or 'cuda:0'; default: CUDA if there is one")
    add('--image-format', choices=['png', 'jpg'], default='png', help=' ')
    add('--normal-format', choices=['npy', 'png'], default='npy', help=' ')
    add('--axes', choices=['opengl', 'opencv'], default='opengl',
        help='frame of the normals')  # fmt: skip
    add('--val-share', type=float, default=0.1, help='of the subjects')
    add('--shard', type=parse_shard, default='0/1', help='I/N: part I of N')
    add('--ray', action='store_true', help='give the work to a Ray cluster')
    add('--check', action='store_true', help='check the labels afterwards')
    add('--sheet', type=int, default=24, help='images on the sheet, 0: none')
    return parser.parse_args()


def main() -> int:
    """Render, then draw the contact sheet and check."""
    args = parse_args()
    from .backgrounds import list_images
    from .contact_sheet import write_contact_sheet
    from .device import choose_device
    from .report import check_folder
    from .run import Job, run
    from .scans import list_scans
    from .settings import Settings
    from .writers import Formats

    try:
        settings = Settings(
            size_hw=args.size,
            seed=args.seed,
            views=tuple(args.views),
            people=args.people,
            yaw=args.yaw,
            panoramas=tuple(list_images(args.hdri)),
            images=tuple(list_images(args.backgrounds)),
            device=choose_device(args.device),
        )
        formats = Formats(args.image_format, args.normal_format, args.axes)
        job = Job(
            args.out,
            args.num,
            settings,
            formats,
            scans=tuple(list_scans(args.scans)),
            scan_up=args.up,
            scan_unit=args.unit,
            shard=args.shard,
            val_share=args.val_share,
        )
        seconds = run(job, workers=args.workers, use_ray=args.ray)
    except (ValueError, FileNotFoundError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    stages = ', '.join(f'{k} {v:.2f}' for k, v in seconds.items())
    if stages:
        print(f'seconds an image: {stages}')
    names = [job.name(i) for i in job.mine() if job.is_done(i)]
    if args.sheet and names:
        print(write_contact_sheet(args.out, names, args.sheet))
    if args.check:
        report = check_folder(args.out, names)
        print(report.text())
        return 0 if report.passed else 1
    return 0
