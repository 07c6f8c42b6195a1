"""Mattes whose colors are multiplied with their opacity, and whose are not; without torch."""

from __future__ import annotations

from numpy.typing import NDArray

MIN_ALPHA = 1e-4
"""A foreground of less opacity has no color."""


def to_straight(matte: NDArray) -> NDArray:
    """A matte (H, W, 4) whose colors are not multiplied with its opacity, as in PNG files; black
    where nothing is seen."""
    alpha = matte[..., 3:]
    straight = matte.copy()
    straight[..., :3] = (matte[..., :3] / alpha.clip(min=MIN_ALPHA)).clip(0, 1)
    return straight


def to_premultiplied(straight: NDArray) -> NDArray:
    """A matte (H, W, 4) of colors that are not multiplied with its opacity."""
    matte = straight.copy()
    matte[..., :3] *= straight[..., 3:]
    return matte
