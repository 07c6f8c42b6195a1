"""Errors about one sample, which a dataset may count and leave out."""

from __future__ import annotations


class BadSampleError(ValueError):
    """A sample cannot be used: its file is damaged, or its content wrong."""


class MissingFileError(BadSampleError, FileNotFoundError):
    """A file of a sample does not exist."""
