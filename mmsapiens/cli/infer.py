"""``mmsapiens infer``."""

from __future__ import annotations

from typing import Any

import click

from .output import json_option
from .progress import RunProgress, conclude, image_errors, make_read_options, pairs, read_options

OUTPUTS = ('keypoints', 'maps', 'masks', 'overlays', 'panels')


def split(context: click.Context, parameter: click.Parameter, text: str | None) -> list[str] | None:
    """Callback of options with words between commas."""
    if text is None:
        return None
    return [word.strip() for word in text.split(',') if word.strip()]


@click.command('infer')
@click.argument('inputs', nargs=-1, required=True)
@click.option('--out', '-o', default='results', show_default=True, help='Folder.')
@click.option(
    '--model',
    '-m',
    default='sapiens-0.3b',
    show_default=True,
    help='sapiens-0.3b, -0.6b, -1b, -2b or -tiny.',
)
@click.option(
    '--tasks',
    '-t',
    default='pose-308,seg-28,depth,normal',
    show_default=True,
    callback=split,
    help='Names between commas; `mmsapiens list` shows them.',
)
@click.option(
    '--weights',
    '-w',
    multiple=True,
    callback=pairs,
    metavar='TASK=FILE',
    help='A checkpoint instead of the released one.',
)
@click.option(
    '--config',
    '-c',
    'configs',
    multiple=True,
    callback=pairs,
    metavar='TASK=FILE',
    help='A config of yours; it needs --weights.',
)
@click.option('--device', help='Such as cuda:0 or cpu.')
@click.option(
    '--dtype',
    type=click.Choice(['float32', 'bfloat16', 'float16']),
    default='float32',
    show_default=True,
)
@click.option(
    '--batch-size',
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help='People, or images, that a network sees at once.',
)
@click.option(
    '--workers',
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help='Threads that decode files, and as many that prepare crops.',
)
@click.option(
    '--flip/--no-flip',
    'flip_test',
    default=None,
    help='Average with the mirrored image, or not; otherwise as the configs say.',
)
@click.option('--compile', is_flag=True, help='Compile the networks.')
@click.option(
    '--mode',
    type=click.Choice(['default', 'lite']),
    default='default',
    show_default=True,
    help="'lite' gives the numbers of the reference's small demos.",
)
@click.option(
    '--people',
    help="'detect' (for poses), 'image' (otherwise), or a file of boxes in COCO's layout.",
)
@click.option(
    '--fallback',
    type=click.Choice(['none', 'image']),
    default='none',
    show_default=True,
    help='What an image is in which nobody is found.',
)
@click.option(
    '--detector',
    help="Person detector: 'rtmdet' (the default where mmdet is installed), "
    "'fasterrcnn_resnet50_fpn_v2' (elsewhere), 'fasterrcnn_mobilenet_v3_large_fpn', or a "
    'checkpoint of one of them.',
)
@click.option(
    '--box-threshold', type=click.FloatRange(0, 1), help='Least score of a person.  [default: 0.3]'
)
@click.option(
    '--nms-threshold',
    type=click.FloatRange(0, 1),
    help='Overlap at which of two people one is dropped.  [default: 0.3]',
)
@click.option('--max-people', type=click.IntRange(min=1), help='In an image.')
@click.option('--track', is_flag=True, help='Number people in videos.')
@click.option('--smooth', is_flag=True, help='Smooth keypoints in videos; tracks too.')
@click.option(
    '--video/--no-video',
    default=True,
    show_default=True,
    help='Write an annotated video of each video.',
)
@click.option(
    '--show',
    default='panel',
    show_default=True,
    help='What annotated videos show: panel, or a task.',
)
@click.option(
    '--outputs', callback=split, help=f'Some of {",".join(OUTPUTS)}.  [default: all but masks]'
)
@click.option(
    '--map-format', type=click.Choice(['npy', 'png', 'exr']), default='npy', show_default=True
)
@click.option(
    '--threshold',
    type=float,
    default=0.3,
    show_default=True,
    help='Least score of a keypoint that is drawn.',
)
@click.option(
    '--frame-pictures', is_flag=True, help='Overlays and panels of every frame of a video.'
)
@read_options
@click.option('--overwrite', is_flag=True, help='Replace results of other models or options.')
@click.option('--strict', is_flag=True, help='Stop at an input that cannot be read.')
@click.option('--quiet', '-q', is_flag=True, help='No progress bar.')
@click.option('--random-weights', is_flag=True, hidden=True)
@json_option
def command(
    inputs: tuple[str, ...],
    out: str,
    model: str,
    tasks: list[str],
    strict: bool,
    quiet: bool,
    json: bool,
    **options: Any,
) -> int:
    """Run tasks on INPUTS: images, folders, patterns, URLs, videos, webcam.

    Results go to a folder. The same command again goes on where it was stopped, and makes nothing
    twice. Ctrl-C keeps what is done.

    Exit codes: 0 all is done, 1 some inputs could not be read, 2 a wrong argument or file, 3 a
    download failed, 130 Ctrl-C.
    """
    from ..inference.inferencer import SapiensInferencer
    from ..inference.write_run import WriteOptions
    from ..inference.writers.build import DEFAULT_OUTPUTS
    from .quiet import warnings_only

    detector = dict(
        weights=options['detector'],
        score_threshold=options['box_threshold'],
        nms_threshold=options['nms_threshold'],
        max_people=options['max_people'],
    )
    given = {key: v for key, v in detector.items() if v is not None}
    write = WriteOptions(
        map_format=options['map_format'],
        threshold=options['threshold'],
        video=options['show'] if options['video'] else None,
        frame_pictures=options['frame_pictures'],
        overwrite=options['overwrite'],
        outputs=tuple(options['outputs'] or DEFAULT_OUTPUTS),
    )
    with warnings_only():
        inferencer = SapiensInferencer(
            model,
            tasks,
            device=options['device'],
            dtype=options['dtype'],
            weights=options['weights'] or None,
            configs=options['configs'],
            detector=given or None,
            batch_size=options['batch_size'],
            workers=options['workers'],
            flip_test=options['flip_test'],
            compile=options['compile'],
            mode=options['mode'],
            random_weights=options['random_weights'],
        )
        with image_errors(), RunProgress(quiet or json) as progress:
            summary = inferencer.run(
                inputs[0] if len(inputs) == 1 else list(inputs),
                out,
                people=options['people'],
                fallback=options['fallback'],
                track=options['track'],
                smooth=options['smooth'],
                strict=strict,
                read=make_read_options(options),
                write=write,
                on_start=progress.start,
                on_item=progress.item,
            )
    return conclude(summary, json, model=model, tasks=tasks)
