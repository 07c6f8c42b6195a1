"""``mmsapiens infer``."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from .image_runs import pick, run_and_report, run_options
from .output import POSITIVE, flag, option
from .unused import inputs_have, tell_unused

SHARE = click.FloatRange(0, 1)
OUTPUTS = ('keypoints', 'maps', 'masks', 'points', 'composites', 'overlays', 'panels')
DEFAULT_OUTPUTS = ('keypoints', 'maps', 'overlays', 'panels')
ALL_TASKS = {
    'sapiens': ('pose-308', 'seg-28', 'depth', 'normal'),
    'sapiens2': ('pose-308', 'seg-29', 'normal', 'pointmap'),
}
"""Family -> tasks that all its released sizes for tasks have."""


def split(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str] | None:
    """Callback of options with words between commas."""
    return None if text is None else [w.strip() for w in text.split(',') if w.strip()]


def outputs(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """Callback of ``--outputs``."""
    words = split(context, parameter, text)
    if words == [] or set(words or ()) - set(OUTPUTS):
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


task_files = partial(option, multiple=True, callback=pairs, metavar='[TASK=]FILE')


@click.command('infer')
@click.argument('inputs', nargs=-1, required=True)
@option('--out -o', 'Folder.', default='results')
@option(
    '--model -m',
    'sapiens-0.3b, -0.6b, -1b, -2b, or sapiens2-0.4b, -0.8b, -1b, -5b.  [default: that of '
    '--weights, or sapiens-0.3b]',
)
@option(
    '--tasks -t',
    'Names between commas; `mmsapiens list` shows them.  [default: what --weights are for, or '
    f'{",".join(ALL_TASKS["sapiens"])}, or of sapiens2 {",".join(ALL_TASKS["sapiens2"])}]',
    callback=split,
)
@task_files('--weights -w', 'A checkpoint instead of the released one, or a folder.')
@task_files('--config -c configs', 'A config of yours, if --weights have none.')
@option(
    '--flip/--no-flip flip_test',
    'Average with the mirrored image, or not; otherwise as the configs say.',
    default=None,
)
@flag('--compile', 'Compile the networks.')
@option(
    '--people', "'detect' (for poses), 'image' (otherwise), or a file of boxes in COCO's layout."
)
@option(
    '--category',
    'Name or id of the category of people in that file.  [default: person, or the only one]',
)
@option(
    '--fallback',
    'What an image is in which nobody is found.',
    click.Choice(['none', 'image']),
    default='none',
)
@option(
    '--detector',
    "Person detector: 'rtmdet' (the default where mmdet is installed), "
    "'fasterrcnn_resnet50_fpn_v2' (elsewhere), 'fasterrcnn_mobilenet_v3_large_fpn', or a "
    'checkpoint of one of them.',
)
@option('--box-threshold', 'Least score of a person.  [default: 0.3]', SHARE)
@option('--nms-threshold', 'Overlap at which of two people one is dropped.  [default: 0.3]', SHARE)
@option('--max-people', 'In an image.', POSITIVE)
@flag('--track', 'Number people in videos.')
@flag('--smooth', 'Smooth keypoints in videos; tracks too.')
@option('--video/--no-video', 'Write an annotated video of each video.', default=True)
@option('--show', 'What annotated videos show: panel, or a task.  [default: panel]')
@option(
    '--outputs',
    f'Some of {",".join(OUTPUTS)}.  [default: {",".join(DEFAULT_OUTPUTS)}]',
    callback=outputs,
)
@option('--background', "A color such as white or '#00b140', or an image file, behind mattes.")
@flag('--foreground', 'Points of people alone, where a parsing or matting task tells them.')
@option('--map-format', None, click.Choice(['npy', 'png', 'exr']), default='npy')
@option('--threshold', 'Least score of a keypoint that is drawn.', float, default=0.3)
@flag('--frame-pictures', 'Overlays and panels of every frame of a video.')
@flag('--strict', 'Stop at an input that cannot be read.')
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
        from ..models.tasks import DEFAULT_MODEL, family_and_size

        tasks = list(ALL_TASKS[family_and_size(options['model'] or DEFAULT_MODEL)[0]])

    told: dict[str, Any] = {}

    def make() -> Any:
        from ..inference.inferencer import SapiensInferencer

        detector = dict(weights=options['detector'], score_threshold=options['box_threshold'])
        detector |= pick(options, 'nms_threshold max_people')
        names = 'model device dtype weights configs batch_size workers flip_test compile mode'
        made = SapiensInferencer(
            tasks=tasks,
            detector={key: v for key, v in detector.items() if v is not None} or None,
            lazy=True,
            **pick(options, f'{names} random_weights'),
        )
        _tell_unused(inputs, made, options)
        told.update(model=options['model'], tasks=list(made.tasks))
        return made

    from ..inference.write_run import WriteOptions

    write = WriteOptions(
        outputs=tuple(options['outputs'] or DEFAULT_OUTPUTS),
        video=(options['show'] or 'panel') if options['video'] else None,
        **pick(options, 'map_format background foreground threshold frame_pictures overwrite'),
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
    outputs = options['outputs'] or DEFAULT_OUTPUTS
    draws = bool({'overlays', 'panels'} & set(outputs)) or options['video']
    people = options['people'] or ('detect' if made.has_pose else 'image')
    given = options['weights'] if isinstance(options['weights'], dict) else made.tasks
    has = dict(
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
    tell_unused(has)
