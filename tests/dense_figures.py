"""Figures of ellipsoids with exact depth, normals and body parts.

Seen along parallel rays. A figure faces the camera, so that its left is on the right of the
image.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

METRES_PER_PIXEL = 0.008
DISTANCE_M = 3.0

# name of the class: label, center (x, y), radii (x, y) and how far it sticks out, all in parts of
# the height of the figure, and color (B, G, R).
PARTS = [
    ('Hair', 3, (0, 0.075), (0.075, 0.075), 0.0, (30, 40, 70)),
    ('Face_Neck', 2, (0, 0.095), (0.06, 0.08), 0.04, (140, 170, 220)),
    ('Upper_Clothing', 22, (0, 0.33), (0.12, 0.18), 0.0, (60, 60, 200)),
    ('Left_Lower_Arm', 6, (0.16, 0.42), (0.035, 0.11), 0.05, (150, 180, 230)),
    ('Right_Lower_Arm', 15, (-0.16, 0.42), (0.035, 0.11), 0.05, (150, 180, 230)),
    ('Left_Upper_Arm', 10, (0.14, 0.27), (0.04, 0.1), 0.02, (130, 160, 210)),
    ('Right_Upper_Arm', 19, (-0.14, 0.27), (0.04, 0.1), 0.02, (130, 160, 210)),
    ('Left_Hand', 5, (0.165, 0.54), (0.035, 0.045), 0.07, (120, 150, 250)),
    ('Right_Hand', 14, (-0.165, 0.54), (0.035, 0.045), 0.07, (120, 150, 250)),
    ('Lower_Clothing', 12, (0.055, 0.68), (0.055, 0.23), 0.0, (160, 60, 40)),
    ('Lower_Clothing', 12, (-0.055, 0.68), (0.055, 0.23), 0.0, (160, 60, 40)),
    ('Left_Shoe', 8, (0.065, 0.93), (0.05, 0.04), 0.08, (40, 200, 200)),
    ('Right_Shoe', 17, (-0.065, 0.93), (0.05, 0.04), 0.08, (40, 200, 200)),
]


@dataclass
class Figure:
    """One image with its maps, all (H, W, ...)."""

    image: np.ndarray
    mask: np.ndarray
    depth_m: np.ndarray
    normals: np.ndarray
    labels: np.ndarray


def draw_figure(seed=0, size_hw=(256, 192)):
    """A figure somewhere in front of a random background."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    coarse = rng.integers(40, 200, (6, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image = image.astype(np.float32)
    depth = np.full(size_hw, np.inf, dtype=np.float32)
    normals = np.zeros((*size_hw, 3), dtype=np.float32)
    labels = np.zeros(size_hw, dtype=np.uint8)
    tall = height * rng.uniform(0.8, 0.95)
    left = width * rng.uniform(0.42, 0.58)
    top = height * rng.uniform(0.01, 0.04)
    light = np.array([rng.uniform(-0.5, 0.5), 0.5, 0.7])
    light /= np.linalg.norm(light)
    rows, columns = np.mgrid[:height, :width]
    for _, label, center, radii, forward, color in PARTS:
        scale = tall * METRES_PER_PIXEL
        right = (columns - left - center[0] * tall) * METRES_PER_PIXEL
        up = -(rows - top - center[1] * tall) * METRES_PER_PIXEL
        a, b = radii[0] * scale, radii[1] * scale
        c = min(a, b)
        inside = 1 - (right / a) ** 2 - (up / b) ** 2
        out = c * np.sqrt(np.maximum(inside, 0))
        part_depth = DISTANCE_M - forward * scale - out
        normal = np.stack([right / a**2, up / b**2, out / c**2], axis=-1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
        seen = (inside > 0) & (part_depth < depth)
        depth[seen] = part_depth[seen]
        normals[seen] = normal[seen]
        labels[seen] = label
        shade = 0.45 + 0.55 * np.maximum(normal @ light, 0)
        image[seen] = (np.array(color) * shade[..., None])[seen]
    mask = (labels > 0).astype(np.uint8)
    depth[mask == 0] = 0
    image += rng.normal(0, 3, image.shape)
    image = image.clip(0, 255).astype(np.uint8)
    return Figure(image, mask, depth, normals, labels)


def write_figures(folder, count, size_hw=(256, 192), seed=0):
    """Figures in `images`, `masks`, `depths`, `normals` and `labels`."""
    folder = Path(folder)
    for name in ('images', 'masks', 'depths', 'normals', 'labels'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        figure = draw_figure(seed + index, size_hw)
        name = f'{index:04}'
        cv2.imwrite(str(folder / f'images/{name}.png'), figure.image)
        cv2.imwrite(str(folder / f'masks/{name}.png'), figure.mask * 255)
        cv2.imwrite(str(folder / f'labels/{name}.png'), figure.labels)
        np.save(folder / f'depths/{name}.npy', figure.depth_m)
        np.save(folder / f'normals/{name}.npy', figure.normals)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', help='gets `train` and `val`')
    parser.add_argument('--count', type=int, default=8)
    args = parser.parse_args()
    for split in ('train', 'val'):
        write_figures(Path(args.folder) / split, args.count, (384, 288))


if __name__ == '__main__':
    main()
