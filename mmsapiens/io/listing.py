"""Which files a folder or pattern stands for."""

import glob
import os
from collections.abc import Collection, Iterator
from itertools import takewhile
from pathlib import Path

from PIL import Image

_VIDEOS = """
.264 .265 .3g2 .3gp .asf .avi .dv .f4v .flv .h264 .h265 .hevc .m2ts .m2v .m4v .mjpeg .mjpg .mkv
.mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogv .qt .ts .vob .webm .wmv .y4m
"""
_OTHERS = '.bufr .emf .eps .fit .fits .grib .h5 .hdf .pdf .ps .wmf'
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
"""Of images that have maps beside them."""
PLAIN_IMAGE_SUFFIXES = (*IMAGE_SUFFIXES, '.bmp', '.tif', '.tiff')
"""Of images without targets."""
LIST_SUFFIXES = ('.txt', '.lst')
"""Of files with a path in each line."""
VIDEO_SUFFIXES = frozenset(_VIDEOS.split())
_NOT_IMAGES = VIDEO_SUFFIXES.union(_OTHERS.split())
_MORE_IMAGES = frozenset(('.heic', '.heif', '.avif', '.jpg', '.png'))


def is_video_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of a video."""
    return f'_{os.fspath(path)}'.lower().endswith(tuple(VIDEO_SUFFIXES))


def is_image_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name ends like that of an image."""
    suffix = Path(path).suffix.lower()
    is_read = suffix not in _NOT_IMAGES and suffix in Image.registered_extensions()
    return is_read or suffix in _MORE_IMAGES


def list_folder(folder: Path, *, recursive: bool = True, exclude: Path | None = None) -> list[Path]:
    """Images and videos of a folder by their paths, without hidden ones and those in ``exclude``.
    Links to folders are followed last, and no folder is read twice; what leads nowhere or may not
    be read is in the list, to fail as an input.
    """
    found: list[Path] = []
    unread: list[OSError] = []
    seen = {os.path.realpath(exclude)} if exclude is not None else set()
    tops = [folder]
    for top in tops:  # which grows
        for place, folders, files in os.walk(top, onerror=unread.append):
            real = os.path.realpath(place)
            if real in seen and place != str(folder):
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(f for f in folders if recursive and not f.startswith('.'))
            tops += [Path(place, name) for name in folders if os.path.islink(Path(place, name))]
            shown = [Path(place, name) for name in files if not name.startswith('.')]
            found += [p for p in shown if is_image_name(p) or is_video_name(p) or _is_lost(p)]
    found += [Path(error.filename) for error in unread]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def scan_folder(
    folder: str | Path, suffixes: Collection[str] = PLAIN_IMAGE_SUFFIXES
) -> Iterator[str]:
    """Names of files below ``folder``, relative to it with '/' between folders, sorted.

    Links to folders are followed, but no folder is visited inside itself. Hidden files and folders,
    those of macOS beside every image for instance, are left out. ``suffixes`` are in small letters.
    """

    def visit(prefix: str, above: frozenset[str]) -> Iterator[str]:
        here = os.path.realpath(os.path.join(folder, prefix))
        if here in above:
            return
        with os.scandir(here) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
        for name, is_folder in found:
            if name.startswith('.'):
                continue
            if is_folder:
                yield from visit(f'{prefix}{name}/', above | {here})
            elif name.lower().endswith(tuple(suffixes)):
                yield prefix + name

    return visit('', frozenset())


def _is_lost(path: Path) -> bool:
    """Whether it is a link to what may have been a folder and is not there."""
    return not path.suffix and path.is_symlink() and not path.exists()


def read_list(path: Path) -> list[str] | None:
    """Lines of a text file of inputs, as from here, or else beside it; None if it is no text."""
    content = path.read_bytes()
    encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'utf-8-sig'
    if encoding != 'utf-16' and b'\0' in content:
        return None
    lines = content.decode(encoding, 'surrogateescape').splitlines()
    texts = [line.strip().strip('"') for line in lines]
    beside = [str(path.parent / text) for text in texts]
    return [
        other if not os.path.exists(text) and os.path.exists(other) else text
        for text, other in zip(texts, beside)
        if text and not text.startswith('#')
    ]


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
    """Files that match a pattern, each once, without those in ``exclude`` unless it is outside."""
    paths = [Path(path) for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]
    if exclude is not None:
        left_out, root = exclude.resolve(), glob_root(pattern).resolve()
        if left_out not in (root, *root.parents):
            paths = [p for p in paths if left_out not in p.resolve().parents]
    shortest: dict[tuple[str, str], Path] = {}

    def by_links(path: Path) -> tuple[bool, int, tuple[str, ...]]:
        is_linked = os.path.realpath(path.parent) != os.path.abspath(path.parent)
        return is_linked, len(path.parts), path.parts

    for path in sorted(paths, key=by_links):
        shortest.setdefault((os.path.realpath(path.parent), path.name), path)
    return sorted(shortest.values(), key=lambda path: path.parts)
