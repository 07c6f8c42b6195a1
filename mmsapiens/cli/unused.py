"""Options that were given and cannot change anything with these inputs and tasks."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

WHY = {
    'videos': 'no input is a video, URL or camera',
    'folders': 'no input is a folder',
    'poses': 'no task is of poses',
    'boxes': 'each image is taken for one person',
    'detector': 'people are not detected',
    'file': 'no file of people is given',
    'maps': 'no maps are written',
    'drawings': 'nothing is drawn',
    'annotated': 'no video is written',
    'released': 'all weights are given',
    'given': 'no weights are given',
    'files': 'only releases have formats',
}
"""What may be missing -> why an option that needs it changes nothing."""
NEEDS = {
    'frame_step': 'videos',
    'start_s': 'videos',
    'end_s': 'videos',
    'max_frames': 'videos',
    'no_recursive': 'folders',
    'model': 'released',
    'task': 'given',
    'file_format': 'files',
    'track': 'poses videos',
    'smooth': 'poses videos',
    'video': 'videos',
    'show': 'annotated videos',
    'frame_pictures': 'drawings videos',
    'people': 'poses',
    'category': 'poses file',
    'fallback': 'poses boxes',
    'detector': 'poses detector',
    'box_threshold': 'poses detector',
    'nms_threshold': 'poses detector',
    'max_people': 'poses detector',
    'map_format': 'maps',
    'threshold': 'poses drawings',
}
"""Option -> what it needs."""


def tell_unused(has: Mapping[str, Callable[[], bool]]) -> None:
    """Print a line for each option of the command line that changes nothing.

    ``has`` asks for keys of :data:`WHY`; those that it does not have are there.
    """
    context = click.get_current_context()
    for option in context.command.params:
        if context.get_parameter_source(str(option.name)) is not ParameterSource.COMMANDLINE:
            continue
        if option.name == 'video' and not context.params['video']:
            continue
        for need in NEEDS.get(str(option.name), '').split():
            if need in has and not has[need]():
                click.echo(f'note: {option.opts[0]} changes nothing: {WHY[need]}', err=True)
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
