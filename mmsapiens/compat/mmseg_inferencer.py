"""MMSegInferencer beyond what stock mmsegmentation predicts.

It takes the pipeline of ``test_dataloader``, which a config may need for its ground truth, counts
on stock names of loading steps in it, takes every model without ``dataset_meta`` for one of
Cityscapes, and has no answer for a map that is neither of classes nor of depth.
https://github.com/open-mmlab/mmsegmentation/blob/v1.2.2/mmseg/apis/mmseg_inferencer.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

LOADING = 'LoadImageFromFile'
KNOWN = ('pred_sem_seg', 'pred_depth_map')


def fix_inferencer(module: ModuleType) -> None:
    """Let the stock inferencer run any config with a ``test_pipeline``.

    What it could do before, it does as before.

    Args:
        module (ModuleType): ``mmseg.apis.mmseg_inferencer``.
    """
    inferencer = module.MMSegInferencer
    for name, wrap in (
        ('_init_pipeline', _with_test_pipeline),
        ('_load_weights_to_model', _with_metainfo),
        ('postprocess', _with_other_maps),
    ):
        setattr(inferencer, name, wrap(getattr(inferencer, name)))


def _with_test_pipeline(stock: Any) -> Any:
    """Take ``test_pipeline`` where that of the loader cannot be used."""

    @wraps(stock)
    def init_pipeline(self: Any, cfg: Any) -> Any:
        dataset = cfg.test_dataloader.dataset
        steps = [step['type'] for step in dataset.pipeline]
        if LOADING not in steps and 'test_pipeline' in cfg:
            dataset.pipeline = cfg.test_pipeline
        return stock(self, cfg)

    return init_pipeline


def _with_metainfo(stock: Any) -> Any:
    """Classes of the config's dataset, where the checkpoint has none."""

    @wraps(stock)
    def load(self: Any, model: Any, checkpoint: Any, cfg: Any) -> None:
        stock(self, model, checkpoint, cfg)
        meta = (checkpoint or {}).get('meta', {})
        if 'dataset_meta' in meta or 'CLASSES' in meta or cfg is None:
            return
        dataset = cfg.get('test_dataloader', {}).get('dataset', {})
        from mmseg.registry import DATASETS

        known = dict(getattr(DATASETS.get(dataset.get('type')), 'METAINFO', {}))
        known.update(dataset.get('metainfo') or {})
        if known.get('classes'):
            model.dataset_meta = {key: known.get(key) for key in ('classes', 'palette')}

    return load


def _with_other_maps(stock: Any) -> Any:
    """Answer with maps of other kinds as arrays (C, H, W)."""

    @wraps(stock)
    def postprocess(
        self: Any,
        preds: Sequence[Any],
        visualization: Any,
        return_datasample: bool = False,
        pred_out_dir: str = '',
    ) -> Any:
        if return_datasample or all(_is_known(pred) for pred in preds):
            return stock(self, preds, visualization, return_datasample, pred_out_dir)
        answer: dict[str, list] = dict(predictions=[], visualization=[])
        for index, pred in enumerate(preds):
            maps = _map_of(pred)
            answer['predictions'].append(maps)
            if visualization is not None:
                answer['visualization'].append(visualization[index])
            if pred_out_dir:
                _save(maps, pred_out_dir, self.num_pred_imgs)
            self.num_pred_imgs += 1
        if len(preds) > 1:
            return answer
        return {key: value[0] if value else [] for key, value in answer.items()}

    return postprocess


def _is_known(pred: Any) -> bool:
    return any(name in pred for name in KNOWN)


def _map_of(pred: Any) -> Any:
    """The predicted map of a sample, (C, H, W)."""
    maps: Mapping[str, Any] = {
        key: value for key, value in pred.items() if key.startswith('pred_') or key == 'seg_logits'
    }
    name = min(maps, key=lambda key: key == 'seg_logits')
    return maps[name].data.cpu().numpy()


def _save(maps: Any, folder: str, number: int) -> None:
    import os

    import numpy as np

    os.makedirs(folder, exist_ok=True)
    np.save(os.path.join(folder, f'{number:08d}_pred.npy'), maps)
