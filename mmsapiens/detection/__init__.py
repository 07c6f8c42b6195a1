"""Where the people are: detectors, boxes of files, tracks."""

from .box_source import BoxSource
from .people_files import PeopleFile

__all__ = ['BoxSource', 'PeopleFile']
