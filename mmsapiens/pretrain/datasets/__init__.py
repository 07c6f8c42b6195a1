"""Unlabelled images."""

from .broken_images import BrokenImagesHook
from .shards import ShardedImageDataset
from .unlabelled_image_dataset import HumanImageDataset

__all__ = ['BrokenImagesHook', 'HumanImageDataset', 'ShardedImageDataset']
