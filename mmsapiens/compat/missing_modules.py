"""Stand-ins for two modules that stock OpenMMLab imports and may not find: ``mmcv._ext``, the
compiled operators that mmcv-lite lacks, and ``pkg_resources``, which left setuptools with 82.

The finder stands at the *end* of ``sys.meta_path``, so a real module always wins. This file imports
the standard library alone, which keeps ``import mmsapiens`` cheap.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

ORIGIN = 'mmsapiens.compat'
_OPERATORS = 'roi_align deform_conv modulated_deform_conv multi_scale_deform_attn focal_loss'
OPERATOR_MODULES = tuple(f'mmcv.ops.{name}' for name in _OPERATORS.split())


def fill_mmcv_ext(module: ModuleType) -> None:
    """Let ``mmcv.ops`` import, and find nms; any other operator names itself when it is called."""
    from .mmcv_ops import nms

    def missing_operator(name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)

        def operator(*args: object, **kwargs: object) -> None:
            text = f'the operator `{name}` needs a compiled mmcv, but mmcv-lite is installed'
            remedy = 'Build mmcv 2.1.0 from source (docs/install.md), or use another model.'
            raise NotImplementedError(f'{text}. {remedy}')

        operator.__name__ = name
        return operator

    for name in ('get_compiler_version', 'get_compiling_cuda_version'):
        setattr(module, name, lambda: 'none (mmcv-lite)')
    vars(module).update(nms=nms, __getattr__=missing_operator)


def fix_operators(module: ModuleType) -> None:
    """Let one of :data:`OPERATOR_MODULES` do without compiled operators, if they are missing."""
    if is_stand_in(sys.modules['mmcv._ext']):
        from .mmcv_ops import OPERATORS

        vars(module).update(OPERATORS[module.__name__])


def fill_pkg_resources(module: ModuleType) -> None:
    """Give ``module`` what mmengine uses of ``pkg_resources``."""
    from importlib.metadata import PackageNotFoundError, distribution
    from importlib.util import find_spec
    from pathlib import Path

    def get_distribution(name: str) -> SimpleNamespace:
        dist = distribution(name)
        top_level = (dist.read_text('top_level.txt') or name).split()[0]
        # The import system knows where an editable install really is.
        spec = find_spec(top_level)
        place = Path(spec.origin).parent.parent if spec and spec.origin else dist.locate_file('')
        return SimpleNamespace(
            project_name=dist.metadata['Name'],
            version=dist.version,
            location=str(place),
            has_metadata=lambda file: dist.read_text(file) is not None,
            get_metadata=lambda file: dist.read_text(file) or '',
        )

    vars(module).update(
        DistributionNotFound=PackageNotFoundError, get_distribution=get_distribution
    )


class StandInFinder(MetaPathFinder, Loader):
    """Finds and fills the stand-ins."""

    fillers: dict[str, Callable[[ModuleType], None]] = {
        'mmcv._ext': fill_mmcv_ext,
        'pkg_resources': fill_pkg_resources,
    }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the names of :attr:`fillers`, None for all others."""
        if fullname in self.fillers:
            return ModuleSpec(fullname, self, origin=ORIGIN)
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill ``module`` with its stand-in."""
        self.fillers[module.__name__](module)


def is_stand_in(module: ModuleType) -> bool:
    """Whether ``module`` was made by :class:`StandInFinder`."""
    return getattr(module.__spec__, 'origin', None) == ORIGIN
