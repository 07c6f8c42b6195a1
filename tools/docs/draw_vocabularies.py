#!/usr/bin/env python
"""Write docs/vocabularies.md: each vocabulary drawn with its indices."""

import argparse
from collections.abc import Sequence

import mmsapiens  # noqa: F401  before the hosts: makes them importable
from charts.vocabulary_page import write_page


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--output-dir',
        default='docs',
        help='folder for the page, and images/ in it; docs unless told otherwise',
    )
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> None:
    """Write the page and its images."""
    for path in write_page(parse_args(args).output_dir):
        print(path)


if __name__ == '__main__':
    main()
