"""Pretraining; needs mmpretrain."""

from .. import engine, models, transforms  # noqa: F401
from ..hosts import list_in_host

list_in_host(__name__)
