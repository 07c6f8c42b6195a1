#!/usr/bin/env python
"""Turn polygons and masks of COCO or LabelMe files into label maps, a PNG for each image.

A pixel is inside where its center is: x from 2 to 12 covers the ten columns 2 to 11, as pycocotools
has it (OpenCV, Pillow and LabelMe draw the edge as well, eleven). Later shapes lie over earlier
ones.
"""

import argparse
import base64
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import numpy as np
from mmsapiens.classes.class_sets import (
    IGNORED,
    ClassSet,
    class_set_names,
    get_class_set,
    plain_name,
    read_class_set,
)
from mmsapiens.core.atomic_files import atomic_write
from mmsapiens.io import write_map
from PIL import Image

ROUND = 64
"""Corners of a circle."""


class Shape(NamedTuple):
    """A label of an image: name, what `to_mask` takes, whether it is a crowd, where it stands."""

    name: str
    outline: Any
    is_crowd: bool
    where: str


class Sheet(NamedTuple):
    """An image with its shapes."""

    file_name: str
    size_hw: tuple[int, int]
    shapes: list[Shape]


def to_mask(outline: Any, size_hw: tuple[int, int]) -> np.ndarray:
    """Pixels of polygons [[x, y, x, y, ...], ...], of an RLE of COCO, or of a mask; bool (H, W)."""
    from pycocotools import mask as coco

    if isinstance(outline, np.ndarray):
        return outline
    if isinstance(outline, dict):
        if list(outline['size']) != list(size_hw):
            raise ValueError(f'its RLE has the size {outline["size"]}, its image {list(size_hw)}')
        is_packed = isinstance(outline['counts'], (str, bytes))
        rle = outline if is_packed else coco.frPyObjects(outline, *size_hw)
    else:
        if not outline or any(len(ring) < 6 or len(ring) % 2 for ring in outline):
            raise ValueError('a polygon must have three corners at least')
        rle = coco.merge(coco.frPyObjects(outline, *size_hw))
    return coco.decode(rle).astype(bool)


def read_coco(path: Path, doc: dict) -> Iterator[Sheet]:
    """The images of a COCO file."""
    names = {each['id']: each['name'] for each in doc['categories']}
    shapes: dict[Any, list[Shape]] = {each['id']: [] for each in doc['images']}
    for each in doc['annotations']:
        where = f'annotation {each.get("id")} of {path}'
        if each['image_id'] not in shapes or each['category_id'] not in names:
            raise ValueError(f'{where} names an image or a category that the file does not have')
        shape = Shape(
            names[each['category_id']], each.get('segmentation'), bool(each.get('iscrowd')), where
        )
        shapes[each['image_id']].append(shape)
    for each in doc['images']:
        yield Sheet(each['file_name'], (each['height'], each['width']), shapes[each['id']])


