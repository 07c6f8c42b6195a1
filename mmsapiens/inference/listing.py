"""Which files a folder or pattern stands for."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from PIL import Image

_VIDEOS = """
.3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv
"""
_OTHERS = '.bufr .emf .eps .fit .fits .grib .h5 .hdf .pdf .ps .wmf'
VIDEO_SUFFIXES = frozenset(_VIDEOS.split())
_NOT_PICTURES = VIDEO_SUFFIXES.union(_OTHERS.split())
_MORE_PICTURES = frozenset(('.heic', '.heif', '.avif', '.jpg', '.png'))


def is_video_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of a video."""
    return f'_{os.fspath(path)}'.lower().endswith(tuple(VIDEO_SUFFIXES))


def is_picture_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of a picture."""
    suffix = Path(path).suffix.lower()
    if suffix in _MORE_PICTURES:
        return True
    return suffix not in _NOT_PICTURES and (
        suffix in Image.registered_extensions()
    )


def list_folder(
    folder: Path, *, recursive: bool = True, exclude: Path | None = None
) -> list[Path]:
    """Pictures and videos of a folder, in the order of their paths.

    Hidden files and folders, and files of other kinds, are left out; links
    to folders are not followed.

    Args:
        folder (Path): To look into.
        recursive (bool): Whether to go into its folders. Defaults to True.
        exclude (Path, optional): A folder to leave out, such as that of the
            results. Defaults to None.

    Returns:
        list[Path]: Below ``folder``, sorted.
    """
    found = []
    left_out = exclude.resolve() if exclude is not None else None
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if recursive
            and not name.startswith('.')
            and Path(place, name).resolve() != left_out
        ]
        found += [
            Path(place, name)
            for name in files
            if not name.startswith('.')
            and (is_picture_name(name) or is_video_name(name))
        ]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def glob_root(pattern: str) -> Path:
    """The part of a pattern in front of its first wildcard."""
    parts = Path(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed) if fixed else Path()


def list_pattern(pattern: str, *, exclude: Path | None = None) -> list[Path]:
    """Files that match a pattern; ``**`` stands for any folders.

    Args:
        pattern (str): Of the module ``glob``.
        exclude (Path, optional): A folder to leave out. Defaults to None.

    Returns:
        list[Path]: Sorted.
    """
    paths = [
        Path(path)
        for path in glob.glob(pattern, recursive=True)
        if os.path.isfile(path)
    ]
    if exclude is not None:
        left_out = exclude.resolve()
        paths = [p for p in paths if left_out not in p.resolve().parents]
    return sorted(paths, key=lambda path: path.parts)
