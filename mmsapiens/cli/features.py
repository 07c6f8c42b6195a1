"""``mmsapiens features``."""

from typing import Any

import click

from .image_runs import pick, run_and_report, run_options
from .output import option
from .unused import inputs_have, tell_unused


@click.command('features')
@click.argument('inputs', nargs=-1, required=True)
@option('--out -o', 'Folder.', default='features')
@option(
    '--model -m', 'sapiens-0.3b, -0.6b, -1b or -2b; its pretrained encoder.', default='sapiens-0.3b'
)
@option('--weights -w', 'A pretrained or fine-tuned checkpoint instead.')
@option('--task', 'What a fine-tuned checkpoint is for, where it does not say so.')
@option(
    '--kind -k kinds',
    'A map (D, h, w); the mean of all patches (D); the class token (D). May be repeated.',
    click.Choice(['dense', 'mean', 'cls']),
    multiple=True,
    default=('dense',),
)
@option(
    '--size size_hw',
    'What images are resized to.  [default: as the checkpoint was trained]',
    click.IntRange(min=16),
    nargs=2,
    metavar='HEIGHT WIDTH',
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
        names = 'model weights task device dtype size_hw batch_size workers mode'
        made = FeatureExtractor(kinds=kinds, **pick(options, names))
        if not options['quiet']:
            (height, width), (rows, columns) = made.size_hw, made.grid
            text = f'images are resized to {height}x{width}: {rows}x{columns} = {rows * columns} '
            click.echo(f'{text}tokens of {made.encoder.embed_dims} numbers', err=True)
        return made

    arguments = dict(kinds=kinds, overwrite=options['overwrite'])
    return run_and_report(make, inputs, out, options, arguments, dict(kinds=list(kinds)))
