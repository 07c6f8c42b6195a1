"""Contact sheets: each column an image and its labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .coco import SKELETON
from .labels import PALETTE
from .writers import decode_normals

_GREY = 60
_INSTANCE_COLORS = (
    (255, 200, 0), (0, 220, 255), (255, 80, 200), (120, 255, 80),
    (160, 120, 255), (255, 120, 60),
)  # fmt: skip


def depth_image(depth: NDArray) -> NDArray[np.uint8]:
    """Near is bright; gray outside."""
    mask = depth > 0
    gray = np.zeros(depth.shape, np.uint8)
    if mask.any():
        low, high = np.percentile(depth[mask], [1, 99])
        near = 255 - 215 * (depth[mask] - low) / (high - low + 1e-6)
        gray[mask] = np.clip(near, 30, 255)
    out = cv2.applyColorMap(gray, cv2.COLORMAP_INFERNO)[:, :, ::-1].copy()
    out[~mask] = _GREY
    return out


def normal_image(normals: NDArray, mask: NDArray) -> NDArray[np.uint8]:
    """x, y, z as red, green, blue."""
    out = ((normals + 1) / 2 * 255).astype(np.uint8)
    out[~mask] = _GREY
    return out


def keypoint_image(image: NDArray, people: Sequence[dict[str, Any]]) -> NDArray[np.uint8]:
    """Skeletons in the person's color; points green if seen, else red."""
    out = (image * 0.55 + 60).astype(np.uint8)
    size = max(1, image.shape[1] // 320)
    for number, person in enumerate(people):
        if 'keypoints_17' not in person:
            continue
        color = _INSTANCE_COLORS[number % len(_INSTANCE_COLORS)]
        body = person['keypoints_17']
        for a, b in SKELETON:
            (xa, ya, va), (xb, yb, vb) = body[a - 1], body[b - 1]
            if va and vb:
                ends = (round(xa), round(ya)), (round(xb), round(yb))
                cv2.line(out, *ends, color, size, cv2.LINE_AA)
        for x, y, v in [*person['keypoints_308'], *person['keypoints_133']]:
            if v:
                dot = (0, 255, 0) if v == 2 else (255, 60, 60)
                cv2.circle(out, (round(x), round(y)), size, dot, -1)
        if person['bbox']:
            x, y, w, h = person['bbox']
            cv2.rectangle(out, (x, y), (x + w, y + h), color, size)
    return out


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An image (H, W, 3).

    Raises:
        ValueError: If the file is no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path} is not an image')
    return image[:, :, ::-1].astype(np.uint8)


def draw_sample(root: Path, name: str) -> list[NDArray[np.uint8]]:
    """Image, parts, depth, normals and keypoints of one sample."""
    entry = json.loads((root / f'samples/{name}.json').read_text('utf-8'))
    image = read_rgb(root / 'images' / entry['file_name'])
    depth = np.load(root / f'depths/{name}.npy')
    found = next((root / 'normals').glob(f'{name}.*'))
    normals = decode_normals(found)
    if entry['normal_axes'] == 'opencv':
        normals = normals * [1, -1, -1]
    parts = root / f'labels/{name}.png'
    if parts.exists():
        labels = cv2.imread(str(parts), cv2.IMREAD_UNCHANGED)
        assert labels is not None
        colored = PALETTE[labels]
    else:
        colored = np.where(depth[..., None] > 0, 200, _GREY)
        colored = np.repeat(colored, 3, -1).astype(np.uint8)
    return [
        image,
        colored,
        depth_image(depth),
        normal_image(normals, depth > 0),
        keypoint_image(image, entry['people']),
    ]


def make_contact_sheet(
    root: Path, names: Sequence[str], *, width: int = 288, columns: int = 12
) -> NDArray[np.uint8]:
    """A sheet of several samples.

    Args:
        root (Path): Folder of the dataset.
        names (Sequence[str]): Samples to show.
        width (int): Of one panel in pixels. Defaults to 288.
        columns (int): Samples side by side. Defaults to 12.
    """
    strips = []
    for name in names:
        panels = []
        for panel in draw_sample(root, name):
            height = round(panel.shape[0] * width / panel.shape[1])
            panels.append(cv2.resize(panel, (width, height), interpolation=cv2.INTER_AREA))
        strips.append(np.concatenate(panels))
    rows = []
    for start in range(0, len(strips), columns):
        row = strips[start : start + columns]
        missing = min(columns, len(strips)) - len(row)
        row += [np.zeros_like(row[0])] * missing
        rows.append(np.concatenate(row, 1))
    return np.concatenate(rows)


def write_contact_sheet(root: Path, names: Sequence[str], count: int) -> Path:
    """Write ``contact_sheet.jpg`` of samples spread over the dataset."""
    step = max(1, len(names) // count)
    sheet = make_contact_sheet(root, names[::step][:count])
    path = root / 'contact_sheet.jpg'
    cv2.imwrite(str(path), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path
