"""The heatmap head of Sapiens."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import HeatmapHead
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..checkpoints.heads import check_loaded
from ..models.heads import conv_layers, deconv_layers, upsample
from ..registry import MODELS
from .codecs import BatchedUDPHeatmap

ACCURACY_THRESHOLD = 0.05
"""Largest distance of a hit, as a share of the map."""


@MODELS.register_module()
class InstanceNormHeatmapHead(HeatmapHead):
    """Stock heatmap head with the layers of :class:`mmsapiens.models.heads.HeatmapHead`.

    Weights of a stock head, which has batch norm and ReLU at the same layer numbers, and those for
    another number of keypoints are refused. Sapiens, 308 keypoints: (B, D, 64, 48) to heatmaps (B,
    308, 256, 192).

    Args:
        in_channels (int): Width D of the backbone.
        out_channels (int): Number of keypoints K.
        deconv_out_channels (Sequence[int]): Channels after each transposed convolution, which
            doubles the resolution. Defaults to (768, 768).
        deconv_kernel_sizes (Sequence[int]): Their kernel sizes. Defaults to (4, 4).
        conv_out_channels (Sequence[int]): Channels of the convolutions that follow. Defaults to
            (768, 768).
        conv_kernel_sizes (Sequence[int]): Their kernel sizes. Defaults to (1, 1).
        **kwargs: ``final_layer``, ``loss``, ``decoder`` and ``init_cfg`` of the stock head.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        deconv_out_channels: Sequence[int] = (768, 768),
        deconv_kernel_sizes: Sequence[int] = (4, 4),
        conv_out_channels: Sequence[int] = (768, 768),
        conv_kernel_sizes: Sequence[int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault('loss', dict(type='mmpose.KeypointMSELoss', use_target_weight=True))
        sizes = deconv_out_channels, deconv_kernel_sizes, conv_out_channels, conv_kernel_sizes
        super().__init__(in_channels, out_channels, *sizes, **kwargs)
        # Kept from here: inside a sharded model the parameters have other shapes while weights are
        # loaded.
        self._weight_shapes = {k: value.to('meta') for k, value in self.state_dict().items()}

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Heatmaps (B, K, H, W) from the last of ``feats`` (B, D, h, w), or a ValueError."""
        # Maps one after another, as decoding reads them.
        return self.final_layer(upsample(self, feats[-1])).contiguous()

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """``loss_kpt`` and ``acc_pose`` of samples with heatmaps, or keypoints for the codec to
        draw; ``compute_acc=False`` in ``train_cfg`` leaves the accuracy out. Targets of another
        size are a ValueError.
        """
        pred = self.forward(feats)  # (B, K, H, W)
        labels = [d.gt_instance_labels for d in batch_data_samples]
        weights = torch.cat([label.keypoint_weights for label in labels])
        if 'heatmap_keypoints' in labels[0]:
            points = torch.cat([label.heatmap_keypoints for label in labels])
            target = self.decoder.draw(points, weights)
        else:
            target = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        if target.shape != pred.shape:
            (_, count, height, width), found = pred.shape, target.shape
            raise ValueError(
                f'the head predicts {count} heatmaps, {height} high and {width} wide, but the '
                f'targets are {found[1]}, {found[2]} high and {found[3]} wide. Set `out_channels` '
                f'to the number of keypoints, and `heatmap_size` of the codec to {width, height}.'
            )
        losses = dict(loss_kpt=self.loss_module(pred, target, weights))
        if (train_cfg or {}).get('compute_acc', True):
            losses['acc_pose'] = heatmap_accuracy(pred, target, weights)
        return losses

    def predict(
        self,
        feats: Any,
        batch_data_samples: Sequence[PoseDataSample],
        test_cfg: Mapping[str, Any] | None = None,
    ) -> Any:
        """Keypoints of a batch as in the stock head, but the flip test stays on its device."""
        cfg = test_cfg or {}
        is_plain = cfg.get('flip_test') and cfg.get('flip_mode', 'heatmap') == 'heatmap'
        is_plain = is_plain and not (cfg.get('shift_heatmap') or cfg.get('output_heatmaps'))
        if not is_plain or not isinstance(self.decoder, BatchedUDPHeatmap):
            return super().predict(feats, batch_data_samples, cfg)
        plain, mirrored = (self.forward(each) for each in feats)
        flip_indices = batch_data_samples[0].metainfo['flip_indices']
        people = zip(*self.decoder.batch_decode(plain, mirrored, flip_indices))
        return [InstanceData(keypoints=points, keypoint_scores=scores) for points, scores in people]

    def _make_deconv_layers(self, **sizes: Any) -> nn.Module:
        return deconv_layers(*sizes.values())

    def _make_conv_layers(self, **sizes: Any) -> nn.Module:
        return conv_layers(*sizes.values())

    @property
    def default_init_cfg(self) -> list[dict]:
        """Normal with std 0.001 for every convolution, zero biases."""
        return [dict(type='Normal', layer=['Conv2d', 'ConvTranspose2d'], std=0.001)]

    def _load_state_dict_pre_hook(
        self, state_dict: Mapping[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Refuse weights that would be silently wrong."""
        check_loaded(state_dict, prefix, self._weight_shapes, 'head')


def heatmap_accuracy(pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Share of keypoints whose maximum is where that of the target is, of heatmaps (B, K, H, W).

    The number of stock ``pose_pck_accuracy``, with x in heights and y in widths of the map: the
    mean over people, then over keypoints that are labelled, with ``weights`` (B, K) above 0.
    """
    height, width = pred.shape[2:]
    distance = _peaks(pred) - _peaks(target)  # (B, K, 2)
    distance = distance / distance.new_tensor([height, width])
    labelled = weights > 0
    hits = (distance.norm(dim=2) < ACCURACY_THRESHOLD) & labelled
    people = labelled.sum(dim=0)  # (K,)
    share = hits.sum(dim=0) / people.clamp(min=1)
    return share.sum() / (people > 0).sum().clamp(min=1)


def _peaks(heatmaps: Tensor) -> Tensor:
    """Column and row of each maximum (B, K, 2); -1 where it is not > 0."""
    value, index = heatmaps.detach().flatten(2).max(dim=2)
    width = heatmaps.shape[3]
    points = torch.stack([index % width, index // width], dim=2)
    return torch.where((value > 0)[..., None], points, -1).float()
