"""Options that were given and cannot change anything with these inputs and tasks."""

import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

NEEDS = {
    'poses': (
        'no task is of poses',
        'track smooth people category fallback detector box_threshold nms_threshold max_people '
        'threshold',
    ),
    'boxes': ('each image is taken for one person', 'fallback'),
    'detector': ('people are not detected', 'detector box_threshold nms_threshold max_people'),
    'file': ('no file of people is given', 'category'),
    'maps': ('no maps are written', 'map_format'),
    'drawings': ('nothing is drawn', 'frame_pictures threshold'),
    'annotated': ('no video is written', 'show'),
    'videos': (
        'no input is a video, URL or camera',
        'frame_step start_s end_s max_frames track smooth video show frame_pictures',
    ),
    'folders': ('no input is a folder', 'no_recursive'),
    'released': ('all weights are given', 'model'),
    'given': ('no weights are given', 'task'),
    'files': ('only releases have formats', 'file_format'),
}
"""What may be missing -> why an option changes nothing then, and the options that need it."""


def tell_unused(has: Mapping[str, Callable[[], bool]]) -> None:
    """Print options that change nothing; ``has`` asks for keys of :data:`NEEDS` that may miss."""
    context = click.get_current_context()
    for option in context.command.params:
        if context.get_parameter_source(str(option.name)) is not ParameterSource.COMMANDLINE:
            continue
        if option.name == 'video' and not context.params['video']:
            continue
        for need, (why, names) in NEEDS.items():
            if need in has and option.name in names.split() and not has[need]():
                click.echo(f'note: {option.opts[0]} changes nothing: {why}', err=True)
                break


def inputs_have(inputs: tuple[str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
    """What may be asked of the inputs, for :func:`tell_unused`."""
    return dict(
        videos=lambda: any(_may_be_video(text, not options['no_recursive']) for text in inputs),
        folders=lambda: any(Path(text).expanduser().is_dir() for text in inputs),
    )


def _may_be_video(text: str, recursive: bool) -> bool:
    from ..io.listing import LIST_SUFFIXES, list_folder, read_list
    from ..io.videos import is_video_file

    path = Path(text).expanduser()
    if path.is_dir():
        return any(map(is_video_file, list_folder(path, recursive=recursive)))
    if path.suffix in LIST_SUFFIXES and path.is_file():
        return any(_may_be_video(line, recursive) for line in read_list(path) or ())
    if path.exists():
        return is_video_file(path)
    if glob.has_magic(text) and '://' not in text:
        return any(map(is_video_file, map(Path, glob.glob(str(path), recursive=True))))
    return True  # a URL or a camera; what does not exist is an error
