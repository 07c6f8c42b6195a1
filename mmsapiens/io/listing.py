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
    """Images and videos of a folder, in the order of their paths.

    Hidden files and folders, and files of other kinds, are left out; links to folders are not
    followed.

    Args:
        folder (Path): To look into.
        recursive (bool): Whether to go into its folders. Defaults to True.
        exclude (Path, optional): A folder to leave out, such as that of the results. Defaults to
            None.

    Returns:
        list[Path]: Below ``folder``, sorted.
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
    parts = Path(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed) if fixed else Path()


def check_results_apart(text: str, results: Path, *, recursive: bool = True) -> None:
    """Check that results are not read as inputs by the next run.

    A folder of results inside a folder of inputs is left out; one that is the folder of inputs
    cannot be.

    Args:
        text (str): Path of a file or folder, or a pattern.
        results (Path): Folder of the results, in folders of its own.
        recursive (bool): As in :func:`list_folder`. Defaults to True.

    Raises:
        ValueError: If inputs would be looked for among the results.
    """
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
            f'`out` must not be the folder of the inputs itself, but {text!r} '
            f'looks for inputs in all folders of {str(results)!r}: the next '
            'run could take results for inputs. Choose another folder for '
            f'`out`, such as {str(results / "results")!r}, which is left out.'
        )


def list_pattern(pattern: str, *, exclude: Path | None = None) -> list[Path]:
    """Files that match a pattern; ``**`` stands for any folders.

    Args:
        pattern (str): Of the module ``glob``.
        exclude (Path, optional): A folder to leave out, unless the pattern begins with a folder in
            it. Defaults to None.

    Returns:
        list[Path]: Sorted.
    """
    paths = [Path(path) for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if exclude is not None:
        left_out, root = exclude.resolve(), glob_root(pattern).resolve()
        if left_out not in (root, *root.parents):
            paths = [p for p in paths if left_out not in p.resolve().parents]
    return sorted(paths, key=lambda path: path.parts)
