"""``mmsapiens convert``."""

from typing import Any

import click

from .output import DTYPES, as_json, flag, json_option, option


@click.command('convert')
@click.argument('source')
@click.argument('target')
@flag('--encoder-only', 'Keep the encoder alone, without `backbone.`, as the `_clean` files are.')
@option('--dtype', 'Convert floating-point weights.', DTYPES)
@option(
    '--task',
    'What its head is for, such as normal or seg-28, where the file does not say it.',
    metavar='NAME',
)
@option(
    '--base',
    'Where SOURCE is an adapter: the file that it was trained on. TARGET holds both.',
    metavar='FILE',
)
@flag('--no-hash', 'Do not add the first digits of the SHA-256 to the name.')
@flag('--trust-pickle', 'Let code in the source file run; only for files you trust.')
@json_option
def command(
    source: str,
    target: str,
    base: str | None,
    no_hash: bool,
    trust_pickle: bool,
    json: bool,
    **options: Any,
) -> None:
    """Convert SOURCE, a checkpoint of any released layout, to TARGET.

    SOURCE is a file or a folder in shards. The suffix of TARGET, .safetensors or .pth, selects the
    format. Optimizer states are dropped.
    """
    from ..checkpoints import convert_checkpoint, merge_adapters

    if base is not None:
        if given := [name for name, value in options.items() if value]:
            raise click.UsageError(f'--base goes without {given}: convert what it makes')
        path = merge_adapters(base, source, target, with_hash=not no_hash)
        as_json(dict(source=source, path=str(path))) if json else click.echo(f'wrote {path}')
        return

    info, path = convert_checkpoint(
        source, target, with_hash=not no_hash, trust_pickle=trust_pickle or None, **options
    )
    size = path.stat().st_size
    if json:
        as_json(dict(source=source, is_a=str(info), path=str(path), bytes=size))
        return
    click.echo(f'{source}: {info}')
    click.echo(f'wrote {path} ({size / 2**20:.1f} MiB)')
