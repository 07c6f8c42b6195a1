#!/usr/bin/env python
"""Check an annotation file of keypoints.

Prints what is wrong where. The exit code is 0 without faults, 1 with some.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from mmsapiens.pose.datasets import validation
from mmsapiens.keypoints.keypoint_sets import ANNOTATED_SETS
from mmsapiens.core import fault_report
from rich.console import Console
from rich.progress import track


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('annotations', help='annotation file, COCO style')
    parser.add_argument(
        '--vocabulary', required=True, choices=list(ANNOTATED_SETS), help='17, 133 or 308 keypoints'
    )
    parser.add_argument('--images', help='folder of the images; not looked at unless given')
    parser.add_argument(
        '--skip-image-size',
        action='store_true',
        help='do not open the images to compare their sizes',
    )
    parser.add_argument(
        '--max-per-kind',
        type=int,
        default=3,
        help='places to print of each kind of fault; 3 unless told otherwise',
    )
    parser.add_argument('--json', help='write all faults to this file')
    parsed = parser.parse_args(args)
    if not os.path.isfile(parsed.annotations):
        parser.error(f'{parsed.annotations} does not exist')
    if parsed.images is not None and not os.path.isdir(parsed.images):
        parser.error(f'--images: there is no folder {parsed.images}')
    return parsed


def show_progress(entries: Sequence, name: str) -> Iterable:
    """A bar for a list, on the terminal's error stream."""
    console = Console(stderr=True)
    return track(entries, description=name, console=console, transient=True)


def main(args: Sequence[str] | None = None) -> int:
    """Check, print, and return the exit code."""
    parsed = parse_args(args)
    folder = None
    if parsed.images is not None:
        folder = validation.ImageFolder(parsed.images, with_size=not parsed.skip_image_size)
    faults = validation.validate_file(
        parsed.annotations, parsed.vocabulary, folder=folder, track=show_progress
    )
    print(fault_report.format_faults(faults, parsed.max_per_kind))
    if parsed.json:
        fault_report.write_faults(faults, parsed.json)
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
