"""Remedies for stock modules, one function per defect; see ``REMEDIES`` of the package."""

import logging
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlparse

import numpy as np
from numpy.lib import NumpyVersion


def fix_load_grammar(driver: ModuleType) -> None:
    """Let yapf 0.43 survive its own cache, which is renamed before it is flushed: another process
    that reads it then, as of a ``torchrun``, ends with an EOFError. The grammar is made without it.
    """
    stock = driver.load_grammar

    @wraps(stock)
    def load_grammar(*args: Any, **kwargs: Any) -> Any:
        try:
            return stock(*args, **kwargs)
        except (EOFError, pickle.UnpicklingError):
            return stock(*args, **{**kwargs, 'save': False, 'force': True})

    vars(driver)['load_grammar'] = load_grammar


def fix_checkpoint_loading(checkpoint: ModuleType) -> None:
    """Read files, also those of URLs, through :func:`mmsapiens.checkpoints.read_checkpoint`.

    ``torch.load`` refuses training checkpoints since 2.6, and so every resume:
    https://github.com/open-mmlab/mmengine/issues/1655. torch.hub's loader of URLs runs the code of
    a file. Object storage is read by ``torch.load``, which has to know what trainings hold.
    """
    from mmengine.logging import HistoryBuffer

    from ..checkpoints.allow_list import allow_training_checkpoints

    allow_training_checkpoints(HistoryBuffer)

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        from ..checkpoints.checkpoint_io import read_checkpoint

        return read_checkpoint(filename, map_location=map_location)

    def load_url(
        url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True
    ) -> Any:
        import torch

        folder = model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints')
        path = os.path.join(folder, os.path.basename(urlparse(url).path))
        if not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            torch.hub.download_url_to_file(url, path, progress=progress)
        return load_from_local(path, map_location)

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
    vars(checkpoint)['load_url'] = load_url


def fix_optim_state_order(fsdp: ModuleType) -> None:
    """Let ``FSDPStrategy`` resume: https://github.com/pytorch/pytorch/issues/105727."""
    stock = fsdp.FSDP

    class FullyShardedDataParallel(stock):  # type: ignore[misc, valid-type]
        @staticmethod
        def optim_state_dict_to_load(state: dict, model: Any, optimizer: Any, *args: Any) -> dict:
            return stock.optim_state_dict_to_load(model, optimizer, state, *args)

    vars(fsdp)['FSDP'] = FullyShardedDataParallel


def fix_multimodal(dependency: ModuleType) -> None:
    """Let mmpretrain be imported beside transformers 5, without its multimodal models, whose
    imports left ``transformers.modeling_utils``: a TypeError in every host that imports mmpretrain.
    """
    try:
        found = version('transformers')
    except PackageNotFoundError:
        return
    if int(found.split('.')[0]) < 5:
        return

    def refuse(self: object, *args: object, **kwargs: object) -> None:
        text = f'{type(self).__name__} of mmpretrain needs transformers below 5, but {found} is'
        raise ImportError(f'{text} installed: `pip install "transformers<5"`')

    def register_placeholder(names: Sequence[str], registry: Any) -> None:
        for name in names:
            registry.register_module(name=name, module=type(name, (), {'__init__': refuse}))

    vars(dependency).update(
        WITH_MULTIMODAL=False, register_multimodal_placeholder=register_placeholder
    )


class _WrappingHue(float):
    """A hue shift whose product with 255 is taken modulo 256."""

    def __mul__(self, factor: float) -> int:  # type: ignore[override]
        return int(float(self) * factor) % 256


