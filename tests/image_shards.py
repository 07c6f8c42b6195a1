"""Small images and shards of them for tests."""

import sys
from pathlib import Path

import cv2
import numpy as np

from mmsapiens.pretrain.datasets import HumanImageDataset

sys.path.append(str(Path(__file__).parents[1] / 'tools' / 'dataset'))  # for scripts; pytest has it
from pack_shards import pack_images


def write_images(folder, number, size_hw=(8, 8), per_folder=100):
    """Write JPEGs of one color each, a different one for each."""
    folder = Path(folder)
    for index in range(number):
        path = folder / f'{index // per_folder:03d}' / f'{index:05d}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        color = (index * 10 % 251, index // 251 % 251, 40)
        cv2.imwrite(str(path), np.full((*size_hw, 3), color, np.uint8))
    return folder


def write_shards(folder, number, per_shard, size_hw=(8, 8), **kwargs):
    """Write images and shards of them; the folder of the shards."""
    folder = Path(folder)
    images = write_images(folder / 'images', number, size_hw)
    images = HumanImageDataset(str(images))
    pack_images(images, folder / 'shards', per_shard=per_shard, **kwargs)
    return str(folder / 'shards')
