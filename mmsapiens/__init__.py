"""Sapiens human vision models for stock OpenMMLab.

Importing the package makes the installed host packages (mmpretrain, mmpose, mmsegmentation) work on
current torch and numpy, and lists the public classes in their registries. It imports none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _parts as hosts
from . import compat
from .version import __version__

if TYPE_CHECKING:
    from .checkpoints.build_model import build_model
    from .inference.inferencer import SapiensInferencer

compat.apply()
hosts.announce()

__all__ = ['SapiensInferencer', '__version__', 'build_model']


_LATER = {
    'SapiensInferencer': 'mmsapiens.inference.inferencer',
    'build_model': 'mmsapiens.checkpoints.build_model',
}
"""Public name -> module that is imported, and torch with it, when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
