"""Remedies for stock modules, one function per defect.

Each takes the module that it mends, once that is imported, and does nothing where the stock code
works; see ``REMEDIES`` of the package.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib import NumpyVersion


def fix_load_grammar(driver: ModuleType) -> None:
    """Let yapf, which mmengine's config imports, survive its own cache.

    yapf 0.43 pickles its grammar for the user when it is first imported, and renames the file to
    its final name before it is flushed. Another process that reads it then, the second one of a
    ``torchrun``, ends with an EOFError. The grammar is then made again, without the cache.
    https://github.com/google/yapf/blob/v0.43.0/third_party/yapf_third_party/_ylib2to3/pgen2/grammar.py
    """
    stock = driver.load_grammar

    @wraps(stock)
    def load_grammar(*args: Any, **kwargs: Any) -> Any:
        try:
            return stock(*args, **kwargs)
        except (EOFError, pickle.UnpicklingError):
            return stock(*args, **{**kwargs, 'save': False, 'force': True})

    vars(driver)['load_grammar'] = load_grammar


def register_local_loader(checkpoint: ModuleType) -> None:
    """Read local files through :func:`mmsapiens.checkpoints.read_checkpoint`.

    ``torch.load`` refuses training checkpoints since 2.6, where the default became
    ``weights_only=True``: every resume fails. https://github.com/open-mmlab/mmengine/issues/1655
    The reader also takes ``.safetensors``, and says what is wrong with other files.
    """

    def load_from_local(filename: str, map_location: Any = None) -> Any:
        # Here, as a stock project may never load a checkpoint.
        from mmengine.logging import HistoryBuffer

        from ..checkpoints.allow_list import allow_training_checkpoints
        from ..checkpoints.checkpoint_io import read_checkpoint

        allow_training_checkpoints(HistoryBuffer)
        return read_checkpoint(filename, map_location=map_location)

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def fix_optim_state_order(fsdp: ModuleType) -> None:
    """Let ``FSDPStrategy`` load an optimizer state.

    mmengine 0.10.7 passes (state, model, optimizer) by position to
    ``FullyShardedDataParallel.optim_state_dict_to_load``, whose order became (model, optimizer,
    state) in torch 2.1: a TypeError at resume. https://github.com/pytorch/pytorch/issues/105727
    """
    stock = fsdp.FSDP

    class FullyShardedDataParallel(stock):  # type: ignore[misc, valid-type]
        @staticmethod
        def optim_state_dict_to_load(state: dict, model: Any, optimizer: Any, *args: Any) -> dict:
            return stock.optim_state_dict_to_load(model, optimizer, state, *args)

    vars(fsdp)['FSDP'] = FullyShardedDataParallel


def fix_multimodal(dependency: ModuleType) -> None:
    """Let mmpretrain be imported beside transformers 5.

    Its multimodal models import ``PreTrainedModel`` together with helpers that left
    ``transformers.modeling_utils`` in 5.0; every host that imports mmpretrain ends in a TypeError.
    With 5 these models are left out, as they are without transformers.
    https://github.com/huggingface/transformers/blob/main/MIGRATION_GUIDE_V5.md
    """
    try:
        found = version('transformers')
    except PackageNotFoundError:
        return
    if int(found.split('.')[0]) < 5:
        return

    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise ImportError(
            f'{type(self).__name__} of mmpretrain needs transformers below 5, but {found} is '
            'installed: `pip install "transformers<5"`'
        )

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
    """Let ``mmcv.adjust_hue`` take negative shifts.

    It calls ``np.uint8(hue_factor * 255)``, an OverflowError for negative values since numpy 2.0,
    which wrapped before. https://numpy.org/neps/nep-0050-scalar-promotion.html
    """
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
    """Let mmpose's default visualizer draw keypoints.

    It passes the radius as an array of one element, and ``int()`` of such an array is a TypeError
    since numpy 2.4. https://numpy.org/doc/stable/release/2.4.0-notes.html
    """
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


def fix_inferencer(module: ModuleType) -> None:
    """Let MMSegInferencer run any config with a ``test_pipeline``, the rest as before.

    Stock takes the pipeline of ``test_dataloader``, which a config may need for its ground truth,
    counts on stock names of loading steps in it, takes every model without ``dataset_meta`` for one
    of Cityscapes, and has no answer for a map that is neither of classes nor of depth.
    https://github.com/open-mmlab/mmsegmentation/blob/v1.2.2/mmseg/apis/mmseg_inferencer.py
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
