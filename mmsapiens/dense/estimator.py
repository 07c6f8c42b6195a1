"""The model of every dense task: backbone, head, and the way back.

Shapes: B batch, C channels, H W height and width of the network's input.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from ..ops.resize_outputs import restore, unflip
from ..registry import MODELS

TEST_CFG_KEYS = ('mode', 'flip_test', 'resize_once')


@MODELS.register_module()
class DenseEstimator(EncoderDecoder):
    """Stock ``EncoderDecoder`` for any field, at the original resolution.

    A prediction is stored under the name of the head's field, such as ``pred_depth_map``. Memory
    stays bounded: classes are chosen strip by strip, and ``seg_logits`` are not kept.

    Args:
        *args: Those of the stock model; ``decode_head`` is a :class:`DenseHead`.
        test_cfg (dict, optional): ``flip_test`` (False) averages with the output for the mirrored
            image; ``resize_once`` (False) goes from the output straight to the photograph, as the
            reference's small demo does, instead of over the size of the input, as its evaluation
            does. Defaults to None.
        **kwargs: Those of the stock model; ``data_preprocessor`` is a
            :class:`DenseDataPreprocessor`.

    Raises:
        ValueError: If ``test_cfg`` has another key, or another mode than 'whole'.
    """

    def __init__(
        self, *args: Any, test_cfg: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        test_cfg = dict(test_cfg or {})
        if unknown := set(test_cfg) - set(TEST_CFG_KEYS):
            raise ValueError(
                f'`test_cfg` must have keys of {TEST_CFG_KEYS}, but got {sorted(unknown)}'
            )
        if test_cfg.setdefault('mode', 'whole') != 'whole':
            raise ValueError(
                f"`test_cfg['mode']` must be 'whole', but got {test_cfg['mode']!r}: the position "
                'embedding is that of a whole image'
            )
        super().__init__(*args, test_cfg=test_cfg, **kwargs)

    def predict(
        self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """The samples, by default new ones, with ``pred_*`` of normalized images (B, 3, H, W)."""
        if data_samples is None:
            data_samples = [SegDataSample() for _ in inputs]
        output = self.raw_output(inputs, data_samples)
        for sample, maps in zip(data_samples, output):
            pred = self.restore_output(maps, sample.metainfo, inputs.shape[2:])
            name = self.decode_head.row.pred_name
            sample.set_data({name: PixelData(data=pred)})
        return list(data_samples)

    def raw_output(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> Tensor:
        """Output (B, C, h, w) for images (B, 3, H, W), with ``flip_test`` the mean of both passes,
        for which samples of labels need ``flip_label_pairs``."""
        output = self._forward(inputs)  # (B, C, h, w)
        if self.test_cfg.get('flip_test', False):
            pairs = self._label_pairs(data_samples)
            mirrored = unflip(self._forward(inputs.flip(-1)), self.decode_head.row, pairs)
            output = (output + mirrored) / 2
        return output

    def restore_output(
        self, maps: Tensor, meta: Mapping[str, Any], input_hw: Sequence[int]
    ) -> Tensor:
        """The prediction (_, ori_H, ori_W), or of the size of the input, from one image of
        :meth:`raw_output` (C, h, w) and the metainfo of its sample."""
        head = self.decode_head
        maps = maps.float()
        via_hw: tuple[int, int] | None = (input_hw[0], input_hw[1])
        default_hw = input_hw
        padding = meta.get('img_padding_size', meta.get('padding_size'))
        if padding is not None and any(padding):
            maps = F.interpolate(maps[None], size=via_hw, mode='bilinear')[0]
            left, right, top, bottom = padding
            height, width = maps.shape[1:]
            maps = maps[:, top : height - bottom, left : width - right]
            via_hw, default_hw = None, maps.shape[1:]
        elif self.test_cfg.get('resize_once', False):
            via_hw, default_hw = None, maps.shape[1:]
        if meta.get('flip') and meta.get('flip_direction') == 'horizontal':
            maps = unflip(maps, head.row, meta.get('flip_label_pairs', ()))
        height, width = meta.get('ori_shape', default_hw)
        return restore(
            maps, (height, width), lambda part: head.finish(head.activate(part)), via_hw=via_hw
        )

    def _label_pairs(self, data_samples: Sequence[SegDataSample]) -> Sequence[Sequence[int]]:
        if not self.decode_head.row.is_labels:
            return ()
        if 'flip_label_pairs' not in data_samples[0].metainfo:
            raise ValueError(
                '`flip_test` needs `flip_label_pairs` in the metainfo of a sample, the classes '
                'that a mirror exchanges; `()` for classes without sides.'
            )
        return data_samples[0].metainfo['flip_label_pairs']
