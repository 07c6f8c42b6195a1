"""Unlabelled images."""

from .broken_images import BrokenImagesHook
from .human_image_dataset import HumanImageDataset
from .sharded_image_dataset import ShardedImageDataset

__all__ = ['BrokenImagesHook', 'HumanImageDataset', 'ShardedImageDataset']
