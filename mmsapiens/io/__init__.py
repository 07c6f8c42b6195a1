"""Images, videos, maps and whole sources, in and out."""

from .map_io import read_map, write_map
from .read_options import ReadOptions
from .sources import Source, open_source

__all__ = ['read_map', 'write_map', 'ReadOptions', 'Source', 'open_source']
