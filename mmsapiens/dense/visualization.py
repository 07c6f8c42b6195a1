"""Side-by-side panels of every dense field of a sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from mmengine.dist import master_only
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from ..registry import VISUALIZERS
from ..structures.fields import FIELDS, HUMAN_MASK
from ..visualization.colors import spread_palette
from ..visualization.field_drawers import Scene, draw_field
from ..visualization.panels import Tile, display_size, font_size, join_row, stack


def displayed_map(sample: SegDataSample, name: str, size_hw: tuple[int, int]) -> np.ndarray | None:
    """A map of a sample, (C, H, W) of the display, int or float32, on the CPU, or None."""
    if name not in sample:
        return None
    maps = torch.as_tensor(sample.get(name).data)
    if maps.ndim == 2:
        maps = maps[None]
    for axis, length in zip((1, 2), size_hw):
        old = maps.shape[axis]
        index = ((torch.arange(length) + 0.5) * old / length).long()
        maps = maps.index_select(axis, index.to(maps.device))
    if maps.is_floating_point():
        maps = maps.float()
    return maps.detach().cpu().numpy()


@VISUALIZERS.register_module()
class DenseVisualizer(SegLocalVisualizer):
    """Draws image, truth, prediction and error beside each other.

    There is one row for each field of the sample, drawn as
    :mod:`mmsapiens.visualization.field_drawers` says. Names and colors of classes are those of the
    dataset.

    Args:
        name (str): Name of the instance. Defaults to 'visualizer'.
        opacity (float): That of the colors of classes over the image, in [0, 1]. Defaults to 0.5.
        with_background (bool): Whether to paint class 0, as the reference does. Defaults to False.
        with_error (bool): Whether to draw the error. Defaults to True.
        min_side (int): Longer side of a small image, enlarged for text, in pixels. Defaults to 320.
        max_side (int): That of a large one, which is reduced. Defaults to 1024.
        **kwargs: ``vis_backends``, ``save_dir`` and others of the stock visualizer.

    Raises:
        ValueError: If ``opacity`` or the sides are out of range.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        *,
        opacity: float = 0.5,
        with_background: bool = False,
        with_error: bool = True,
        min_side: int = 320,
        max_side: int = 1024,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, alpha=opacity, **kwargs)
        if not 0 <= opacity <= 1:
            raise ValueError(f'`opacity` must be in [0, 1], but got {opacity}')
        if not 0 < min_side <= max_side:
            raise ValueError(
                f'`min_side` must be above 0 and at most `max_side`, but got {min_side}, {max_side}'
            )
        self.with_background, self.with_error = with_background, with_error
        self.min_side, self.max_side = min_side, max_side

    def set_dataset_meta(self, *args: Any, **kwargs: Any) -> None:
        """Names and colors of classes; by default none, not Cityscapes'."""
        if any(value is not None for value in (*args, *kwargs.values())):
            super().set_dataset_meta(*args, **kwargs)
        else:
            self.dataset_meta: dict[str, Any] = {}

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
        with_labels: bool | None = True,
    ) -> None:
        """Draw a sample and its image, RGB uint8 (H, W, 3), for the backends or a file.

        Args are those of stock, without ``with_labels``: classes are always named, in a legend.
        """
        panel = self.draw_panel(image, data_sample, draw_gt=draw_gt, draw_pred=draw_pred)
        self.set_image(panel)
        if show:
            self.show(panel, win_name=name, wait_time=wait_time)
        if out_file is None:
            self.add_image(name, panel, step)
        elif not mmcv.imwrite(panel[..., ::-1], str(out_file)):
            raise OSError(f'cannot write the image {out_file}')

    def draw_panel(
        self,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        *,
        draw_gt: bool = True,
        draw_pred: bool = True,
    ) -> np.ndarray:
        """The panel of :meth:`add_datasample`, RGB uint8 (_, _, 3); a ValueError of no image."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f'`image` must be uint8 (H, W, 3), but got {image.dtype} {image.shape}'
            )
        size_hw = display_size(image.shape[0], image.shape[1], self.min_side, self.max_side)
        way = cv2.INTER_AREA if size_hw[0] < image.shape[0] else cv2.INTER_LINEAR
        image = cv2.resize(image, size_hw[::-1], interpolation=way)
        sample = SegDataSample() if data_sample is None else data_sample
        path = sample.metainfo.get('img_path')
        title = Path(path).name if path else 'image'
        human = displayed_map(sample, HUMAN_MASK.gt_name, size_hw)
        mask = None if human is None else human[0] > 0
        meta: Mapping[str, Any] = self.dataset_meta or {}
        classes: Sequence[str] = meta.get('classes') or ()
        rows = []
        for field in FIELDS.values():
            gt = displayed_map(sample, field.gt_name, size_hw) if draw_gt else None
            pred = displayed_map(sample, field.pred_name, size_hw) if draw_pred else None
            if pred is None and (gt is None or not field.is_target):
                continue
            colors: Sequence[Sequence[int]] = meta.get('palette') or ()
            if field.is_labels and not colors:
                given = [one for one in (gt, pred) if one is not None]
                highest = max(int(one[one < field.fill].max(initial=0)) + 1 for one in given)
                colors = spread_palette(max(highest, len(classes)))
            opacity = float(self.alpha)
            scene = Scene(image, mask, gt, classes, colors, opacity, self.with_background)
            rows += draw_field(field, scene, pred, title, with_error=self.with_error)
        return stack(rows or [join_row([Tile(title, image)], font_size(*size_hw))])