def fix_adjust_hue(photometric: ModuleType) -> None:
    """Let ``mmcv.adjust_hue`` take negative shifts, whose ``np.uint8`` numpy 2.0 refuses."""
    if NumpyVersion(np.__version__) < '2.0.0':
        return
    stock = photometric.adjust_hue

    @wraps(stock)
    def adjust_hue(img: np.ndarray, hue_factor: float, backend: str | None = None) -> np.ndarray:
        if -0.5 <= hue_factor < 0:
            hue_factor = _WrappingHue(hue_factor)
        return stock(img, hue_factor, backend)

    # The parents hold the function under the same name once they are loaded.
    for name in ('mmcv.image.photometric', 'mmcv.image', 'mmcv'):
        module = sys.modules.get(name)
        if module and vars(module).get('adjust_hue') is stock:
            vars(module)['adjust_hue'] = adjust_hue


def fix_draw_circles(module: ModuleType) -> None:
    """Let mmpose draw keypoints: numpy 2.4 refuses ``int()`` of their radius, an array."""
    if NumpyVersion(np.__version__) < '2.4.0':
        return
    visualizer = module.OpencvBackendVisualizer
    stock = visualizer.draw_circles

    @wraps(stock)
    def draw_circles(
        self: Any, center: np.ndarray, radius: np.ndarray, *args: Any, **kwargs: Any
    ) -> Any:
        if self.backend == 'opencv':
            radius = np.asarray(radius).reshape(-1)[0].item()
        return stock(self, center, radius, *args, **kwargs)

    visualizer.draw_circles = draw_circles


def fix_albumentations(transforms: ModuleType) -> None:
    """Let ``Albu`` and ``Albumentations`` run, whose sample has keys that newer versions refuse."""
    for name in {'Albu', 'Albumentations'} & set(vars(transforms)):
        _ignore_other_keys(vars(transforms)[name])


def _ignore_other_keys(transform: Any) -> None:
    stock = transform.__init__

    @wraps(stock)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **kwargs)
        self.aug.strict = False

    transform.__init__ = init


def fix_lazy_configs(utils: ModuleType) -> None:
    """Let pure-Python configs import ``os`` and other modules that Python 3.11 freezes: mmengine
    0.10.7 takes them for packages to be imported later, and ends in an empty RuntimeError.
    """
    stock = utils._is_builtin_module

    @wraps(stock)
    def is_builtin_module(name: str) -> bool:
        return name.split('.')[0] in sys.stdlib_module_names or stock(name)

    # The caller's module holds the function under the same name, if it is loaded.
    for module in (utils, sys.modules.get('mmengine.config.config')):
        if module is not None:
            vars(module)['_is_builtin_module'] = is_builtin_module


def _with_names(module: ModuleType, **names: Any) -> ModuleType:
    """A module like ``module`` with further names, for one importer of it."""
    copy = ModuleType(module.__name__, module.__doc__)
    vars(copy).update({**vars(module), **names})
    return copy


def fix_numpy_names(module: ModuleType) -> None:
    """Let metrics run that use ``np.in1d``, gone with numpy 2.4, or ``np.float``, with 1.24."""
    names = dict(in1d=np.isin, float=float)
    lost = {name: value for name, value in names.items() if not hasattr(np, name)}
    vars(module)['np'] = _with_names(np, **lost)


def fix_array_of_one(module: ModuleType) -> None:
    """Let mmpose read UBody3D: it assigns ``np.array([1])``, which numpy 2.4 refuses."""

    def array(value: Any, *args: Any, **kwargs: Any) -> Any:
        return np.float32(1) if value == [1] else np.array(value, *args, **kwargs)

    if NumpyVersion(np.__version__) >= '2.4.0':
        vars(module)['np'] = _with_names(np, array=array)


def fix_paths_of_distillers(distiller: ModuleType) -> None:
    """Let DWPose find its configs, named relative to mmpose's source, in the installed mmpose."""
    stock = distiller.Config

    class Config(stock):  # type: ignore[misc, valid-type]
        @staticmethod
        def fromfile(path: str, *args: Any, **kwargs: Any) -> Any:
            installed = os.path.join(sys.modules['mmpose'].__path__[0], '.mim', path)
            is_there = os.path.exists(path) or not os.path.exists(installed)
            return stock.fromfile(path if is_there else installed, *args, **kwargs)

    vars(distiller)['Config'] = Config


