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
from types import ModuleType

from wrapt import when_imported

from . import fsdp, local_loader, missing_modules, mmseg_inferencer, numpy2, yapf_cache

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
    when_imported('yapf_third_party._ylib2to3.pgen2.driver')(yapf_cache.fix_load_grammar)
    when_imported('mmcv.image.photometric')(numpy2.fix_adjust_hue)
    when_imported('mmpose.visualization.opencv_backend_visualizer')(numpy2.fix_draw_circles)
    when_imported('mmengine.runner.checkpoint')(local_loader.register_local_loader)
    when_imported('mmengine._strategy.fsdp')(fsdp.fix_optim_state_order)
    when_imported('mmseg.apis.mmseg_inferencer')(mmseg_inferencer.fix_inferencer)
    when_imported('mmpretrain.utils.dependency')(_fix_multimodal)


def _fix_multimodal(dependency: ModuleType) -> None:
    # Imports mmengine, which mmpretrain has imported by then.
    from .transformers5 import fix_multimodal

    fix_multimodal(dependency)
