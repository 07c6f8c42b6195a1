"""Checks of the labels of a whole dataset, with a table of the classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .checks import keypoint_hits, normal_errors
from .labels import CLASSES
from .landmarks import WHOLEBODY, names_308
from .writers import decode_normals

NORMAL_LIMIT_DEG = 6.0
"""Largest median angle between a normal and the gradient of the depth."""

KEYPOINT_LIMIT = 0.98
"""Smallest share of visible keypoints on the part they belong to."""


@dataclass
class Report:
    """Findings about a dataset.

    Args:
        images (int): Number of images looked at.
        normal_median (float): Median angle in degrees.
        normal_p90 (float): 90th percentile.
        on_part (float): Share of visible keypoints on their part.
        shares (dict[str, float]): Class -> share of the pixels of people.
        present (dict[str, int]): Class -> images in which it occurs.
        has_parts (bool): Whether there are parts at all.
        faults (list[str]): What is wrong.
    """

    images: int = 0
    normal_median: float = 0.0
    normal_p90: float = 0.0
    on_part: float = 1.0
    shares: dict[str, float] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    has_parts: bool = False
    faults: list[str] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def absent(self) -> list[str]:
        """Classes that occur nowhere."""
        return [name for name in CLASSES if not self.present.get(name)]

    def text(self) -> str:
        """The findings as a table."""
        lines = [
            f'{self.images} images',
            f'normals against depth: median {self.normal_median:.1f} deg, '
            f'90 % below {self.normal_p90:.1f} deg',
        ]
        if self.has_parts:
            lines += [
                f'visible keypoints on their part: {self.on_part:.2%}',
                f'most often beside it: {self._worst()}',
                '',
                f'{"class":18} {"share":>9} {"images":>9}',
            ]
            for name in CLASSES:
                share = self.shares.get(name, 0.0)
                count = self.present.get(name, 0)
                lines.append(f'{name:18} {share:9.4%} {count:9d}')
            if self.absent:
                lines.append(f'absent: {", ".join(self.absent)}')
        lines += ['', *(f'FAULT {fault}' for fault in self.faults)]
        lines.append('passed' if self.passed else 'failed')
        return '\n'.join(lines)

    def _worst(self) -> str:
        worst = sorted(self.missed, key=lambda k: -self.missed[k])[:6]
        return ', '.join(f'{n} {self.missed[n]}' for n in worst) or 'none'


def check_folder(root: Path, names: Sequence[str]) -> Report:
    """Check images of a dataset.

    Args:
        root (Path): Folder of the dataset.
        names (Sequence[str]): Its images.
    """
    report = Report(images=len(names))
    angles: list[NDArray] = []
    counts: NDArray = np.zeros(len(CLASSES), np.int64)
    present: NDArray = np.zeros(len(CLASSES), np.int64)
    hits = total = 0
    for name in names:
        text = (root / f'samples/{name}.json').read_text('utf-8')
        entry = json.loads(text)
        depth = np.load(root / f'depths/{name}.npy')
        normals = decode_normals(next((root / 'normals').glob(f'{name}.*')))
        if entry['normal_axes'] == 'opencv':
            normals = normals * [1, -1, -1]
        mask = _read(root / f'masks/{name}.png') > 0
        instances = _read(root / f'instances/{name}.png')
        faults = _check_maps(depth, normals, mask, instances)
        found = normal_errors(depth, normals, entry['camera'])
        angles.append(found[:: max(1, len(found) // 5000)])
        if len(found) and np.median(found) > 3 * NORMAL_LIMIT_DEG:
            faults.append('normals disagree with the depth')
        parts = root / f'labels/{name}.png'
        if parts.exists():
            report.has_parts = True
            labels = _read(parts)
            if ((labels > 0) != mask).any():
                faults.append('labels and mask differ')
            row = np.bincount(labels.ravel(), minlength=len(CLASSES))
            counts += row
            present += row > 0
            for number, person in enumerate(entry['people'], 1):
                one, all_, missed = _check_person(labels, instances == number, person)
                hits, total = hits + one, total + all_
                for point in missed:
                    report.missed[point] = report.missed.get(point, 0) + 1
        report.faults += [f'{name}: {fault}' for fault in faults]
    _summarise(report, angles, counts, present, (hits, total))
    return report


def _summarise(
    report: Report,
    angles: list[NDArray],
    counts: NDArray,
    present: NDArray,
    keypoints: tuple[int, int],
) -> None:
    joined = np.concatenate(angles) if angles else np.zeros(0)
    if len(joined):
        report.normal_median = float(np.median(joined))
        report.normal_p90 = float(np.percentile(joined, 90))
        if report.normal_median > NORMAL_LIMIT_DEG:
            report.faults.append('normals disagree with the depth')
    if not report.has_parts:
        return
    people = max(int(counts[1:].sum()), 1)
    report.shares = {n: counts[i] / people for i, n in enumerate(CLASSES)}
    report.shares['Background'] = counts[0] / max(int(counts.sum()), 1)
    report.present = {n: int(present[i]) for i, n in enumerate(CLASSES)}
    hits, total = keypoints
    report.on_part = hits / total if total else 1.0
    if report.on_part < KEYPOINT_LIMIT:
        report.faults.append('keypoints lie beside their parts')


def _check_maps(depth: NDArray, normals: NDArray, mask: NDArray, instances: NDArray) -> list[str]:
    faults = []
    if ((depth > 0) != mask).any():
        faults.append('depth and mask differ')
    if ((instances > 0) != mask).any():
        faults.append('instances and mask differ')
    length = np.linalg.norm(normals[mask], axis=-1)
    if len(length) and np.abs(length - 1).max() > 1e-3:
        faults.append('normals are not unit vectors')
    if (normals[mask][:, 2] < -0.5).any():
        faults.append('normals point away from the camera')
    return faults


def _check_person(
    labels: NDArray, mask: NDArray, person: dict[str, Any]
) -> tuple[int, int, list[str]]:
    hits, total = 0, 0
    missed: list[str] = []
    for key, names in (('keypoints_133', WHOLEBODY), ('keypoints_308', names_308())):
        one, all_, others = keypoint_hits(labels, mask, names, np.array(person[key]))
        hits, total, missed = hits + one, total + all_, missed + others
    return hits, total, missed


def _read(path: Path) -> NDArray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f'{path} is not an image')
    return np.asarray(image)
