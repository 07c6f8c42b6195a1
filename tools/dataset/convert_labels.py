#!/usr/bin/env python
"""Convert a folder of label maps from one set of classes to another, such as 28 to 29 classes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.classes import class_set_names, conversion_table, convert_labels
from mmsapiens.io import read_map, write_map

SUFFIXES = ('.png', '.npy', '.npz')


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('folder', type=Path, help='of label maps: png, npy or npz; its folders are read as well')
    add('out', type=Path, help='another folder; maps have the same names there')
    add('--source', required=True, choices=class_set_names(), help='classes of the maps')
    add('--target', required=True, choices=class_set_names(), help='classes that they become')
    add(
        '--instead',
        action='append',
        default=[],
        metavar='CLASS=CLASS',
        help='what a class without a match counts as, such as Eyeglass=Face_Neck; may be '
        'repeated. Pixels of others are ignored, 255',
    )
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Convert, print what came of it, and return the exit code."""
    parsed = parse_args(args)
    try:
        instead = dict(pair.split('=', 1) for pair in parsed.instead if '=' in pair)
        if len(instead) < len(parsed.instead):
            raise ValueError(f'`--instead` must be CLASS=CLASS, but got {parsed.instead}')
        if conversion_table(parsed.source, parsed.target, instead) is None:
            raise ValueError(f'`--source` and `--target` are the same, {parsed.source!r}')
        if parsed.out.resolve().is_relative_to(parsed.folder.resolve()):
            raise ValueError(f'`out` must be a folder outside of {parsed.folder}')
        found = sorted(parsed.folder.rglob('*')) if parsed.folder.is_dir() else []
        paths = [path for path in found if path.suffix.lower() in SUFFIXES]
        if not paths:
            text = f'`folder` must be one with label maps, {SUFFIXES}'
            raise ValueError(f'{text}, but there is none in {parsed.folder}')
        for path in paths:
            labels = read_map(path, 'seg_map')
            try:
                ids = convert_labels(labels, parsed.source, parsed.target, instead)
            except ValueError as error:
                raise ValueError(f'{path}: {error}') from None
            write_map(parsed.out / path.relative_to(parsed.folder), ids, 'seg_map')
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'{len(paths)} label maps of {parsed.target} in {parsed.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
