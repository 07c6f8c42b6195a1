#!/usr/bin/env python
"""Serve a page that shows an image to the networks of all tasks."""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mmsapiens import SapiensInferencer
from mmsapiens.cli.infer import ALL_TASKS
from mmsapiens.models.tasks import DEFAULT_MODEL, family_and_size


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--model', default=DEFAULT_MODEL, help='such as sapiens-1b or sapiens2-1b')
    tasks = ', or with sapiens2 '.join(','.join(each) for each in ALL_TASKS.values())
    add('--tasks', help=f'separated by commas; by default {tasks}')
    for name in ('weights', 'config'):
        add(
            f'--{name}',
            action='append',
            default=[],
            metavar='TASK=FILE',
            help=f'{name} of your own; may be repeated',
        )
    add('--detector', help='weights of the person detector')
    add('--device', help='such as cuda:0; a GPU if there is one')
    add('--dtype', default='float32', help='or bfloat16, float16')
    add('--people', choices=['detect', 'image'], default='detect')
    add('--host', default='127.0.0.1', help='0.0.0.0 for other machines')
    add('--port', type=int, default=7860)
    add('--random-weights', action='store_true', help='for tests')
    return parser.parse_args()


def by_task(pairs: list[str], option: str) -> dict[str, str]:
    """Values of an option that is given as TASK=FILE.

    Args:
        pairs (list[str]): As they were given.
        option (str): Name for the message.

    Raises:
        ValueError: If one has another form.
    """
    for pair in pairs:
        if '=' not in pair:
            raise ValueError(
                f'`--{option}` must be TASK=FILE, such as depth=depth.pth, but got {pair!r}'
            )
    return dict(pair.split('=', 1) for pair in pairs)


def build_inferencer(args: argparse.Namespace) -> SapiensInferencer:
    """The networks that the command line asks for."""
    tasks = args.tasks.split(',') if args.tasks else ALL_TASKS[family_and_size(args.model)[0]]
    return SapiensInferencer(
        args.model,
        tasks,
        device=args.device,
        dtype=args.dtype,
        weights=by_task(args.weights, 'weights') or None,
        configs=by_task(args.config, 'config'),
        detector=args.detector,
        random_weights=args.random_weights,
    )


def main() -> None:
    """Serve the page until Ctrl-C."""
    args = parse_args()
    try:
        from web_demo.page import CSS, build_page, theme
    except ModuleNotFoundError as error:
        raise SystemExit(f'error: {error}; `pip install -r requirements/web.txt`') from None
    try:
        inferencer = build_inferencer(args)
    except (ImportError, KeyError, OSError, ValueError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        raise SystemExit(f'error: {text}') from None
    with tempfile.TemporaryDirectory(prefix='mmsapiens-') as folder:
        page = build_page(inferencer, Path(folder), args.people)
        page.queue(max_size=32).launch(
            server_name=args.host,
            server_port=args.port,
            allowed_paths=[folder],
            max_file_size='64mb',
            theme=theme(),
            css=CSS,
            share=False,
        )


if __name__ == '__main__':
    main()
