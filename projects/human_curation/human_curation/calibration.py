"""The limit of a detector that has the precision of another one at its own: ``calibrate``.

The paper keeps people with a score above 0.9 of one detector. Scores of another detector mean
something else; what can be carried over is the share of boxes above the limit that are right, on
images with known people. Boxes are float (N, 4): x1, y1, x2, y2 in pixels.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mmsapiens.core import MissingInputError, atomic_write

from .models import Network, Pixels, read_models

Boxes = NDArray[np.float32]

LOWEST = 0.02
"""Score from which on boxes of the detector are looked at."""
MATCH = 0.5
"""Least intersection over union of a right box; over its own area for regions of crowds."""


@dataclass(frozen=True)
class Truth:
    """People of an image.

    Args:
        path (Path): Of the image.
        boxes (Boxes): Of single people.
        ignored (Boxes): Regions of crowds: what is found there counts neither way.
    """

    path: Path
    boxes: Boxes
    ignored: Boxes


@dataclass
class Found:
    """Boxes of a detector against the truth.

    Args:
        scores (list[float]): Of boxes that count.
        is_right (list[bool]): Whether each is a person that no better box has.
        people (int): Of the truth that count.
    """

    scores: list[float] = field(default_factory=list)
    is_right: list[bool] = field(default_factory=list)
    people: int = 0

    def above(self, limit: float) -> tuple[int, int]:
        """Right boxes and all boxes with at least a score."""
        good = np.asarray(self.scores) >= limit
        return int(np.asarray(self.is_right)[good].sum()), int(good.sum())

    def limit_for(self, precision: float) -> float | None:
        """The lowest score from which on the boxes are right often enough; None if none is."""
        scores = np.asarray(self.scores)
        order = np.argsort(-scores, kind='stable')
        right = np.asarray(self.is_right)[order].cumsum() / np.arange(1, len(order) + 1)
        ranked = scores[order]
        last_of_score = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else right > 2
        good = np.flatnonzero((right >= precision) & last_of_score)
        return float(ranked[good[-1]]) if len(good) else None


def overlaps(boxes: Boxes, others: Boxes, *, of_first: bool = False) -> NDArray[np.float32]:
    """Intersection over union, or over the area of the first box, (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = (high - low).clip(0).prod(axis=2)
    area, other = ((b[:, 2:] - b[:, :2]).clip(0).prod(axis=1) for b in (boxes, others))
    whole = area[:, None] if of_first else area[:, None] + other[None] - common
    return common / np.maximum(whole, 1e-9)


def count(found: Found, boxes: Boxes, scores: NDArray, truth: Truth, least: float = 0) -> None:
    """Add the boxes of an image to ``found``, the best first, a person at most once.

    Boxes and people whose shorter side is not above ``least`` count neither way, and so do boxes of
    such people.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    is_large = _shorter(truth.boxes) > least
    found.people += int(is_large.sum())
    table = overlaps(boxes, truth.boxes)
    in_crowd = overlaps(boxes, truth.ignored, of_first=True).max(axis=1, initial=0) >= MATCH
    is_free = np.ones(len(truth.boxes), bool)
    for n in np.argsort(-np.asarray(scores), kind='stable'):
        row = np.where(is_free, table[n], 0)
        row = np.where(is_large | ~np.any(row[is_large] >= MATCH), row, 0)  # large people first
        best = int(row.argmax()) if len(row) else -1
        is_right = best >= 0 and bool(row[best] >= MATCH)
        if is_right:
            is_free[best] = False
        is_ignored = not is_large[best] if is_right else bool(in_crowd[n])
        if not is_ignored and _shorter(boxes[n : n + 1])[0] > least:
            found.scores.append(float(scores[n]))
            found.is_right.append(is_right)


def _shorter(boxes: Boxes) -> NDArray[np.float32]:
    return (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)


def wilson(right: int, total: int) -> tuple[float, float]:
    """Bounds of a share, 95 %: Wilson's score interval."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, right / total
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (middle - reach) / scale, (middle + reach) / scale


def read_coco(path: Path, images: Path) -> dict[Any, Truth]:
    """People by the id of the image, of a file in COCO's layout.

    Raises:
        MissingInputError: If it is none, or has no people.
    """
    content = _load(path)
    if not isinstance(content, dict) or not {'images', 'annotations'} <= content.keys():
        raise MissingInputError(f"{path} is no file in COCO's layout: `images`, `annotations`")
    person = [c['id'] for c in content.get('categories', []) if c['name'] == 'person'] or [1]
    single, crowd = defaultdict(list), defaultdict(list)
    for entry in content['annotations']:
        if entry['category_id'] in person:
            group = crowd if entry.get('iscrowd') else single
            group[entry['image_id']].append(entry['bbox'])
    if not single:
        raise MissingInputError(f'{path} has no boxes of people (category {person[0]})')
    return {
        entry['id']: Truth(
            images / entry['file_name'], _corners(single[entry['id']]), _corners(crowd[entry['id']])
        )
        for entry in content['images']
    }


def _load(path: Path) -> Any:
    if not path.is_file():
        raise MissingInputError(f'{path} does not exist')
    try:
        return json.loads(path.read_text('utf-8'))
    except ValueError as error:
        raise MissingInputError(f'{path} is no JSON: {error}') from None


def _corners(xywh: Sequence[Sequence[float]]) -> Boxes:
    boxes = np.array(xywh, np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def read_detections(path: Path, truths: dict[Any, Truth]) -> dict[Any, tuple[Boxes, NDArray]]:
    """Boxes and scores by the id of the image, of a list of COCO results of people.

    Raises:
        MissingInputError: If it is no such list, or of other images.
    """
    content = _load(path)
    needed = {'image_id', 'bbox', 'score'}
    if not isinstance(content, list) or not all(needed <= set(entry) for entry in content):
        raise MissingInputError(f'{path} is no list of objects with {", ".join(sorted(needed))}')
    entries = defaultdict(list)
    for entry in content:
        if entry.get('category_id', 1) == 1 and entry['image_id'] in truths:
            entries[entry['image_id']].append(entry)
    if not entries:
        raise MissingInputError(f'{path} has no people (category 1) in any of the images')
    return {
        key: (_corners([e['bbox'] for e in group]), np.array([e['score'] for e in group]))
        for key, group in entries.items()
    }


def detect(network: Network, truths: dict[Any, Truth]) -> Iterator[tuple[Any, Boxes, NDArray]]:
    """Id, boxes and scores of each image.

    Raises:
        MissingInputError: If an image cannot be read.
    """
    for key, truth in truths.items():
        image = cv2.imread(str(truth.path))
        if image is None:
            raise MissingInputError(f'{truth.path} cannot be read')
        boxes, scores = network.boxes([Pixels(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))])[0]
        height, width = image.shape[:2]
        yield key, boxes * np.float32([width, height, width, height]), scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``calibrate``."""
    add = parser.add_argument
    add('--models', required=True, type=Path, help='file of models with an entry `person`')
    add('--coco', required=True, type=Path, help="people of the images, in COCO's layout")
    add('--images', required=True, type=Path, help='folder of the images')
    add('--precision', type=float, help='share of right boxes that the limit should have')
    add('--reference', type=Path, help="or: boxes of the reference, a list of COCO's results")
    add('--reference-score', type=float, default=0.9,
        help='limit of the reference (default: %(default)s)')  # fmt: skip
    add('--least-size', type=float, default=0,
        help='shorter side that boxes and people must exceed, pixels (default: 0)')  # fmt: skip
    add('--out', type=Path, help='write the figures as JSON')


def _report(found: Found, limit: float, name: str) -> dict[str, float]:
    right, total = found.above(limit)
    low, high = wilson(right, total)
    share, recall = right / max(total, 1), right / max(found.people, 1)
    print(f'{name}: {right} of {total} boxes with a score of at least {limit:.4f} are right: '
          f'precision {share:.3f} (95 %: {low:.3f} to {high:.3f}), recall {recall:.3f} '
          f'of {found.people} people')  # fmt: skip
    return dict(limit=limit, right=right, boxes=total, precision=share, recall=recall,
                people=found.people)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """The command ``calibrate``.

    Raises:
        ValueError: If no limit has the precision.
    """
    if (args.precision is None) == (args.reference is None):
        raise ValueError('give one of `--precision` and `--reference`')
    truths = read_coco(args.coco, args.images)
    models = read_models(args.models)
    if 'person' not in models:
        raise ValueError(f'{args.models} must describe a model `person`, but has {sorted(models)}')
    figures, precision = {}, args.precision
    if args.reference is not None:
        reference = Found()
        detections = read_detections(args.reference, truths)
        nothing = np.zeros((0, 4), np.float32), np.zeros(0)
        for key, truth in truths.items():
            count(reference, *detections.get(key, nothing), truth, args.least_size)
        figures['reference'] = _report(reference, args.reference_score, 'reference')
        precision = figures['reference']['precision']
        if not figures['reference']['boxes']:
            raise ValueError(f'{args.reference} has no box of at least {args.reference_score}')
    lowest = replace(models['person'], floor=min(LOWEST, models['person'].floor))
    found, network = Found(), Network(lowest, batch=1)
    for key, boxes, scores in track(detect(network, truths), 'detecting', total=len(truths)):
        count(found, boxes, scores, truths[key], args.least_size)
    limit = found.limit_for(precision)
    if limit is None:
        raise ValueError(
            f'the detector has {len(found.scores)} boxes with a score of at least {LOWEST}, and at '
            f'no limit a precision of {precision:.3f}'
        )
    figures['detector'] = _report(found, limit, 'detector')
    low, high = wilson(figures['detector']['right'], figures['detector']['boxes'])
    if high - low > 0.05:
        print(f'{len(truths)} images are few: the precision is known only within '
              f'{high - low:.2f}; use the whole of COCO val2017 (5000 images)')  # fmt: skip
    print(f'for the file of models, in `person`: "limit": {math.floor(limit * 1e4) / 1e4}')
    if args.out:
        atomic_write((json.dumps(figures, indent=2) + '\n').encode(), args.out)
    return 0
