"""Which part of the package belongs to which host, and how hosts learn of it.

For bare names such as ``type='SapiensViT'`` each host registry imports, at its first lookup, our
part for that host. No host is imported before somebody needs it.
"""

import logging
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

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


class BareNames:
    """Our classes in the registry of a host, where nobody else has the name; warns once."""

    def __init__(self, registry: Any) -> None:
        self.registry, self.stock_get = registry, registry.get
        self.classes: dict[str, type] = {}
        self.warned: set[str] = set()
        registry.get = self.get

    def is_taken(self, name: str, with_parents: bool = True) -> bool:
        """Whether the host, or with parents MMEngine, has a class of this name; warns once."""
        registry = self.registry
        while registry is not None and name not in registry.module_dict:
            registry = registry.parent if with_parents else None
        theirs = registry and registry.module_dict[name]
        if theirs not in (None, self.classes.get(name)) and name not in self.warned:
            from mmengine.logging import print_log

            self.warned.add(name)
            text = f'`{name}` is {theirs.__module__}.{theirs.__qualname__} in {self.registry.scope}'
            text += f'; write `mmsapiens.{name}` for the class of mmsapiens'
            print_log(text, logger='current', level=logging.WARNING)
        return theirs is not None

    def get(self, key: str) -> type | None:
        """As ``Registry.get``."""
        self.registry.import_from_location()
        scope, name = self.registry.split_scope_key(str(key))
        is_ours = scope in (None, self.registry.scope) and name in self.classes
        if is_ours and not self.is_taken(name, with_parents=scope is None):
            return self.classes[name]
        return self.stock_get(key)


def add_location(host_registries: ModuleType, part: str) -> None:
    """Let the registries of a host import ``part`` at their next lookup."""
    from mmengine.registry import Registry

    for registry in vars(host_registries).values():
        # Some hosts re-export mmengine's own registries.
        is_theirs = isinstance(registry, Registry) and registry.scope == HOSTS[part]
        if not is_theirs or part in registry._locations:
            continue
        registry._locations = [*registry._locations, part]
        registry._imported = False
        registry.bare_names = BareNames(registry)


def announce() -> None:
    """Arrange :func:`add_location` for every host, imported or not."""
    for part, host in HOSTS.items():
        when_imported(f'{host}.registry')(partial(add_location, part=part))