def fix_copies(module: ModuleType) -> None:
    """Let mmpose draw tensors: ``np.array(..., copy=False)`` is strict since numpy 2.0."""

    def array(value: Any, *args: Any, copy: bool = True, **kwargs: Any) -> np.ndarray:
        return (np.array if copy else np.asarray)(value, *args, **kwargs)

    if NumpyVersion(np.__version__) >= '2.0.0':
        vars(module)['np'] = _with_names(np, array=array)


def fix_interp2d(interpolate: ModuleType) -> None:
    """Let BEiT resize its position biases by a spline: ``interp2d`` left scipy with 1.14."""

    def interp2d(x: Any, y: Any, z: np.ndarray, kind: str = 'linear') -> Callable:
        degree = dict(linear=1, cubic=3, quintic=5)[kind]
        spline = interpolate.RectBivariateSpline(x, y, np.asarray(z).T, kx=degree, ky=degree)
        return lambda new_x, new_y: spline(new_x, new_y).T

    if NumpyVersion(version('scipy')) >= '1.14.0':
        vars(interpolate)['interp2d'] = interp2d


def fix_canvas(backend_agg: ModuleType) -> None:
    """Let mmpose's 3D visualizer take an image: ``tostring_rgb`` left matplotlib with 3.10."""

    def tostring_rgb(canvas: Any) -> bytes:
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]).tobytes()

    if not hasattr(backend_agg.FigureCanvasAgg, 'tostring_rgb'):
        backend_agg.FigureCanvasAgg.tostring_rgb = tostring_rgb


def fix_class_weights(losses: ModuleType) -> None:
    """Let mmseg 1.2.2 weight classes where pixels are ignored, an IndexError; their weight is 0."""
    stock = losses.cross_entropy

    @wraps(stock)
    def cross_entropy(pred: Any, label: Any, *args: Any, **kwargs: Any) -> Any:
        call = signature(stock).bind(pred, label, *args, **kwargs)
        call.apply_defaults()
        given = call.arguments
        class_weight, is_mean = given['class_weight'], given['reduction'] == 'mean'
        if class_weight is not None and given['avg_factor'] is None and is_mean:
            classes = len(class_weight)
            outside = (label < 0) | (label >= classes)
            if given['avg_non_ignore']:
                outside |= label == given['ignore_index']
            weights = class_weight[label.clamp(0, classes - 1)].masked_fill(outside, 0)
            given['avg_factor'] = weights.sum()
        return stock(**given)

    vars(losses)['cross_entropy'] = cross_entropy


def warn_of_depth(constructors: ModuleType) -> None:
    """Let mmpose's layer decay say that ``num_layers`` is not the backbone's, which it believes:
    with the 12 of stock configs and 24 layers, the last ones train with ``0.8 ** -12`` times the
    rate.
    """
    stock = constructors.LayerDecayOptimWrapperConstructor.add_params

    @wraps(stock)
    def add_params(self: Any, params: list[dict], module: Any, *args: Any, **kwargs: Any) -> None:
        encoder: Any = getattr(module, 'backbone', None)
        wanted = self.paramwise_cfg.get('num_layers')
        if hasattr(encoder, 'layer_of') and wanted != encoder.num_layers:
            from mmengine.logging import print_log

            text = f'`num_layers` of `paramwise_cfg` is {wanted}, but the backbone has '
            text += f'{encoder.num_layers} layers, so that their learning rates are wrong'
            print_log(text, logger='current', level=logging.WARNING)
        stock(self, params, module, *args, **kwargs)

    constructors.LayerDecayOptimWrapperConstructor.add_params = add_params


