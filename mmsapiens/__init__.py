"""Sapiens human vision models for stock OpenMMLab.

Importing the package makes the installed host packages (mmpretrain, mmpose,
mmsegmentation) work on current torch and numpy, and lists the public classes
in their registries. It imports none of them.
"""

from . import compat, hosts
from .version import __version__

compat.apply()
hosts.announce()

__all__ = ['__version__']
