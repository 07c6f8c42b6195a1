"""Boxes of people from stock RTMDet, or another detector of mmdet, for
:func:`.detection.detector.make_detector`. Shapes: N boxes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torchvision
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn

from ..checkpoints import get_state_dict, read_checkpoint
from ..detection.detector import PersonDetector
from ..structures.results import Image
from ..zoo import config_path, resolve_checkpoint
from .build import read_config

CONFIG = 'detection/rtmdet-m_8xb32-100e_person-640x640.py'
"""Under ``configs/``, of the released weights."""
PERSON = 0  # Class id of people, in COCO's classes and where it is the only one


class MMDetDetector(PersonDetector):
    """RTMDet, or any other detector of mmdet whose class 0 is people, which gets BGR. ``config`` is
    a file or a Config; without ``weights`` they are random, for tests. ``thresholds`` are as in
    :class:`PersonDetector`."""

    def __init__(
        self,
        config: str | Path | Config,
        weights: str | Path | None,
        *,
        device: str = 'cpu',
        **thresholds: Any,
    ) -> None:
        super().__init__(weights, **thresholds)
        cfg = config if isinstance(config, Config) else read_config(config)
        steps = cfg.test_dataloader.dataset.pipeline
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.model = _build(cfg, weights).to(device)
            # The image is there, and ground truth is not.
            self.pipeline = Compose([step for step in steps if 'Load' not in str(step['type'])])

    def prepare(self, frame: Image) -> Any:
        """An image as the network wants it."""
        size = dict(img_shape=frame.size_hw, ori_shape=frame.size_hw)
        image = dict(img=frame.image, img_id=frame.index, img_path=frame.source)
        return self.pipeline({**image, **size})

    def detect(self, frames: Sequence[Image]) -> Iterable[tuple[Tensor, Tensor]]:
        """Boxes (N, 4) and scores (N,) of the people of each image, the best first."""
        samples = [self.prepare(frame) for frame in frames]
        results = self.model.test_step({key: [each[key] for each in samples] for key in samples[0]})
        for found in (result.pred_instances for result in results):
            chosen = (found.labels == PERSON) & (found.scores > self.score_threshold)
            boxes, scores = found.bboxes[chosen], found.scores[chosen]
            kept = nms(boxes, scores, self.nms_threshold)
            yield boxes[kept], scores[kept]


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Numbers of the boxes (N, 4), scores (N,), that are kept, best first; width is ``x2 - x1 +
    1``, as in the reference implementation."""
    inclusive = boxes + boxes.new_tensor([0, 0, 1, 1])
    return torchvision.ops.nms(inclusive, scores, iou_threshold)


def make_detector(
    weights: str | Path | None,
    device: str,
    *,
    allow_random: bool = False,
    config: str | Path | Config | None = None,
    **thresholds: Any,
) -> MMDetDetector:
    """The detector of a config, by default RTMDet with the released weights, or random ones."""
    if weights is not None or not allow_random:
        weights = resolve_checkpoint(weights, 'detector', 'rtmdet-m')
    return MMDetDetector(config or config_path(CONFIG), weights, device=device, **thresholds)


def _build(cfg: Config, weights: str | Path | None) -> nn.Module:
    model_cfg = Config(dict(model=cfg.model)).model
    model_cfg.backbone.pop('init_cfg', None)
    model: nn.Module = MODELS.build(model_cfg)
    if weights is not None:
        state = get_state_dict(read_checkpoint(weights))
        kept = {key: state[key] for key in state if not key.startswith('data_preprocessor.')}
        try:
            model.load_state_dict(kept, strict=True)
        except RuntimeError as error:
            raise ValueError(
                f'the weights {weights} are not those of the detector: {error}'
            ) from None
    return model.eval().requires_grad_(False)
