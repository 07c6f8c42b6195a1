"""Which files a folder or pattern stands for."""

from __future__ import annotations

import glob
import os
from itertools import takewhile
from pathlib import Path

from PIL import Image

_VIDEOS = '.3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv'
_OTHERS = '.bufr .emf .eps .fit .fits .grib .h5 .hdf .pdf .ps .wmf'
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
"""Of images that have maps beside them."""
PLAIN_IMAGE_SUFFIXES = (*IMAGE_SUFFIXES, '.bmp', '.tif', '.tiff')
"""Of images without targets."""
VIDEO_SUFFIXES = frozenset(_VIDEOS.split())
_NOT_IMAGES = VIDEO_SUFFIXES.union(_OTHERS.split())
_MORE_IMAGES = frozenset(('.heic', '.heif', '.avif', '.jpg', '.png'))


def is_video_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of a video."""
    return f'_{os.fspath(path)}'.lower().endswith(tuple(VIDEO_SUFFIXES))


def is_image_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of an image."""
    suffix = Path(path).suffix.lower()
    if suffix in _MORE_IMAGES:
        return True
    return suffix not in _NOT_IMAGES and (suffix in Image.registered_extensions())


def list_folder(folder: Path, *, recursive: bool = True, exclude: Path | None = None) -> list[Path]:
    """Images and videos of a folder, in the order of their paths, without hidden ones and those in
    ``exclude``; links to folders are not followed.
    """
    found = []
    left_out = exclude.resolve() if exclude is not None else None
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if recursive and not name.startswith('.') and Path(place, name).resolve() != left_out
        ]
        found += [
            Path(place, name)
            for name in files
            if not name.startswith('.') and (is_image_name(name) or is_video_name(name))
        ]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def glob_root(pattern: str) -> Path:
    """The part of a pattern in front of its first wildcard."""
    return Path(*takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts[:-1]))


def check_results_apart(text: str, results: Path, *, recursive: bool = True) -> None:
    """Refuse a folder of results that is the folder of inputs; one inside of it is left out."""
    path = Path(text).expanduser()
    if path.is_dir():
        root, goes_deeper = path, recursive
    elif not path.exists() and glob.has_magic(text):
        root = glob_root(str(path))
        goes_deeper = len(path.parts) > len(root.parts) + 1
    else:
        return
    if goes_deeper and root.resolve() == results.resolve():
        raise ValueError(
            f'`out` must not be the folder of the inputs itself, but {text!r} looks for inputs '
            f'in all folders of {str(results)!r}: the next run could take results for inputs. '
            f'Choose another folder for `out`, such as {str(results / "results")!r}, which is '
            'left out.'
        )


def list_pattern(pattern: str, *, exclude: Path | None = None) -> list[Path]:
    """Files that match a pattern, sorted, without those in ``exclude`` unless it begins there."""
    paths = [Path(path) for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if exclude is not None:
        left_out, root = exclude.resolve(), glob_root(pattern).resolve()
        if left_out not in (root, *root.parents):
            paths = [p for p in paths if left_out not in p.resolve().parents]
    return sorted(paths, key=lambda path: path.parts)
