"""Maps of body parts, depth and normals; needs mmsegmentation.

Letters: B batch, C channels, H W height and width of the image, h w those of the network's
output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...structures.fields import Field
from ...structures.results import Image, MapResult, People
from ..lite import lite_restore
from .base import Sample, TaskNetwork


@dataclass(frozen=True)
class RawMap:
    """Output of the network for one image.

    Args:
        values (Tensor): (C, h, w), on the device.
        meta (Mapping): Metainfo of its sample.
        input_hw (tuple[int, int]): Height and width of the input.
    """

    values: Tensor
    meta: Mapping[str, Any]
    input_hw: tuple[int, int]


class DenseNetwork(TaskNetwork):
    """A :class:`mmsapiens.dense.DenseEstimator`: a sample for each image."""

    @property
    def row(self) -> Field:
        """What it predicts."""
        row: Field = self.model.decode_head.row
        return row

    def pipeline_steps(self) -> Sequence[Mapping[str, Any]]:
        """``test_pipeline`` of the config."""
        steps: Sequence[Mapping[str, Any]] = self.cfg.test_pipeline
        return steps

    def count(self, people: People) -> int:
        """One, whoever is in the image."""
        return 1

    def prepare(self, frame: Image, people: People, index: int) -> Sample:
        """The image at the size of the input."""
        data = self.frame_data(frame)
        pairs = self.metainfo.get('flip_pairs', ())
        data['flip_label_pairs'] = [tuple(pair) for pair in pairs]
        sample: Sample = self.pipeline(data)
        return sample

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list:
        """A :class:`RawMap` for each image, still small."""
        output = self.model.raw_output(inputs, data_samples)
        height, width = inputs.shape[2:]
        return [
            RawMap(values, sample.metainfo, (height, width))
            for values, sample in zip(output, data_samples)
        ]

    @torch.inference_mode()
    def finish(self, frame: Image, people: People, outputs: Sequence[Any]) -> MapResult:
        """The map at the size of the image, made strip by strip."""
        (raw,) = outputs
        if self.is_lite:
            maps = lite_restore(raw.values, self.row, frame.size_hw)
        else:
            maps = self.model.restore_output(raw.values, raw.meta, raw.input_hw)
        values = to_array(maps, self.row)
        if not self.row.is_labels:
            return MapResult(values, self.row.name)
        return MapResult(
            values,
            self.row.name,
            tuple(self.metainfo.get('classes') or ()),
            tuple(tuple(c) for c in self.metainfo.get('palette') or ()),
        )


def to_array(maps: Tensor, field: Field) -> np.ndarray:
    """A prediction as :class:`MapResult` holds it.

    Args:
        maps (Tensor): (C, H, W).
        field (Field): What it shows.

    Returns:
        np.ndarray: (H, W), or (H, W, C) of several channels, of the type of the field.
    """
    if field.is_labels:
        maps = maps.to(torch.uint8)
    array: np.ndarray = maps.cpu().numpy().astype(field.dtype, copy=False)
    if len(array) == 1:
        return array[0]
    return np.ascontiguousarray(array.transpose(1, 2, 0))
