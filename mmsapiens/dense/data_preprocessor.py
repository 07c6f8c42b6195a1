"""Batches of images and of every map that belongs to them."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.structures import SegDataSample
from mmseg.utils import stack_batch
from torch import Tensor

from ..registry import MODELS
from ..structures.fields import FIELDS


@MODELS.register_module()
class DenseDataPreprocessor(SegDataPreProcessor):
    """Stock preprocessing that pads every field with its own fill value, not one that is a target.

    Args:
        **kwargs: As in the stock class, without ``seg_pad_val`` and ``batch_augments``.

    Raises:
        TypeError: If one of these two is given.
    """

    def __init__(self, **kwargs: Any) -> None:
        for name in ('seg_pad_val', 'batch_augments'):
            if kwargs.get(name) is not None:
                raise TypeError(
                    f'DenseDataPreprocessor takes no `{name}`: the values of padding stand in '
                    '`mmsapiens.dense.FIELDS`'
                )
        super().__init__(**kwargs)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """A normalized batch of ``inputs``, images (3, h, w) in [0, 255], and ``data_samples``.

        Only in training fields get the size of the inputs (B, 3, H, W), ``size``; a test pads with
        ``test_cfg``. ValueError if images differ in size without, or a field from its image in
        training.
        """
        data = self.cast_data(data)
        inputs = [self._normalize(image) for image in data['inputs']]
        samples = data.get('data_samples')
        for sample in samples or []:
            _widen_labels(sample)
        stock = dict(size=self.size, size_divisor=self.size_divisor) if training else self.test_cfg
        padding = {key: value for key, value in (stock or {}).items() if value}
        if not padding:
            sizes = {tuple(image.shape[1:]) for image in inputs}
            if len(sizes) > 1:
                raise ValueError(
                    f'the images of a batch must have one size, but got {sorted(sizes)}. Resize '
                    'them in the pipeline, or set `size` of the data preprocessor.'
                )
            return dict(inputs=torch.stack(inputs), data_samples=samples)
        if training:
            for image, sample in zip(inputs, samples or []):
                _check_sizes(image, sample)
        batch, pads = stack_batch(inputs, pad_val=self.pad_val, **padding)
        for sample, pad in zip(samples or [], pads):
            sample.set_metainfo(dict(pad))
            if training:
                _pad_fields(sample, pad['img_padding_size'])
        return dict(inputs=batch, data_samples=samples)

    def _normalize(self, image: Tensor) -> Tensor:
        if self.channel_conversion and image.shape[0] == 3:
            image = image[[2, 1, 0]]
        image = image.float()
        return (image - self.mean) / self.std if self._enable_normalize else image


def _check_sizes(image: Tensor, sample: SegDataSample) -> None:
    for field in FIELDS.values():
        maps = sample.get(field.gt_name)
        if maps is not None and maps.shape != image.shape[1:]:
            raise ValueError(
                f'`{field.gt_name}` of {sample.get("img_path")} must be as large as its image, '
                f'{tuple(image.shape[1:])}, but got {tuple(maps.shape)}. Use geometric steps that '
                "carry the fields (such as 'mmsapiens.ResizeFields')."
            )


def _widen_labels(sample: SegDataSample) -> None:
    """Labels of 8 bits to int64, as losses and metrics need them."""
    for field in FIELDS.values():
        if field.is_labels and field.gt_name in sample:
            labels = sample.get(field.gt_name).data
            sample.set_data({field.gt_name: PixelData(data=labels.long())})


def _pad_fields(sample: SegDataSample, padding: Sequence[int]) -> None:
    """Pad the targets of a sample; (left, right, top, bottom) in pixels."""
    for field in FIELDS.values():
        if any(padding) and field.gt_name in sample:
            maps = F.pad(sample.get(field.gt_name).data, tuple(padding), value=field.fill)
            sample.set_data({field.gt_name: PixelData(data=maps)})
