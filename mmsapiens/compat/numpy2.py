"""Stock code that numpy 2 breaks while it runs."""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib import NumpyVersion


class _WrappingHue(float):
    """A hue shift whose product with 255 is taken modulo 256."""

    def __mul__(self, factor: float) -> int:  # type: ignore[override]
        return int(float(self) * factor) % 256


def fix_adjust_hue(photometric: ModuleType) -> None:
    """Let ``mmcv.adjust_hue`` take negative shifts.

    It calls ``np.uint8(hue_factor * 255)``, an OverflowError for negative values since numpy 2.0
    (NEP 50); older versions wrap modulo 256. https://numpy.org/neps/nep-0050-scalar-promotion.html

    Args:
        photometric (ModuleType): ``mmcv.image.photometric``.
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

    Args:
        module (ModuleType): ``mmpose.visualization.opencv_backend_visualizer``.
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
