"""Parsing, depth and normals; needs mmsegmentation."""

from .. import engine, models  # noqa: F401
from ..hosts import list_in_host

list_in_host(__name__)
