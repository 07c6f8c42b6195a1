"""Which files belong together: images and maps of equal names.

A name is the path below the folder without its suffix. Everything is sorted, so that each process
lists the same samples in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mmengine import fileio

from ...io.listing import IMAGE_SUFFIXES

IMAGE_KEY = 'img_path'
MAP_SUFFIXES = ('.png', '.npy', '.npz', '.exr')
REFUSED_SUFFIXES = ('.jpg', '.jpeg')
"""Listed among maps, so that their refusal names the file."""


@dataclass(frozen=True)
class Unpaired:
    """A name whose files do not make a sample.

    Attributes:
        kind (str): 'missing_image', 'missing_map' or 'several_files'.
        path (str): The file that is there, or the folder.
        message (str): What is missing, or too much.
    """

    kind: str
    path: str
    message: str


@dataclass
class Listing:
    """Samples of a group of folders.

    Attributes:
        samples (list[dict[str, str]]): ``img_path`` and ``<field>_path`` of each complete sample,
            sorted by the image.
        unpaired (list[Unpaired]): The names that were left out.
    """

    samples: list[dict[str, str]] = field(default_factory=list)
    unpaired: list[Unpaired] = field(default_factory=list)


def list_files(
    folder: str, suffixes: Collection[str], backend_args: dict | None = None
) -> dict[str, list[str]]:
    """Files of a folder and of those in it, hidden ones left out.

    Args:
        folder (str): Where.
        suffixes (Collection[str]): With the dot, lower case; those of files may be in capitals.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Returns:
        dict[str, list[str]]: Name -> sorted paths, sorted by name.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if not fileio.isdir(folder, backend_args=backend_args):
        raise FileNotFoundError(f'there is no folder {folder}')
    files: dict[str, list[str]] = {}
    for path in sorted(
        fileio.list_dir_or_file(folder, list_dir=False, recursive=True, backend_args=backend_args)
    ):
        name, suffix = os.path.splitext(path)
        if suffix.lower() in suffixes:
            full = fileio.join_path(folder, path, backend_args=backend_args)
            files.setdefault(name, []).append(full)
    return dict(sorted(files.items()))


def pair_files(
    folders: Mapping[str, str],
    suffixes: Mapping[str, Collection[str]],
    names: Sequence[str] | None = None,
    backend_args: dict | None = None,
) -> Listing:
    """Find the samples of a group of folders.

    Args:
        folders (Mapping[str, str]): ``img_path`` and ``<field>_path`` -> folder.
        suffixes (Mapping[str, Collection[str]]): Likewise -> suffixes.
        names (Sequence[str], optional): Those to take; a suffix of an image may be there. Defaults
            to None, all.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Raises:
        FileNotFoundError: If a folder does not exist.
    """
    files = {
        key: list_files(folder, suffixes[key], backend_args) for key, folder in folders.items()
    }
    if names is None:
        wanted = sorted(set().union(*files.values()))
    else:
        wanted = [_without_suffix(name) for name in names]
    listing = Listing()
    for name in wanted:
        found = {key: files[key].get(name, []) for key in folders}
        problem = _find_problem(name, found, folders)
        if problem is None:
            listing.samples.append({k: v[0] for k, v in found.items()})
        else:
            listing.unpaired.append(problem)
    listing.samples.sort(key=lambda sample: sample[IMAGE_KEY])
    return listing


def _without_suffix(name: str) -> str:
    start, suffix = os.path.splitext(name)
    return start if suffix.lower() in IMAGE_SUFFIXES else name


def _find_problem(
    name: str, found: Mapping[str, Sequence[str]], folders: Mapping[str, str]
) -> Unpaired | None:
    for paths in found.values():
        if len(paths) > 1:
            others = ', '.join(map(os.path.basename, paths))
            return Unpaired(
                'several_files',
                paths[0],
                f'{others} have one name, so that it is not known which is meant',
            )
    there = next((paths[0] for paths in found.values() if paths), None)
    for key, paths in found.items():
        if paths:
            continue
        is_image = key == IMAGE_KEY
        return Unpaired(
            'missing_image' if is_image else 'missing_map',
            there or f'{folders[IMAGE_KEY]}/{name}',
            f'there is no {"image" if is_image else "map"} of the name {name} in {folders[key]}',
        )
    return None