def fix_layer_decay(constructors: ModuleType) -> None:
    """Let mmseg's layer decay take other encoders than ConvNeXt, BEiT and MAE: one that tells its
    depth, and has the parameter names of BEiT, is taken for one.
    """
    stock = constructors.LearningRateDecayOptimizerConstructor.add_params

    @wraps(stock)
    def add_params(self: Any, params: list[dict], module: Any, **kwargs: Any) -> None:
        encoder = module.backbone
        if not hasattr(encoder, 'layer_of'):
            return stock(self, params, module, **kwargs)
        if (wanted := self.paramwise_cfg.get('num_layers')) != encoder.num_layers:
            text = '`num_layers` of `paramwise_cfg` must be that of the backbone'
            raise ValueError(f'{text}, {encoder.num_layers}, but got {wanted}')
        backbone = type('MAE', (), {})()
        disguise = SimpleNamespace(named_parameters=module.named_parameters, backbone=backbone)
        return stock(self, params, disguise, **kwargs)

    constructors.LearningRateDecayOptimizerConstructor.add_params = add_params


def fix_inferencer(module: ModuleType) -> None:
    """Let MMSegInferencer run any config with a ``test_pipeline``, the rest as before.

    Stock takes the pipeline of ``test_dataloader``, which may need ground truth, counts on stock
    names of loading steps, takes a model without ``dataset_meta`` for one of Cityscapes, and has no
    answer for a map that is neither of classes nor of depth.
    """
    inferencer = module.MMSegInferencer
    stock_init, stock_load = inferencer._init_pipeline, inferencer._load_weights_to_model
    stock_postprocess = inferencer.postprocess

    @wraps(stock_init)
    def init_pipeline(self: Any, cfg: Any) -> Any:
        dataset = cfg.test_dataloader.dataset
        steps = [step['type'] for step in dataset.pipeline]
        if 'LoadImageFromFile' not in steps and 'test_pipeline' in cfg:
            dataset.pipeline = cfg.test_pipeline
        return stock_init(self, cfg)

    @wraps(stock_load)
    def load(self: Any, model: Any, checkpoint: Any, cfg: Any) -> None:
        stock_load(self, model, checkpoint, cfg)
        meta = (checkpoint or {}).get('meta', {})
        if 'dataset_meta' in meta or 'CLASSES' in meta or cfg is None:
            return
        dataset = cfg.get('test_dataloader', {}).get('dataset', {})
        from mmseg.registry import DATASETS

        known = dict(getattr(DATASETS.get(dataset.get('type')), 'METAINFO', {}))
        known.update(dataset.get('metainfo') or {})
        if known.get('classes'):
            model.dataset_meta = {key: known.get(key) for key in ('classes', 'palette')}

    @wraps(stock_postprocess)
    def postprocess(
        self: Any,
        preds: Sequence[Any],
        visualization: Any,
        return_datasample: bool = False,
        pred_out_dir: str = '',
    ) -> Any:
        known = ('pred_sem_seg', 'pred_depth_map')
        if return_datasample or all(any(name in pred for name in known) for pred in preds):
            return stock_postprocess(self, preds, visualization, return_datasample, pred_out_dir)
        # Maps of other kinds are arrays (C, H, W).
        answer: dict[str, list] = dict(predictions=[], visualization=[])
        for index, pred in enumerate(preds):
            name = next((key for key, _ in pred.items() if key.startswith('pred_')), 'seg_logits')
            maps = pred.get(name).data.cpu().numpy()
            answer['predictions'].append(maps)
            if visualization is not None:
                answer['visualization'].append(visualization[index])
            if pred_out_dir:
                os.makedirs(pred_out_dir, exist_ok=True)
                np.save(os.path.join(pred_out_dir, f'{self.num_pred_imgs:08d}_pred.npy'), maps)
            self.num_pred_imgs += 1
        if len(preds) > 1:
            return answer
        return {key: value[0] if value else [] for key, value in answer.items()}

    inferencer._init_pipeline, inferencer._load_weights_to_model = init_pipeline, load
    inferencer.postprocess = postprocess
