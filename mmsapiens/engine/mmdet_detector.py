"""Boxes of people from stock RTMDet, or another detector of mmdet.

Asked for by :func:`mmsapiens.detection.detector.make_detector`. Shapes: N boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

CONFIG = 'detection/rtmdet-m_8xb32-100e_person-640x640.py'
"""Under ``configs/``, of the released weights."""
PERSON = 0
"""Class id of people, in COCO's classes and where it is the only one."""


class MMDetDetector(PersonDetector):
    """RTMDet, or any other detector of mmdet whose class 0 is people.

    It needs no compiled operators, and gets BGR, for which it was trained.

    Args:
        config (str | Path | Config): Of the detector.
        weights (str | Path, optional): Its checkpoint. None leaves the weights random, which is
            only good for tests.
        device (str): Where it runs. Defaults to 'cpu'.
        **thresholds: As in :class:`PersonDetector`.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the weights do not fit.
    """

    def __init__(
        self,
        config: str | Path | Config,
        weights: str | Path | None,
        *,
        device: str = 'cpu',
        **thresholds: Any,
    ) -> None:
        super().__init__(weights, **thresholds)
        cfg = config
        if not isinstance(cfg, Config):
            path = Path(cfg).expanduser()
            if not path.is_file():
                raise FileNotFoundError(f'the config {path} does not exist')
            cfg = Config.fromfile(str(path))
        steps = cfg.test_dataloader.dataset.pipeline
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.model = _build(cfg, weights).to(device)
            # The image is there, and ground truth is not.
            self.pipeline = Compose([step for step in steps if 'Load' not in str(step['type'])])

    def prepare(self, frame: Image) -> dict[str, Any]:
        """An image as the network wants it."""
        packed: dict[str, Any] = self.pipeline(
            dict(
                img=frame.image,
                img_id=frame.index,
                img_path=frame.source,
                img_shape=frame.size_hw,
                ori_shape=frame.size_hw,
            )
        )
        return packed

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
    """Non-maximum suppression as in the reference implementation.

    Boxes count their last pixel: width is ``x2 - x1 + 1``.

    Boxes (N, 4) and scores (N,); the numbers of the kept ones, best first.
    """
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
    """The detector of a config, by default RTMDet with the released weights.

    Without ``weights`` the released ones, or random ones with ``allow_random``.
    """
    if weights is not None or not allow_random:
        weights = resolve_checkpoint(weights, 'detector', 'rtmdet-m')
    return MMDetDetector(config or config_path(CONFIG), weights, device=device, **thresholds)


def _build(cfg: Config, weights: str | Path | None) -> nn.Module:
    """The detector of a config, in evaluation mode."""
    model_cfg = Config(dict(model=cfg.model)).model
    model_cfg.backbone.pop('init_cfg', None)
    model: nn.Module = MODELS.build(model_cfg)
    if weights is not None:
        state: Mapping[str, Tensor] = get_state_dict(read_checkpoint(weights))
        state = {
            key: value for key, value in state.items() if not key.startswith('data_preprocessor.')
        }
        try:
            model.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise ValueError(
                f'the weights {weights} are not those of the detector: {error}'
            ) from None
    return model.eval().requires_grad_(False)
