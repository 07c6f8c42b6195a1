"""``mmsapiens features``."""

from __future__ import annotations

from typing import Any

import click

from .output import json_option
from .progress import RunProgress, conclude, image_errors, make_read_options, read_options


@click.command('features')
@click.argument('inputs', nargs=-1, required=True)
@click.option('--out', '-o', default='features', show_default=True, help='Folder.')
@click.option(
    '--model',
    '-m',
    default='sapiens-0.3b',
    show_default=True,
    help='sapiens-0.3b, -0.6b, -1b or -2b; its pretrained encoder.',
)
@click.option('--weights', '-w', help='A pretrained or fine-tuned checkpoint instead.')
@click.option(
    '--kind',
    '-k',
    'kinds',
    type=click.Choice(['dense', 'mean', 'cls']),
    multiple=True,
    default=('dense',),
    show_default=True,
    help='A map (D, h, w); the mean of all patches (D); the class token (D). May be repeated.',
)
@click.option(
    '--size',
    'size_hw',
    type=click.IntRange(min=16),
    nargs=2,
    default=(1024, 1024),
    show_default=True,
    metavar='HEIGHT WIDTH',
    help='What images are resized to.',
)
@click.option('--device', help='Such as cuda:0 or cpu.')
@click.option(
    '--dtype',
    type=click.Choice(['float32', 'bfloat16', 'float16']),
    default='float32',
    show_default=True,
)
@click.option('--batch-size', type=click.IntRange(min=1), default=4, show_default=True)
@click.option('--workers', type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    '--mode',
    type=click.Choice(['default', 'lite']),
    default='default',
    show_default=True,
    help="'lite' resizes and normalizes as the reference's small demo.",
)
@read_options
@click.option('--overwrite', is_flag=True, help='Replace features of other weights or options.')
@click.option('--quiet', '-q', is_flag=True, help='No progress bar.')
@json_option
def command(
    inputs: tuple[str, ...],
    out: str,
    kinds: tuple[str, ...],
    quiet: bool,
    json: bool,
    **options: Any,
) -> int:
    """Write features of INPUTS, which are as for `mmsapiens infer`.

    Arrays go to a folder as OUT/KIND/NAME.npy, float32. They are those of the last layer after its
    norm, without the class token.
    """
    from ..inference.features import FeatureExtractor
    from .quiet import warnings_only

    names = ('weights', 'device', 'dtype', 'batch_size', 'workers', 'mode')
    with warnings_only():
        extractor = FeatureExtractor(
            options['model'],
            size_hw=tuple(options['size_hw']),
            **{name: options[name] for name in names},
        )
        with image_errors(), RunProgress(quiet or json) as progress:
            summary = extractor.run(
                inputs[0] if len(inputs) == 1 else list(inputs),
                out,
                kinds=kinds,
                read=make_read_options(options),
                overwrite=options['overwrite'],
                on_start=progress.start,
                on_item=progress.item,
            )
    return conclude(summary, json, kinds=list(kinds))
