"""Which part of the package belongs to which host, and how hosts learn of it.

A user of stock MMPose may write ``type='SapiensViT'`` as well as ``type='mmsapiens.SapiensViT'``.
For the bare name each host registry gets one more location to import at its first lookup: our part
for that host, which then lists its classes there. No host is imported before somebody needs it.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from types import ModuleType

from wrapt import when_imported

SHARED = ('mmsapiens.models', 'mmsapiens.engine', 'mmsapiens.transforms')
"""Modules whose classes serve every host."""

HOSTS = {'mmsapiens.pretrain': 'mmpretrain', 'mmsapiens.pose': 'mmpose', 'mmsapiens.dense': 'mmseg'}
"""Part of this package -> the one host package that it needs."""


def installed_parts() -> list[str]:
    """The parts whose host is installed, imported hosts not required."""
    return [part for part, host in HOSTS.items() if find_spec(host)]


def missing_hosts() -> list[str]:
    """Host packages that are not installed."""
    return [host for host in HOSTS.values() if not find_spec(host)]


def add_location(host_registries: ModuleType, part: str) -> None:
    """Let the registries of a host import ``part`` at their next lookup."""
    from mmengine.registry import Registry

    for registry in vars(host_registries).values():
        if not isinstance(registry, Registry):
            continue
        # A registry without locations of its own serves the root as well: mmengine's own registries
        # are re-exported by some hosts.
        if registry.scope != HOSTS[part] or part in registry._locations:
            continue
        registry._locations = [*registry._locations, part]
        registry._imported = False


def announce() -> None:
    """Arrange :func:`add_location` for every host, imported or not."""
    for part, host in HOSTS.items():
        when_imported(f'{host}.registry')(partial(add_location, part=part))
