"""Sapiens human vision models for stock OpenMMLab.

Importing the package makes the installed host packages (mmpretrain, mmpose, mmsegmentation) work on
current torch and numpy, and lists the public classes in their registries. It imports none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _parts as hosts
from . import compat
from .version import __version__

if TYPE_CHECKING:
    from .inference.inferencer import SapiensInferencer

compat.apply()
hosts.announce()

__all__ = ['SapiensInferencer', '__version__']


def __getattr__(name: str) -> Any:
    """Import the inferencer, and torch with it, when it is asked for."""
    if name == 'SapiensInferencer':
        from .inference.inferencer import SapiensInferencer

        return SapiensInferencer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
