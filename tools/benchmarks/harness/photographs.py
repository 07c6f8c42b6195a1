"""Files of photographs that a pipeline reads."""

from __future__ import annotations

from pathlib import Path

PHOTO_HW = (1024, 768)


def write_photographs(folder: Path, count: int) -> list[str]:
    """JPEG files of soft noise, which decode as slowly as photographs.

    Args:
        folder (Path): Where; made if needed.
        count (int): How many.

    Returns:
        list[str]: Their paths.
    """
    import cv2
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    height, width = PHOTO_HW
    paths = []
    for index in range(count):
        small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        path = str(folder / f'{index:05d}.jpg')
        cv2.imwrite(path, cv2.resize(small, (width, height)))
        paths.append(path)
    return paths
