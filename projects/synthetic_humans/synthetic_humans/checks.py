"""Checks of labels against each other, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .labels import CLASS_ID
from .landmarks import flip_indices_308, is_of_face, names_308

REACH_SHARE = 0.006
"""How far from its part a point may lie, in shares of the image."""

_CLOTHES = ('Upper_Clothing', 'Lower_Clothing', 'Apparel')
_FACE = ('Face_Neck', 'Hair', 'Apparel', 'Upper_Lip', 'Lower_Lip',
         'Upper_Teeth', 'Lower_Teeth', 'Tongue')  # fmt: skip


def normal_errors(depth: NDArray, normals: NDArray, camera: dict[str, Any]) -> NDArray:
    """Degrees between normals and finite differences of the depth.

    Args:
        depth (NDArray): Metres (H, W), 0 outside.
        normals (NDArray): x right, y up, z to the camera (H, W, 3).
        camera (dict[str, Any]): With ``K``.

    Returns:
        NDArray: One angle for each pixel whose neighbors lie on the same smooth piece of surface.
    """
    focal, cx, cy = camera['K'][0][0], camera['K'][0][2], camera['K'][1][2]
    rows, columns = np.indices(depth.shape) + 0.5
    points = np.stack([(columns - cx) / focal * depth, -(rows - cy) / focal * depth, -depth], -1)
    right = points[1:-1, 2:] - points[1:-1, :-2]
    up = points[:-2, 1:-1] - points[2:, 1:-1]
    found = np.cross(right, up)
    found /= np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
    middle = depth[1:-1, 1:-1]
    pixel = middle / focal
    near = middle > 0
    for shift in ((0, 1), (2, 1), (1, 0), (1, 2)):
        other = depth[shift[0] : shift[0] + middle.shape[0], shift[1] : shift[1] + middle.shape[1]]
        near &= (other > 0) & (np.abs(other - middle) < 3 * pixel)
    label = normals[1:-1, 1:-1]
    cosine = (found * label).sum(-1)[near]
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def allowed_classes(name: str) -> set[int] | None:
    """Classes on which a visible keypoint may lie; None for any."""
    side = {'left': 'Left', 'right': 'Right'}.get(name.split('_')[0])
    if is_of_face(name):
        return {CLASS_ID[n] for n in _FACE}
    if side is None:
        return None
    parts: dict[str, tuple[str, ...]] = {
        'knee': ('Upper_Leg', 'Lower_Leg'),
        'ankle': ('Lower_Leg', 'Foot', 'Sock', 'Shoe'),
        'toe': ('Foot', 'Sock', 'Shoe'),
        'heel': ('Foot', 'Sock', 'Shoe', 'Lower_Leg'),
        'elbow': ('Upper_Arm', 'Lower_Arm'),
        'olecranon': ('Upper_Arm', 'Lower_Arm'),
        'cubital': ('Upper_Arm', 'Lower_Arm'),
        'wrist': ('Lower_Arm', 'Hand'),
        'thumb': ('Hand',),
        'finger': ('Hand',),
    }
    for word, found in parts.items():
        if word in name:
            own = {CLASS_ID[f'{side}_{part}'] for part in found}
            worn = () if found == ('Hand',) else _CLOTHES
            return own | {CLASS_ID[n] for n in worn}
    return None


def keypoint_hits(
    labels: NDArray, mask: NDArray, names: Sequence[str], table: NDArray
) -> tuple[int, int, list[str]]:
    """Visible keypoints on their parts.

    Args:
        labels (NDArray): Class ids (H, W).
        mask (NDArray): Pixels of the person (H, W).
        names (Sequence[str]): Names (K,).
        table (NDArray): x, y, visibility (K, 3).

    Returns:
        tuple: Number on their part, number visible, names of the others.
    """
    reach = max(1, round(REACH_SHARE * max(labels.shape)))
    hits, total = 0, 0
    missed: list[str] = []
    for name, (x, y, visible) in zip(names, table):
        if visible != 2:
            continue
        total += 1
        row, column = int(y), int(x)
        window = (
            slice(max(0, row - reach), row + reach + 1),
            slice(max(0, column - reach), column + reach + 1),
        )
        own = mask[window]
        allowed = allowed_classes(name)
        good = own.any()
        if good and allowed is not None:
            good = bool(np.isin(labels[window][own], list(allowed)).any())
        if good:
            hits += 1
        else:
            missed.append(name)
    return hits, total, missed


def mirror_errors(points: dict[str, NDArray]) -> dict[str, float]:
    """Metres between each point of the 308 and its mirrored partner.

    Args:
        points (dict[str, NDArray]): Name -> position on a symmetric body.
    """
    names, flip = names_308(), flip_indices_308()
    out = {}
    for index, name in enumerate(names):
        other = names[flip[index]]
        if name in points and other in points:
            mirrored = points[other] * [-1, 1, 1]
            out[name] = float(np.linalg.norm(points[name] - mirrored))
    return out
