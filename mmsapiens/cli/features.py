"""``mmsapiens features``."""

from __future__ import annotations

from typing import Any

import click

from .image_runs import pick, run_and_report, run_options


@click.command('features')
@click.argument('inputs', nargs=-1, required=True)
@click.option('--out', '-o', default='features', help='Folder.')
@click.option(
    '--model',
    '-m',
    default='sapiens-0.3b',
    help='sapiens-0.3b, -0.6b, -1b or -2b; its pretrained encoder.',
)
@click.option('--weights', '-w', help='A pretrained or fine-tuned checkpoint instead.')
@click.option('--task', help='What a fine-tuned checkpoint is for, where it does not say so.')
@click.option(
    '--kind',
    '-k',
    'kinds',
    type=click.Choice(['dense', 'mean', 'cls']),
    multiple=True,
    default=('dense',),
    help='A map (D, h, w); the mean of all patches (D); the class token (D). May be repeated.',
)
@click.option(
    '--size',
    'size_hw',
    type=click.IntRange(min=16),
    nargs=2,
    default=(1024, 1024),
    metavar='HEIGHT WIDTH',
    help='What images are resized to.',
)
@run_options
def command(inputs: tuple[str, ...], out: str, kinds: tuple[str, ...], **options: Any) -> int:
    """Write features of INPUTS, which are as for `mmsapiens infer`.

    Arrays go to a folder as OUT/KIND/NAME.npy, float32. They are those of the last layer after its
    norm, without the class token.
    """

    def make() -> Any:
        from ..inference.features import FeatureExtractor

        return FeatureExtractor(
            options['model'],
            size_hw=tuple(options['size_hw']),
            **pick(options, 'weights task device dtype batch_size workers mode'),
        )

    arguments = dict(kinds=kinds, overwrite=options['overwrite'])
    return run_and_report(make, inputs, out, options, arguments, kinds=list(kinds))
