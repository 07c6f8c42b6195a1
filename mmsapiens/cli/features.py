"""``mmsapiens features``."""

from typing import Any

import click

from .image_runs import pick, run_and_report, run_options
from .unused import inputs_have, tell_unused


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
    metavar='HEIGHT WIDTH',
    help='What images are resized to.  [default: as the checkpoint was trained]',
)
@run_options
def command(inputs: tuple[str, ...], out: str, kinds: tuple[str, ...], **options: Any) -> int:
    """Write features of INPUTS, which are as for `mmsapiens infer`.

    Arrays go to a folder as OUT/KIND/NAME.npy, float32. They are those of the last layer after its
    norm, without the class token.
    """

    def make() -> Any:
        from ..inference.features import FeatureExtractor

        given = options['weights'] is not None
        has = dict(released=lambda: not given, given=lambda: given)
        tell_unused({**inputs_have(inputs, options), **has})
        made = FeatureExtractor(
            kinds=kinds,
            **pick(options, 'model weights task device dtype size_hw batch_size workers mode'),
        )
        if not options['quiet']:
            (height, width), (rows, columns) = made.size_hw, made.grid
            click.echo(
                f'images are resized to {height}x{width}: {rows}x{columns} = {rows * columns} '
                f'tokens of {made.encoder.embed_dims} numbers',
                err=True,
            )
        return made

    arguments = dict(kinds=kinds, overwrite=options['overwrite'])
    return run_and_report(make, inputs, out, options, arguments, dict(kinds=list(kinds)))
