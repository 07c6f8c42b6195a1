"""Boxes of people: the detectors of torchvision, and a way to that of mmdet."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchvision.models import detection, get_model_weights

from ..checkpoints import get_state_dict, read_checkpoint
from ..core.file_type import sha256_of
from ..structures.results import Image, People
from ..zoo.errors import DownloadError
from ..zoo.paths import cache_dir, is_offline
from .box_source import FindPeople
from .people_files import clip_boxes

RTMDET = 'rtmdet'
"""The detector of the reference implementation, through mmdet."""
TORCHVISION = ('fasterrcnn_resnet50_fpn_v2', 'fasterrcnn_mobilenet_v3_large_fpn')
"""Detectors of torchvision; the first, more accurate one is taken where mmdet is missing."""
PERSON = 1
"""Class id of people in torchvision's detectors; 0 is the background."""


_WITHOUT = (
    'or give the checkpoint of one (`--detector FILE`) or boxes of yours (`people=`, `--people '
    'FILE`), or take each image for one person (`--people image`)'
)


class PersonDetector:
    """What all detectors of people share.

    ``weights`` is a checkpoint, None for random ones. People have a score of ``score_threshold`` or
    more; of two boxes that overlap by more than ``nms_threshold`` the better one stays (0.3, as in
    the reference's demos, can lose people in close contact); of an image the best ``max_people``
    are kept, None for all.
    """

    def __init__(
        self,
        weights: str | Path | None,
        *,
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

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What boxes depend on, of JSON types."""
        names = ('score_threshold', 'nms_threshold', 'max_people')
        found = {name: getattr(self, name) for name in names}
        if self.weights is None:
            return dict(found, weights='random')
        return dict(found, weights=self.weights.name, sha256=sha256_of(self.weights))

    @torch.inference_mode()
    def __call__(self, frames: Sequence[Image]) -> list[People]:
        """The people of each of some images of any sizes, the best first, at most as allowed."""
        best = slice(self.max_people)
        found = ((b[best].cpu(), s[best].cpu()) for b, s in self.detect(frames))
        return [clipped_people(*each, frame.size_hw) for each, frame in zip(found, frames)]

    def detect(self, frames: Sequence[Image]) -> Iterable[tuple[Tensor, Tensor]]:
        """Boxes (N, 4) and scores (N,) of the people of each image, the best first."""
        raise NotImplementedError


class TorchvisionDetector(PersonDetector):
    """A Faster R-CNN of :data:`TORCHVISION`, trained on COCO; see :class:`PersonDetector`."""

    def __init__(
        self,
        model: str = TORCHVISION[0],
        weights: str | Path | None = None,
        *,
        device: str = 'cpu',
        **thresholds: Any,
    ) -> None:
        super().__init__(weights, **thresholds)
        self.name = model
        self.device = device
        self.model = getattr(detection, model)(
            weights=None,
            weights_backbone=None,
            box_score_thresh=self.score_threshold,
            box_nms_thresh=self.nms_threshold,
        )
        if weights is not None:
            try:
                self.model.load_state_dict(get_state_dict(read_checkpoint(weights)))
            except RuntimeError as error:
                text = f'the weights {weights} are not those of {model}: {error}'
                raise ValueError(text) from None
        self.model.to(device).eval().requires_grad_(False)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What boxes depend on, of JSON types."""
        return dict(detector=self.name, **super().identity)

    def detect(self, frames: Sequence[Image]) -> Iterable[tuple[Tensor, Tensor]]:
        """Boxes (N, 4) and scores (N,) of the people of each image, the best first."""
        rgb = (torch.from_numpy(frame.image[..., ::-1].copy()) for frame in frames)
        images = [image.to(self.device).permute(2, 0, 1).div(255) for image in rgb]
        for found in self.model(images):
            is_person = found['labels'] == PERSON
            yield found['boxes'][is_person], found['scores'][is_person]


def make_detector(given: Any, device: str, allow_random: bool = False) -> FindPeople:
    """The detector that a caller wants.

    ``given`` is one that is there; a name, 'rtmdet' or one of :data:`TORCHVISION`; a checkpoint of
    one of these; or arguments: ``model`` (a name), ``weights``, ``config`` (of mmdet),
    ``score_threshold``, ``nms_threshold``, ``max_people``. None takes RTMDet if mmdet is installed,
    else that of torchvision. Released weights are downloaded if they have to be, or random ones
    taken if ``allow_random``.
    """
    if callable(given):
        return given
    args = dict(given) if isinstance(given, Mapping) else dict(weights=given)
    weights = args.pop('weights', None)
    if weights in (RTMDET, *TORCHVISION):
        weights, args['model'] = None, weights
    model = args.pop('model', None) or _choose(weights, args.get('config'))
    if model not in (RTMDET, *TORCHVISION):
        known = [RTMDET, *TORCHVISION]
        raise ValueError(f'`model` of the detector must be one of {known}, but got {model!r}')
    if model == RTMDET and find_spec('mmdet') is None:
        text = f'the detector {RTMDET!r} needs `pip install mmsapiens[detection]`'
        raise ImportError(f'{text}; {TORCHVISION[0]!r} needs no other package; {_WITHOUT}')
    try:
        if model == RTMDET:  # the one host that is asked
            adapter: Any = import_module('mmsapiens.engine.mmdet_detector')
            return adapter.make_detector(weights, device, allow_random=allow_random, **args)
        if weights is None and not allow_random:
            weights = fetch_weights(model)
    except DownloadError as error:
        raise DownloadError(f'no person detector: {error}; {_WITHOUT}') from None
    return TorchvisionDetector(model, weights, device=device, **args)


def _choose(weights: str | Path | None, config: Any) -> str:
    """The detector that a config or a checkpoint is of, or the default."""
    if config is None and weights is not None:
        state = get_state_dict(read_checkpoint(weights))
        if not any(key.startswith('roi_heads.box_predictor.') for key in state):
            return RTMDET
        for model in TORCHVISION:
            names = getattr(detection, model)(weights=None, weights_backbone=None).state_dict()
            if names.keys() == state.keys():
                return model
        raise ValueError(f'{weights} has the weights of none of the detectors {list(TORCHVISION)}')
    return RTMDET if config is not None or find_spec('mmdet') is not None else TORCHVISION[0]


def fetch_weights(model: str, url: str | None = None) -> Path:
    """Released weights of torchvision, downloaded if need be; their name begins their SHA-256."""
    url = url or get_model_weights(model).DEFAULT.url
    path = cache_dir() / 'detector' / url.rpartition('/')[2]
    if path.is_file():
        return path
    reason = 'MMSAPIENS_OFFLINE or HF_HUB_OFFLINE forbids the network'
    if not is_offline():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), path.stem.rpartition('-')[2])
            return path
        except (OSError, RuntimeError) as error:  # the second is of another hash
            reason = str(error)
    text = f'the weights of the person detector cannot be fetched from {url} ({reason})'
    raise DownloadError(f'{text}: copy the file to {path.parent}')


def clipped_people(boxes: ArrayLike, scores: ArrayLike, size_hw: tuple[int, int]) -> People:
    """Detected people, boxes (N, 4) and scores (N,), without what is outside of the image."""
    inside, has_area = clip_boxes(np.asarray(boxes, dtype=np.float32).reshape(-1, 4), size_hw)
    return People(inside[has_area], np.asarray(scores, dtype=np.float32)[has_area], 'detector')
