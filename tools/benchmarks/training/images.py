"""Images and maps for the loaders: made up, but as costly as real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np


def photograph(size_hw: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth colors, edges and some noise, uint8 (H, W, 3).

    A JPEG of quality 92 takes about as many bits as one of a photograph.
    """
    rng = np.random.default_rng(seed)
    height, width = size_hw
    image = np.zeros((height, width, 3), 'f4')
    for cells in (4, 16, 64):
        coarse = rng.uniform(0, 1, (cells, cells, 3)).astype('f4')
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * (
            60 if cells < 64 else 30
        )
    image += rng.normal(0, 4, (height, width, 1)).astype('f4')
    return image.clip(0, 255).astype('u1')


def person_labels(size_hw: tuple[int, int], classes: int) -> np.ndarray:
    """A person of stripes, one for each class; 0 around, uint8 (H, W)."""
    height, width = size_hw
    labels = np.zeros(size_hw, 'u1')
    top, bottom = height // 10, height * 9 // 10
    left, right = width // 4, width * 3 // 4
    rows = np.linspace(1, classes, bottom - top, endpoint=False).astype('u1')
    labels[top:bottom, left:right] = rows[:, None]
    return labels


class Folder:
    """Images and maps in files.

    Args:
        folder (Path): Where; made if it is missing.
        size_hw (tuple[int, int]): Height and width of all.
        number (int): Of images. Defaults to 4.
    """

    def __init__(self, folder: Path, size_hw: tuple[int, int], number: int = 4) -> None:
        self.folder, self.size_hw, self.number = folder, size_hw, number
        folder.mkdir(parents=True, exist_ok=True)
        labels = person_labels(size_hw, 28)
        mask = (labels > 0).astype('u1')
        height, width = size_hw
        slope = np.linspace(1, 3, height, dtype='f4')[:, None]
        depth = np.broadcast_to(slope, size_hw).copy()
        x = np.linspace(-0.7, 0.7, width, dtype='f4')[None]
        normals = np.stack(np.broadcast_arrays(x, np.float32(0.2) * slope / 3, 1 - x**2), -1)
        normals = normals.astype('f4')
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        for index in range(number):
            name = str(folder / f'{index}')
            if Path(f'{name}_normal.npy').is_file():
                continue
            image = photograph(size_hw, index)
            cv2.imwrite(f'{name}.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 92])
            cv2.imwrite(f'{name}_labels.png', labels)
            cv2.imwrite(f'{name}_mask.png', 255 * mask)
            np.save(f'{name}_depth.npy', depth)
            np.save(f'{name}_normal.npy', normals)

    def dense(self, index: int) -> dict[str, Any]:
        """What a dense dataset would give of a sample."""
        name = str(self.folder / f'{index % self.number}')
        return dict(
            img_path=f'{name}.jpg',
            seg_map_path=f'{name}_labels.png',
            human_mask_path=f'{name}_mask.png',
            depth_map_path=f'{name}_depth.npy',
            normal_map_path=f'{name}_normal.npy',
            seg_fields=[],
            reduce_zero_label=False,
            flip_label_pairs=((5, 14), (6, 15), (7, 16)),
            num_classes=28,
        )

    def pose(self, index: int, meta: dict[str, Any]) -> dict[str, Any]:
        """What a pose dataset would give of a sample."""
        rng = np.random.default_rng(index)
        height, width = self.size_hw
        box = np.array([[0.25 * width, 0.1 * height, 0.75 * width,
                         0.9 * height]], 'f4')  # fmt: skip
        count = meta['num_keypoints']
        share = rng.uniform(0, 1, (1, count, 2)).astype('f4')
        points = box[:, None, :2] + share * (box[:, 2:] - box[:, :2])[:, None]
        return dict(
            img_path=str(self.folder / f'{index % self.number}.jpg'),
            bbox=box,
            bbox_score=np.ones(1, 'f4'),
            keypoints=points.astype('f4'),
            keypoints_visible=(rng.uniform(size=(1, count)) < 0.9).astype('f4'),
            id=index,
            img_id=index,
            category_id=[1],
            iscrowd=0,
            flip_indices=list(meta['flip_indices']),
            upper_body_ids=list(meta['upper_body_ids']),
            lower_body_ids=list(meta['lower_body_ids']),
            dataset_name='benchmark',
        )
