"""``mmsapiens infer``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .image_runs import pick, run_and_report, run_options
from .output import POSITIVE

SHARE = click.FloatRange(0, 1)
OUTPUTS = ('keypoints', 'maps', 'masks', 'overlays', 'panels')


def split(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str] | None:
    """Callback of options with words between commas."""
    if text is None:
        return None
    return [word.strip() for word in text.split(',') if word.strip()]


def pairs(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str] | str:
    """Callback of options such as ``--weights task=path``; one path alone is given as it is."""
    found: dict[str, str] = {}
    if len(words) == 1 and Path(words[0]).expanduser().exists():
        return words[0]
    for word in words:
        task, separator, path = word.partition('=')
        if not separator or not task or not path:
            reason = f'must be TASK=PATH, or one path that exists, but got {word!r}'
            raise click.BadParameter(reason, context, parameter)
        if task in found:
            raise click.BadParameter(f'{task!r} is given twice', context, parameter)
        found[task] = path
    return found


task_files = partial(click.option, multiple=True, callback=pairs, metavar='[TASK=]FILE')


@click.command('infer')
@click.argument('inputs', nargs=-1, required=True)
@click.option('--out', '-o', default='results', help='Folder.')
@click.option(
    '--model',
    '-m',
    help='sapiens-0.3b, -0.6b, -1b, -2b or -tiny.  [default: that of --weights, or sapiens-0.3b]',
)
@click.option(
    '--tasks',
    '-t',
    callback=split,
    help='Names between commas; `mmsapiens list` shows them.  [default: what --weights are for, or '
    'pose-308,seg-28,depth,normal]',
)
@task_files('--weights', '-w', help='A checkpoint instead of the released one, or a folder.')
@task_files('--config', '-c', 'configs', help='A config of yours, if --weights have none.')
@click.option(
    '--flip/--no-flip',
    'flip_test',
    default=None,
    help='Average with the mirrored image, or not; otherwise as the configs say.',
)
@click.option('--compile', is_flag=True, help='Compile the networks.')
@click.option(
    '--people',
    help="'detect' (for poses), 'image' (otherwise), or a file of boxes in COCO's layout.",
)
@click.option(
    '--fallback',
    type=click.Choice(['none', 'image']),
    default='none',
    help='What an image is in which nobody is found.',
)
@click.option(
    '--detector',
    help="Person detector: 'rtmdet' (the default where mmdet is installed), "
    "'fasterrcnn_resnet50_fpn_v2' (elsewhere), 'fasterrcnn_mobilenet_v3_large_fpn', or a "
    'checkpoint of one of them.',
)
@click.option('--box-threshold', type=SHARE, help='Least score of a person.  [default: 0.3]')
@click.option(
    '--nms-threshold',
    type=SHARE,
    help='Overlap at which of two people one is dropped.  [default: 0.3]',
)
@click.option('--max-people', type=POSITIVE, help='In an image.')
@click.option('--track', is_flag=True, help='Number people in videos.')
@click.option('--smooth', is_flag=True, help='Smooth keypoints in videos; tracks too.')
@click.option('--video/--no-video', default=True, help='Write an annotated video of each video.')
@click.option('--show', default='panel', help='What annotated videos show: panel, or a task.')
@click.option(
    '--outputs', callback=split, help=f'Some of {",".join(OUTPUTS)}.  [default: all but masks]'
)
@click.option('--map-format', type=click.Choice(['npy', 'png', 'exr']), default='npy')
@click.option(
    '--threshold', type=float, default=0.3, help='Least score of a keypoint that is drawn.'
)
@click.option(
    '--frame-pictures', is_flag=True, help='Overlays and panels of every frame of a video.'
)
@click.option('--strict', is_flag=True, help='Stop at an input that cannot be read.')
@click.option('--random-weights', is_flag=True, hidden=True)
@run_options
def command(
    inputs: tuple[str, ...], out: str, model: str | None, tasks: list[str] | None, **options: Any
) -> int:
    """Run tasks on INPUTS: images, folders, patterns, URLs, videos, streams, webcam, and
    text files with one of these in each line.

    Results go to a folder. The same command again continues where it was stopped, and makes
    nothing twice. Ctrl-C keeps what is done.

    Exit codes: 0 all is done, 1 some inputs could not be read, 2 a wrong argument or file, 3 a
    download failed, 130 Ctrl-C.
    """

    given = options['weights'] or options['configs']
    if tasks is None and not given:
        tasks = ['pose-308', 'seg-28', 'depth', 'normal']
    if model is None and not given:
        model = 'sapiens-0.3b'

    def make() -> Any:
        from ..inference.inferencer import SapiensInferencer

        detector = dict(
            weights=options['detector'],
            score_threshold=options['box_threshold'],
            **pick(options, 'nms_threshold max_people'),
        )
        return SapiensInferencer(
            model,
            tasks,
            weights=options['weights'] or None,
            configs=options['configs'] or None,
            detector={key: v for key, v in detector.items() if v is not None} or None,
            **pick(
                options, 'device dtype batch_size workers flip_test compile mode random_weights'
            ),
        )

    from ..inference.write_run import WriteOptions
    from ..inference.writers import DEFAULT_OUTPUTS

    write = WriteOptions(
        outputs=tuple(options['outputs'] or DEFAULT_OUTPUTS),
        video=options['show'] if options['video'] else None,
        **pick(options, 'map_format threshold frame_pictures overwrite'),
    )
    arguments = dict(pick(options, 'people fallback track smooth strict'), write=write)
    return run_and_report(make, inputs, out, options, arguments, model=model, tasks=tasks)
