"""Which rendered images are for training and which for evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .stages import write_atomically

SPLITS = ('train', 'val')


def read_index(root: Path, count: int) -> list[dict[str, Any]]:
    """The first images of a set of renders.

    Args:
        root (Path): Folder of the renders.
        count (int): How many.

    Returns:
        list[dict]: ``name``, ``split``, ``subjects`` and others of each.

    Raises:
        ValueError: If there are fewer, or a subject is on both sides.
    """
    lines = (root / 'index.jsonl').read_text('utf-8').splitlines()
    if len(lines) < count:
        raise ValueError(f'{root} must have {count} images, but has {len(lines)}')
    entries = [json.loads(line) for line in lines[:count]]
    sides = [{s for e in entries if e['split'] == split for s in e['subjects']} for split in SPLITS]
    shared = sides[0] & sides[1]
    if shared:
        raise ValueError(
            f'{len(shared)} people of {root} are in both parts, for instance {min(shared)}'
        )
    return entries


def read_views(root: Path) -> dict[str, str]:
    """Name of each image of a set of renders -> its kind of view."""
    lines = (root / 'index.jsonl').read_text('utf-8').splitlines()
    entries = [json.loads(line) for line in lines]
    return {entry['name']: entry['view'] for entry in entries}


def only_images(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """A COCO file for some of its images.

    Args:
        document (dict): Content of the file.
        names (set[str]): Names of images, without their endings.

    Returns:
        dict: Likewise, shorter.
    """
    images = [i for i in document['images'] if Path(i['file_name']).stem in names]
    ids = {image['id'] for image in images}
    people = [a for a in document['annotations'] if a['image_id'] in ids]
    return {**document, 'images': images, 'annotations': people}


def write_lists(root: Path, count: int, out: Path) -> None:
    """Lists of names and COCO files for training and evaluation.

    Args:
        root (Path): Folder of the renders.
        count (int): Number of images to use, the first ones.
        out (Path): Folder for ``{train,val}.{txt,json}``; ``val.json`` comes last.
    """
    entries = read_index(root, count)
    path = root / 'annotations/person_keypoints.json'
    document = json.loads(path.read_text('utf-8'))
    for split in SPLITS:
        names = [e['name'] for e in entries if e['split'] == split]
        text = ''.join(f'{name}\n' for name in names)
        write_atomically(out / f'{split}.txt', text)
        part = only_images(document, set(names))
        write_atomically(out / f'{split}.json', json.dumps(part))
