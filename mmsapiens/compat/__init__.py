"""Lets stock OpenMMLab releases run on current torch, numpy and setuptools.

One module per group of defects, one function per defect. Each function tests the version or the
missing module itself, so that it does nothing where the stock code works: a compiled mmcv, for one,
is always preferred.

The remedies act when the module that they mend is imported, or at once if it has been imported
before. Nothing here imports a host package.
"""

from __future__ import annotations

import os
import warnings
from functools import partial
from importlib import import_module
from types import ModuleType

from wrapt import when_imported

from . import missing_modules

REMEDIES = {
    'yapf_third_party._ylib2to3.pgen2.driver': ('.yapf_cache', 'fix_load_grammar'),
    'mmcv.image.photometric': ('.numpy2', 'fix_adjust_hue'),
    'mmpose.visualization.opencv_backend_visualizer': ('.numpy2', 'fix_draw_circles'),
    'mmengine.runner.checkpoint': ('.local_loader', 'register_local_loader'),
    'mmengine._strategy.fsdp': ('.fsdp', 'fix_optim_state_order'),
    'mmseg.apis.mmseg_inferencer': ('.mmseg_inferencer', 'fix_inferencer'),
    'mmpretrain.utils.dependency': ('.transformers5', 'fix_multimodal'),
}
"""Module -> the module and function that mend it once it is imported."""

_applied = False


def apply() -> None:
    """Install every remedy; a second call does nothing."""
    global _applied
    if _applied:
        return
    _applied = True
    # albumentations asks a server for its newest version when it is imported.
    os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')
    # mmengine uses it in every `_base_ = 'mmpose::...'`.
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated', module='mmengine')
    missing_modules.install_finder()
    for name in missing_modules.OPERATOR_MODULES:
        when_imported(name)(missing_modules.fix_operators)
    for module, remedy in REMEDIES.items():
        when_imported(module)(partial(_mend, remedy))


def _mend(remedy: tuple[str, str], module: ModuleType) -> None:
    """Import the remedy of a module, now that the module is imported, and call it."""
    name, function = remedy
    getattr(import_module(name, __name__), function)(module)
