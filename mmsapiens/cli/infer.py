"""``mmsapiens infer``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from .image_runs import pick, run_and_report, run_options
from .output import POSITIVE
from .unused import inputs_have, tell_unused

SHARE = click.FloatRange(0, 1)
OUTPUTS = ('keypoints', 'maps', 'masks', 'overlays', 'panels')
ALL_TASKS = ('pose-308', 'seg-28', 'depth', 'normal')


def split(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str] | None:
    """Callback of options with words between commas."""
    if text is None:
        return None
    return [word.strip() for word in text.split(',') if word.strip()]


def outputs(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """Callback of ``--outputs``."""
    words = split(context, parameter, text)
    unknown = [word for word in words or () if word not in OUTPUTS]
    if unknown or words == []:
        allowed = ', '.join(OUTPUTS)
        raise click.BadParameter(f'must be some of {allowed}, but got {text!r}', context, parameter)
    return words


def pairs(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str] | str | None:
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
    return found or None


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
    f'{",".join(ALL_TASKS)}]',
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
    '--category',
    help='Name or id of the category of people in that file.  [default: person, or the only one]',
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
@click.option('--show', help='What annotated videos show: panel, or a task.  [default: panel]')
@click.option(
    '--outputs', callback=outputs, help=f'Some of {",".join(OUTPUTS)}.  [default: all but masks]'
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
def command(inputs: tuple[str, ...], out: str, tasks: list[str] | None, **options: Any) -> int:
    """Run tasks on INPUTS: images, folders, patterns, URLs, videos, streams, webcam, and
    text files with one of these in each line.

    Results go to a folder. The same command again continues where it was stopped, and makes
    nothing twice. Ctrl-C keeps what is done.

    Exit codes: 0 all is done, 1 some inputs could not be read, 2 a wrong argument or file, 3 a
    download failed, 130 Ctrl-C.
    """
    weights, configs = options['weights'], options['configs']
    if tasks is None and weights is None and configs is None:
        tasks = list(ALL_TASKS)

    told: dict[str, Any] = {}

    def make() -> Any:
        from ..inference.inferencer import SapiensInferencer

        detector = dict(
            weights=options['detector'],
            score_threshold=options['box_threshold'],
            **pick(options, 'nms_threshold max_people'),
        )
        made = SapiensInferencer(
            tasks=tasks,
            detector={key: v for key, v in detector.items() if v is not None} or None,
            lazy=True,
            **pick(
                options,
                'model device dtype weights configs batch_size workers flip_test compile mode '
                'random_weights',
            ),
        )
        _tell_unused(inputs, made, options)
        told.update(model=options['model'], tasks=list(made.tasks))
        return made

    from ..inference.write_run import WriteOptions
    from ..inference.writers import DEFAULT_OUTPUTS

    write = WriteOptions(
        outputs=tuple(options['outputs'] or DEFAULT_OUTPUTS),
        video=(options['show'] or 'panel') if options['video'] else None,
        **pick(options, 'map_format threshold frame_pictures overwrite'),
    )
    arguments = dict(pick(options, 'people fallback track smooth strict'), write=write)
    if options['category'] is not None and _is_file(options['people']):
        from ..detection.people_files import PeopleFile, plain_id

        path = Path(options['people']).expanduser()
        arguments['people'] = PeopleFile(path, category=plain_id(options['category']))
    return run_and_report(make, inputs, out, options, arguments, told)


def _is_file(people: str | None) -> bool:
    return people not in (None, 'detect', 'image')


def _tell_unused(inputs: tuple[str, ...], made: Any, options: Mapping[str, Any]) -> None:
    outputs = options['outputs'] or OUTPUTS
    draws = bool({'overlays', 'panels'} & set(outputs)) or options['video']
    people = options['people'] or ('detect' if made.has_pose else 'image')
    given = options['weights'] if isinstance(options['weights'], dict) else made.tasks
    tell_unused(
        dict(
            inputs_have(inputs, options),
            poses=lambda: made.has_pose,
            boxes=lambda: people != 'image',
            detector=lambda: people == 'detect',
            file=lambda: _is_file(people),
            maps=lambda: 'maps' in outputs and made.has_maps,
            drawings=lambda: draws,
            annotated=lambda: options['video'],
            released=lambda: not options['weights'] or set(made.tasks) > set(given),
        )
    )
