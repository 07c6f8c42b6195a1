"""Errors of inputs that can be told to the user as they are."""

from __future__ import annotations


class ReadError(ValueError):
    """An image or video cannot be read; the message says why."""


class MissingInputError(ReadError, FileNotFoundError):
    """There is no such file or folder."""