def read_labelme(path: Path, doc: dict) -> Iterator[Sheet]:
    """The image of a LabelMe file."""
    size_hw = doc['imageHeight'], doc['imageWidth']
    shapes = []
    for number, each in enumerate(doc['shapes']):
        where = f'shape {number} of {path}'
        kind, points = each.get('shape_type') or 'polygon', np.array(each['points'], float)
        outline: Any = None  # a point or a line has no pixels
        if kind in ('polygon', 'oriented_rectangle'):
            outline = [points.ravel().tolist()]
        elif kind == 'rectangle' and len(points) >= 2:
            (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
            outline = [[left, top, right, top, right, bottom, left, bottom]]
        elif kind == 'circle' and len(points) == 2:
            turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
            edge = np.stack([np.cos(turn), np.sin(turn)], axis=1)
            outline = [(points[0] + np.linalg.norm(points[1] - points[0]) * edge).ravel().tolist()]
        elif kind == 'mask':
            part = np.array(Image.open(io.BytesIO(base64.b64decode(each['mask'])))) > 0
            left, top = np.rint(points.min(axis=0)).astype(int)
            outline = np.zeros(size_hw, dtype=bool)
            window = outline[top : top + part.shape[0], left : left + part.shape[1]]
            window[:] = part[: window.shape[0], : window.shape[1]]
        shapes.append(Shape(each['label'], outline, False, where))
    name = PurePosixPath(doc['imagePath'].replace('\\', '/')).name
    yield Sheet(name, size_hw, shapes)


def read_sheets(source: Path) -> list[Sheet]:
    """The images of a COCO file, a LabelMe file, or a folder of the latter."""
    paths = sorted(source.glob('*.json')) if source.is_dir() else [source]
    if not paths:
        raise ValueError(f'{source} has no json file')
    sheets = []
    for path in paths:
        doc = json.loads(path.read_text(encoding='utf-8'))
        try:
            is_coco = isinstance(doc, dict) and 'annotations' in doc
            if not is_coco and (not isinstance(doc, dict) or 'shapes' not in doc):
                raise KeyError('annotations` or `shapes')
            sheets += (read_coco if is_coco else read_labelme)(path, doc)
        except KeyError as error:
            raise ValueError(
                f'{path} must be a COCO or LabelMe file, but it has no `{error.args[0]}`'
            ) from error
    return sheets


def own_classes(sheets: Sequence[Sheet]) -> ClassSet:
    """The classes of the files themselves, sorted by name, behind the background."""
    names = {shape.name for sheet in sheets for shape in sheet.shapes}
    classes = ('Background', *sorted(name for name in names if plain_name(name) != 'background'))
    index = {plain_name(name): label for label, name in enumerate(classes)}
    pairs = tuple(
        (label, index['right' + name[4:]])
        for name, label in index.items()
        if name.startswith('left') and 'right' + name[4:] in index
    )
    return ClassSet('own', classes, (), pairs)


def draw(
    sheet: Sheet, ids: dict[str, int], unknown: str, crowds: str, left_out: dict[str, list[str]]
) -> np.ndarray:
    """The label map of an image, uint8 (H, W); reasons for what is left out get its place."""
    labels = np.zeros(sheet.size_hw, dtype=np.uint8)
    for shape in sheet.shapes:
        label = ids.get(plain_name(shape.name), IGNORED)
        if plain_name(shape.name) not in ids and unknown == 'background':
            left_out.setdefault(f'unknown class {shape.name!r}', []).append(shape.where)
            continue
        try:
            if shape.outline is None:
                raise ValueError('it has no area')
            is_ignored = shape.is_crowd and crowds == 'ignored'
            labels[to_mask(shape.outline, sheet.size_hw)] = IGNORED if is_ignored else label
        except ValueError as error:
            left_out.setdefault(str(error), []).append(shape.where)
    return labels


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='COCO file, LabelMe file, or folder of these')
    parser.add_argument('out', type=Path, help='folder for the label maps')
    parser.add_argument(
        '--vocabulary', choices=class_set_names(), help='classes; those of the files by default'
    )
    parser.add_argument('--metainfo', type=Path, help='JSON with other `classes`, `flip_pairs`')
    parser.add_argument(
        '--unknown',
        choices=('error', 'ignored', 'background'),
        default='error',
        help='what becomes of other classes than those; an error unless told otherwise',
    )
    parser.add_argument(
        '--crowds',
        choices=('label', 'ignored'),
        default='label',
        help='what becomes of `iscrowd`, which CVAT and datumaro set for every mask that is no '
        'polygon; their class unless told otherwise',
    )
    parser.add_argument(
        '--with-empty',
        action='store_true',
        help='also images without a shape, as background; they are left out unless told otherwise',
    )
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Draw, print what came of it, and return the exit code."""
    parsed = parse_args(args)
    try:
        sheets = read_sheets(parsed.source)
        of_files = classes = own_classes(sheets)
        if parsed.metainfo:
            classes = read_class_set(parsed.metainfo)
        elif parsed.vocabulary:
            classes = get_class_set(parsed.vocabulary)
        ids = {plain_name(name): label for label, name in enumerate(classes.classes)}
        unknown = [name for name in of_files.classes[1:] if plain_name(name) not in ids]
        if unknown and parsed.unknown == 'error':
            raise ValueError(
                f'{unknown} are none of the classes {list(classes.classes)}. Rename them, or set '
                '`--unknown`.'
            )
        if len(classes.classes) > IGNORED:
            raise ValueError(
                f'label maps have at most {IGNORED} classes, not {len(classes.classes)}'
            )
        names = Counter(PurePosixPath(sheet.file_name).with_suffix('.png') for sheet in sheets)
        wrong = [str(n) for n, k in names.items() if k > 1 or n.is_absolute() or '..' in n.parts]
        if wrong:
            raise ValueError(
                f'names of label maps must be different ones in `out`, not {wrong[:5]}'
            )
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    left_out: dict[str, list[str]] = {}
    count = 0
    for sheet in sheets:
        if not sheet.shapes and not parsed.with_empty:
            left_out.setdefault('an image without a shape', []).append(sheet.file_name)
            continue
        labels = draw(sheet, ids, parsed.unknown, parsed.crowds, left_out)
        write_map(
            parsed.out / PurePosixPath(sheet.file_name).with_suffix('.png'), labels, 'seg_map'
        )
        count += 1
    doc = dict(classes=classes.classes, flip_pairs=classes.flip_pairs)
    atomic_write(json.dumps(doc, indent=1).encode(), parsed.out / 'classes.json')
    print(f'{count} label maps of {len(classes.classes)} classes in {parsed.out}')
    for reason, places in left_out.items():
        print(f'left out, {len(places)}: {reason}: {", ".join(places[:3])}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
