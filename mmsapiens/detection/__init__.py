"""Where the people are: detectors, boxes of files, tracks."""

from .people_files import PeopleFile

__all__ = ['PeopleFile']
