"""Which part of the package belongs to which host, and how hosts learn of it.

A user of stock MMPose may write ``type='SapiensViT'`` as well as ``type='mmsapiens.SapiensViT'``.
For the bare name each host registry gets one more location to import at its first lookup: our part
for that host, which then lists its classes there. No host is imported before somebody needs it.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from wrapt import when_imported

if TYPE_CHECKING:
    from mmengine.registry import Registry

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
    """Let the registries of a host import ``part`` at their next lookup.

    Args:
        host_registries (ModuleType): The ``registry`` module of a host.
        part (str): A key of :data:`HOSTS`.
    """
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


def list_in_host(part: str, **more: Registry) -> None:
    """List the public classes of ``part`` in its host, under bare names.

    Called by each part when it is imported.

    Args:
        part (str): A key of :data:`HOSTS`.
        **more: Registries of the part that have no root in MMEngine, by the
            name that they share with those of the host.

    Raises:
        KeyError: If the host has another class of the same name.
    """
    from . import registry as ours

    theirs = import_module(f'{HOSTS[part]}.registry')
    sources = tuple(f'{name}.' for name in (*SHARED, part))
    for name, child in {**ours.REGISTRIES, **more}.items():
        host = getattr(theirs, name, None)
        if host is None:
            continue
        for key, component in child.module_dict.items():
            if (
                component.__module__.startswith(sources)
                and host.module_dict.get(key) is not component
            ):
                host.register_module(name=key, module=component)
