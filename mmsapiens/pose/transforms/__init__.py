"""Steps of data pipelines."""

from .load_checked_image import LoadCheckedImage

__all__ = ['LoadCheckedImage']
