"""Encoder families: one module each, with what is particular to its files.

A module has ``NAME``, ``BACKBONE``, ``HEADS``, ``NECK``, ``matches``, ``measure``,
``encoder_state_dict``, ``fit_encoder`` and ``check_head``; :mod:`.sapiens` shows them. Another
family is another module in :data:`FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from . import sapiens

FAMILIES: dict[str, ModuleType] = {module.NAME: module for module in (sapiens,)}
"""Name -> module."""


def find_family(state_dict: Mapping[str, Any]) -> ModuleType | None:
    """The family whose encoder is in weights, or None."""
    return next((each for each in FAMILIES.values() if each.matches(state_dict)), None)
