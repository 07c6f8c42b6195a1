"""Child registries of MMEngine's roots; :mod:`mmsapiens._parts` lists classes in the hosts."""

import logging
from importlib import import_module

import mmengine.registry as root
from mmengine.logging import print_log
from mmengine.registry import Registry

from ._parts import HOSTS, SHARED, installed_parts, missing_hosts


class PartRegistry(Registry):
    """A registry that imports part after part, until a name is found."""

    def get(self, key: str) -> type | None:
        """The class registered as ``key``, with or without the scope."""
        name = key.removeprefix(f'{self.scope}.')
        for location in (*SHARED, *installed_parts()):
            import_module(location)
            if name in self.module_dict:
                return self.module_dict[name]
        if missing_hosts() and '.' not in name:
            text = f'{name} is not in mmsapiens; the parts for {", ".join(missing_hosts())} were '
            text += 'not searched, because these packages are not installed'
            print_log(text, logger='current', level=logging.WARNING)
        return super().get(key)


def _child(parent: Registry) -> Registry:
    return PartRegistry(parent.name, parent=parent, scope='mmsapiens')


DATASETS = _child(root.DATASETS)
DATA_SAMPLERS = _child(root.DATA_SAMPLERS)
HOOKS = _child(root.HOOKS)
LOOPS = _child(root.LOOPS)
METRICS = _child(root.METRICS)
MODELS = _child(root.MODELS)
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS)
RUNNERS = _child(root.RUNNERS)
STRATEGIES = _child(root.STRATEGIES)
TRANSFORMS = _child(root.TRANSFORMS)
VISUALIZERS = _child(root.VISUALIZERS)

REGISTRIES: dict[str, Registry] = {
    name: value for name, value in list(globals().items()) if isinstance(value, PartRegistry)
}
"""All of the above by their variable's name, which hosts share."""


def list_in_host(part: str, **more: Registry) -> None:
    """Let the host of ``part`` find its public classes under bare names, if nobody has them.

    Each part calls it; ``more`` are its registries that have no root in MMEngine, by the name that
    they share with those of the host.
    """
    theirs = import_module(f'{HOSTS[part]}.registry')
    sources = tuple(f'{name}.' for name in (*SHARED, part))
    for name, child in {**REGISTRIES, **more}.items():
        names = getattr(getattr(theirs, name, None), 'bare_names', None)
        if names is None:
            continue
        for key, component in child.module_dict.items():
            if component.__module__.startswith(sources):
                names.classes[key] = component
                names.is_taken(key)
