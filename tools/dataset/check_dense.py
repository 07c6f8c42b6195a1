#!/usr/bin/env python
"""Check a dataset of images with labels, depth or normals.

Prints what is wrong where. The exit code is 0 without faults (notes are none), 1 with some.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.dense.datasets import validation
from mmsapiens.classes.class_sets import get_class_set, read_class_set, class_set_names
from mmsapiens.ops.normal_frames import NORMAL_FRAMES
from mmsapiens.core import fault_report
from rich.console import Console
from rich.progress import track


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    tasks = validation.LAYOUTS_OF_TASK
    parser.add_argument('--task', required=True, choices=list(tasks))
    parser.add_argument('--root', required=True, help='folder of the dataset')
    parser.add_argument(
        '--layout',
        choices=sorted(set().union(*tasks.values())),
        help='body_parts_28 for parsing, folders for depth and normal, unless told otherwise',
    )
    parser.add_argument('--split', help='as `split` of the dataset')
    parser.add_argument(
        '--with-mask',
        action='store_true',
        help='parsing in the layout `folders`: compare labels with masks',
    )
    parser.add_argument(
        '--vocabulary',
        choices=class_set_names(),
        help='classes of label files; those of the layout unless told otherwise',
    )
    parser.add_argument('--metainfo', help='JSON with other `classes` and `flip_pairs`')
    parser.add_argument(
        '--normal-frame',
        choices=list(NORMAL_FRAMES),
        default='opengl',
        help='axes of normals; opengl (y up, z to the camera) unless told otherwise',
    )
    parser.add_argument('--layer', help='layer of exr files, where several fit')
    parser.add_argument(
        '--missing',
        type=float,
        nargs='+',
        default=(),
        help='stored numbers of depth that mean that nothing was measured, such as 65535',
    )
    parser.add_argument(
        '--max-samples',
        type=int,
        help='open that many, spread over the dataset; all unless told otherwise',
    )
    parser.add_argument('--workers', type=int, default=4, help='threads; 4 by default')
    parser.add_argument(
        '--max-per-kind',
        type=int,
        default=3,
        help='places to print of each kind of fault; 3 unless told otherwise',
    )
    parser.add_argument('--json', help='write all faults to this file')
    parsed = parser.parse_args(args)
    if not os.path.isdir(parsed.root):
        parser.error(f'--root: there is no folder {parsed.root}')
    if parsed.layout is None:
        parsed.layout = tasks[parsed.task][0]
    if parsed.layout not in tasks[parsed.task]:
        parser.error(f'--layout for {parsed.task}: {tasks[parsed.task]}')
    if parsed.metainfo and not os.path.isfile(parsed.metainfo):
        parser.error(f'--metainfo: there is no file {parsed.metainfo}')
    if parsed.max_samples is not None and parsed.max_samples < 1:
        parser.error('--max-samples must be positive')
    return parsed


def make_checks(parsed: argparse.Namespace) -> validation.MapChecks:
    """What maps are held against."""
    vocabulary = None
    if parsed.metainfo:
        vocabulary = read_class_set(parsed.metainfo)
    elif parsed.task == 'parsing':
        name = parsed.vocabulary or validation.stored_vocabulary(parsed.layout)
        vocabulary = get_class_set(name)
    return validation.MapChecks(vocabulary, parsed.normal_frame, parsed.layer)


def show_progress(entries: Sequence, name: str) -> Iterable:
    """A bar for a list, on the terminal's error stream."""
    console = Console(stderr=True)
    return track(entries, description=name, console=console, transient=True)


def main(args: Sequence[str] | None = None) -> int:
    """Check, print, and return the exit code."""
    parsed = parse_args(args)
    dataset = validation.make_dataset(
        parsed.task,
        parsed.root,
        layout=parsed.layout,
        split=parsed.split,
        with_mask=parsed.with_mask,
    )
    dataset.missing_depth = parsed.missing
    faults = validation.validate_dataset(
        dataset,
        make_checks(parsed),
        max_samples=parsed.max_samples,
        workers=parsed.workers,
        track=show_progress,
    )
    print(fault_report.format_faults(faults, parsed.max_per_kind))
    if parsed.json:
        fault_report.write_faults(faults, parsed.json)
    wrong = [each for each in faults if each.kind not in validation.NOTES]
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
