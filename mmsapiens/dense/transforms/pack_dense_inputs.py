"""The last step: tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs
from torch import Tensor

from ...registry import TRANSFORMS
from ...structures.fields import FIELDS, HUMAN_MASK, Field, present_fields


def to_channels_first(array: np.ndarray, field: Field, compact: bool = False) -> Tensor:
    """A map as a tensor; of its memory where nothing else owns that.

    Args:
        array (np.ndarray): (H, W) or (H, W, C), of any strides.
        field (Field): What it shows.
        compact (bool): Whether labels stay as they are. Defaults to False.

    Returns:
        Tensor: (1, H, W) or (C, H, W); labels are int64 unless ``compact``.
    """
    # A flipped array has negative strides, which torch refuses.
    packed = np.ascontiguousarray(array)
    if packed.base is not None or not packed.flags.writeable:
        packed = packed.copy()  # another one owns this memory
    tensor = torch.from_numpy(packed)
    tensor = tensor[None] if array.ndim == 2 else tensor.permute(2, 0, 1).contiguous()
    return tensor.long() if field.is_labels and not compact else tensor


@TRANSFORMS.register_module()
class PackDenseInputs(PackSegInputs):
    """Stock ``PackSegInputs`` for every target of ``FIELDS``.

    ``data_samples`` gets ``gt_<name>`` of each map that is there, as ``PixelData`` (C, H, W).

    Args:
        meta_keys (Sequence[str], optional): Keys of the results to keep as metainfo. Defaults to
            None: those of the stock class, the paths of all maps and ``flip_label_pairs``.
        with_mask (bool): Whether to pack ``gt_human_mask``, which no network predicts, for metrics.
            Defaults to False.
        compact (bool): Whether labels keep their 8 bits on the way from the loader;
            ``DenseDataPreprocessor`` makes them int64 on the device. Defaults to False.
    """

    def __init__(
        self, meta_keys: Sequence[str] | None = None, with_mask: bool = False, compact: bool = False
    ) -> None:
        super().__init__()
        if meta_keys is not None:
            self.meta_keys = tuple(meta_keys)
        else:
            paths = [field.path_key for field in FIELDS.values()]
            keys = (*self.meta_keys, *paths, 'flip_label_pairs')
            self.meta_keys = tuple(dict.fromkeys(keys))
        self.with_mask = with_mask
        self.compact = compact

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack ``inputs`` (3, H, W), of the image's type, and ``data_samples``."""
        fields = present_fields(results)
        keys = {field.key for field in fields}
        packed = super().transform(
            {key: value for key, value in results.items() if key not in keys}
        )
        for field in fields:
            if field.is_target or (self.with_mask and field == HUMAN_MASK):
                data = to_channels_first(results[field.key], field, self.compact)
                packed['data_samples'].set_data({field.gt_name: PixelData(data=data)})
        return packed
