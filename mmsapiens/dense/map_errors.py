"""Errors of albedo, points and mattes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from ..registry import METRICS
from ..structures.fields import get_field
from .metrics import _lost, _MapMetric

CM = 100.0


@METRICS.register_module()
class MapErrorMetric(_MapMetric):
    """Mean errors of a map of numbers inside a ``gt_human_mask``, or everywhere without one.

    ``pixel/...`` pools the valid pixels of all images, ``image/...`` is the mean of the images' own
    figures. They are named

    - ``mae`` of albedo, over the channels;
    - ``distance_cm`` of points in meters, and ``scaled_distance_cm`` when the points of each image
      are multiplied by the factor that fits best; a predicted point that is NaN counts as one at
      the camera;
    - ``opacity_mae`` and ``color_mae`` of mattes, the second of the premultiplied color.

    Args:
        field (str): 'albedo_map', 'point_map' or 'matte_map'.
        **kwargs: ``collect_device`` and ``prefix``, as in stock metrics.

    Raises:
        ValueError: If ``field`` is another one.
    """

    def __init__(self, field: str, **kwargs: Any) -> None:
        if field not in ('albedo_map', 'point_map', 'matte_map'):
            raise ValueError(
                "`field` must be 'albedo_map', 'point_map' or 'matte_map', but got "
                f'{field!r}. Normals, depth and classes have metrics of their own.'
            )
        super().__init__(**kwargs)
        self.field = get_field(field)

    def _read(self, sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pred, gt, mask = super()._read(sample)
        if self.field.is_position:
            pred = np.nan_to_num(pred, nan=0.0, posinf=0.0, neginf=0.0)
        return pred, gt, mask

    def valid(self, gt: np.ndarray) -> np.ndarray:
        """Where the truth (C, H, W) is known, bool (H, W)."""
        if self.field.is_position:
            return np.isfinite(gt).all(axis=0) & (gt[2] > 0)
        return (gt >= 0).all(axis=0)

    def measure(self, pred: np.ndarray, gt: np.ndarray) -> dict[str, Any]:
        pred, gt = pred.astype(np.float64), gt.astype(np.float64)
        if self.field.is_position:
            factor = (pred * gt).sum() / max(np.square(pred).sum(), 1e-12)
            errors = dict(
                distance_cm=CM * np.linalg.norm(pred - gt, axis=0),
                scaled_distance_cm=CM * np.linalg.norm(factor * pred - gt, axis=0),
            )
        else:
            error = np.abs(pred - gt)
            if self.field.is_premultiplied:
                errors = dict(opacity_mae=error[3], color_mae=error[:3].mean(axis=0))
            else:
                errors = dict(mae=error.mean(axis=0))
        return dict(pixels=pred.shape[1], sums={k: float(v.sum()) for k, v in errors.items()})

    def compute_metrics(self, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        counted = [result for result in results if result['pixels']]
        print_log(
            f'Errors of {self.field.name} in {len(counted)} images; {len(results) - len(counted)} '
            f'images without a valid pixel are left out; {_lost(results)}',
            logger='current',
        )
        figures: dict[str, float] = {}
        for name in counted[0]['sums'] if counted else ():
            total = sum(result['sums'][name] for result in counted)
            figures[f'pixel/{name}'] = total / sum(result['pixels'] for result in counted)
            own = [result['sums'][name] / result['pixels'] for result in counted]
            figures[f'image/{name}'] = float(np.mean(own))
        return figures
