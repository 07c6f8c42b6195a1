"""Pipeline steps that every host can use; needs mmcv."""

from .load_checked_image import LoadCheckedImage, check_is_whole  # noqa: F401
