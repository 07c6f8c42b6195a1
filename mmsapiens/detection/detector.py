"""Boxes of people from stock RTMDet; needs mmdet, which comes with mmpose.

Letters: N boxes, H W height and width of an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope
from numpy.typing import NDArray
from torch import Tensor, nn

from ..checkpoints import get_state_dict, read_checkpoint
from ..inference.host_models import without_loading
from ..inference.model_files import weights_identity
from ..structures.results import Image, People
from ..zoo import config_path, resolve_checkpoint
from .box_source import FindPeople

CONFIG = 'detection/rtmdet-m_8xb32-100e_person-640x640.py'
"""Under ``configs/``, of the released weights."""
PERSON = 0
"""Class id of people, in COCO's classes and where it is the only one."""


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression as in the reference implementation.

    Boxes count their last pixel: width is ``x2 - x1 + 1``.

    Args:
        boxes (Tensor): x1, y1, x2, y2 in pixels, (N, 4).
        scores (Tensor): (N,).
        iou_threshold (float): A box that overlaps a better one by more is dropped.

    Returns:
        Tensor: Numbers of the kept boxes, best first.
    """
    inclusive = boxes + boxes.new_tensor([0, 0, 1, 1])
    return torchvision.ops.nms(inclusive, scores, iou_threshold)


class PersonDetector:
    """RTMDet, or any other detector of mmdet whose class 0 is people.

    It needs no compiled operators, and gets BGR, for which it was trained.

    Args:
        config (str | Path | Config): Of the detector.
        weights (str | Path, optional): Its checkpoint. None leaves the weights random, which is
            only good for tests.
        device (str): Where it runs. Defaults to 'cpu'.
        score_threshold (float): Least score of a person. Defaults to 0.3.
        nms_threshold (float): Of two boxes that overlap by more the better one stays. The
            reference's demos have 0.3, which can lose people in close contact; RTMDet itself has
            0.6. Defaults to 0.3.
        max_people (int, optional): Most people of an image, the best ones. Defaults to None, all.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If mmdet is not installed.
        ValueError: If a threshold is not in [0, 1], ``max_people`` is not positive, or the weights
            do not fit.
    """

    def __init__(
        self,
        config: str | Path | Config,
        weights: str | Path | None,
        *,
        device: str = 'cpu',
        score_threshold: float = 0.3,
        nms_threshold: float = 0.3,
        max_people: int | None = None,
    ) -> None:
        for name, value in (('score_threshold', score_threshold), ('nms_threshold', nms_threshold)):
            if not 0 <= value <= 1:
                raise ValueError(f'`{name}` must be in [0, 1], but got {value}')
        if max_people is not None and max_people < 1:
            raise ValueError(f'`max_people` must be positive, but got {max_people}')
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.max_people = max_people
        self.weights = None if weights is None else Path(weights)
        try:
            import mmdet  # noqa: F401
        except ImportError as error:
            raise ImportError(
                'the person detector needs `pip install mmsapiens[pose]`, or '
                f'give boxes (`people=`): {error}'
            ) from error
        cfg = config
        if not isinstance(cfg, Config):
            path = Path(cfg).expanduser()
            if not path.is_file():
                raise FileNotFoundError(f'the config {path} does not exist')
            cfg = Config.fromfile(str(path))
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.model = _build(cfg, weights).to(device)
            self.pipeline = Compose(without_loading(cfg.test_dataloader.dataset.pipeline))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What boxes depend on, of JSON types."""
        return dict(
            score_threshold=self.score_threshold,
            nms_threshold=self.nms_threshold,
            max_people=self.max_people,
            **weights_identity(self.weights),
        )

    def prepare(self, frame: Image) -> dict[str, Any]:
        """An image as the network wants it."""
        size_hw = frame.size_hw
        packed: dict[str, Any] = self.pipeline(
            dict(
                img=frame.image,
                img_id=frame.index,
                img_path=frame.source,
                img_shape=size_hw,
                ori_shape=size_hw,
            )
        )
        return packed

    @torch.inference_mode()
    def __call__(self, frames: Sequence[Image]) -> list[People]:
        """Find the people of some images.

        Args:
            frames (Sequence[Image]): A batch, of any sizes.

        Returns:
            list[People]: For each, the best first; possibly nobody.
        """
        samples = [self.prepare(frame) for frame in frames]
        results = self.model.test_step({key: [each[key] for each in samples] for key in samples[0]})
        return [
            self._people(result.pred_instances, frame.size_hw)
            for result, frame in zip(results, frames)
        ]

    def _people(self, found: Any, size_hw: tuple[int, int]) -> People:
        chosen = (found.labels == PERSON) & (found.scores > self.score_threshold)
        boxes, scores = found.bboxes[chosen], found.scores[chosen]
        kept = nms(boxes, scores, self.nms_threshold)
        kept = kept[: self.max_people]
        return clipped_people(
            boxes[kept].cpu().numpy(), scores[kept].cpu().numpy(), size_hw, 'detector'
        )


def make_detector(given: Any, device: str, allow_random: bool = False) -> FindPeople:
    """The detector that a caller wants.

    Args:
        given (Any): One that is there; a checkpoint; arguments of :class:`PersonDetector`; None for
            the released one, which is downloaded if it has to be.
        device (str): Where it runs.
        allow_random (bool): Whether one without weights has random ones. Defaults to False.

    Raises:
        DownloadError: If the release cannot be fetched.
    """
    if callable(given):
        found: FindPeople = given
        return found
    args = dict(given) if isinstance(given, Mapping) else dict(weights=given)
    config, weights = args.pop('config', None), args.pop('weights', None)
    if weights is not None or not allow_random:
        weights = resolve_checkpoint(weights, 'detector', 'rtmdet-m')
    if config is None:
        config = config_path(CONFIG)
    return PersonDetector(config, weights, device=device, **args)


def clipped_people(
    boxes: NDArray, scores: NDArray, size_hw: tuple[int, int], origin: str
) -> People:
    """People whose boxes lie in the image; those outside are left out.

    Args:
        boxes (NDArray): (N, 4).
        scores (NDArray): (N,).
        size_hw (tuple[int, int]): Of the image.
        origin (str): As in :class:`People`.
    """
    height, width = size_hw
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    limits = np.array([width, height, width, height], dtype=np.float32)
    boxes = boxes.clip(0, limits)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    scores = np.asarray(scores, dtype=np.float32)
    return People(boxes[inside], scores[inside], origin)


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
