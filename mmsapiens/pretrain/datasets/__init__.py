"""Unlabelled images."""

# ruff: noqa: F401
from .broken_images import BrokenImagesHook
from .shards import ShardedImageDataset
from .unlabelled_image_dataset import HumanImageDataset
