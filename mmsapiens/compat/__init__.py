"""Lets stock OpenMMLab releases run on current torch, numpy and setuptools.

One function per defect, which acts when the module that it mends is imported and does nothing where
the stock code works.
"""

import os
import sys
import warnings
from types import ModuleType

from wrapt import when_imported

from . import missing_modules

REMEDIES = {
    'yapf_third_party._ylib2to3.pgen2.driver': 'fix_load_grammar',
    'mmcv.image.photometric': 'fix_adjust_hue',
    'mmpose.datasets.datasets.wholebody3d.ubody3d_dataset': 'fix_array_of_one',
    'mmpose.engine.optim_wrappers.layer_decay_optim_wrapper': 'warn_of_depth',
    'mmpose.models.distillers.dwpose_distiller': 'fix_paths_of_distillers',
    'mmpose.visualization.local_visualizer': 'fix_copies',
    'mmpose.visualization.local_visualizer_3d': 'fix_copies',
    'mmpose.visualization.opencv_backend_visualizer': 'fix_draw_circles',
    'mmengine.config.utils': 'fix_lazy_configs',
    'mmengine.runner.checkpoint': 'fix_checkpoint_loading',
    'mmengine._strategy.fsdp': 'fix_optim_state_order',
    'mmseg.apis.mmseg_inferencer': 'fix_inferencer',
    'mmseg.datasets.transforms.transforms': 'fix_albumentations',
    'mmseg.engine.optimizers.layer_decay_optimizer_constructor': 'fix_layer_decay',
    'mmseg.models.losses.cross_entropy_loss': 'fix_class_weights',
    'mmpretrain.datasets.transforms.processing': 'fix_albumentations',
    'mmpretrain.evaluation.metrics.retrieval': 'fix_numpy_names',
    'mmpretrain.utils.dependency': 'fix_multimodal',
    'mmdet.datasets.transforms.transforms': 'fix_albumentations',
    'mmdet.evaluation.functional.ytviseval': 'fix_numpy_names',
    'cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling': 'fix_numpy_names',
    'cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling': 'fix_numpy_names',
    'lvis.eval': 'fix_numpy_names',
    'matplotlib.backends.backend_agg': 'fix_canvas',
    'scipy.interpolate': 'fix_interp2d',
}
"""Module -> the function of :mod:`.remedies` that mends it once it is imported."""

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
    sys.meta_path.append(missing_modules.StandInFinder())
    for name in missing_modules.OPERATOR_MODULES:
        when_imported(name)(missing_modules.fix_operators)
    for name in REMEDIES:
        when_imported(name)(_mend)


def _mend(module: ModuleType) -> None:
    """Call the remedy of a module, imported only now that the module is there."""
    from . import remedies

    getattr(remedies, REMEDIES[module.__name__])(module)
