"""A task's network as the loop sees it. Shapes: B batch, C channels, H W image, h w output."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..keypoints import KEYPOINT_SETS, get_keypoint_set
from ..models.sapiens_model import SapiensModel
from ..structures.fields import Field
from ..structures.results import Image, MapResult, People, PoseResult

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
MODES = ('default', 'lite')
Sample: TypeAlias = NDArray
"""An input, uint8, of the size that the network wants."""


@dataclass(frozen=True)
class Options:
    """How networks run, see :class:`.inferencer.SapiensInferencer`."""

    device: str = 'cpu'
    dtype: str = 'float32'
    flip_test: bool | None = None
    compile: bool = False
    batch_size: int = 4
    mode: str = 'default'

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise KeyError(f'`dtype` must be one of {list(DTYPES)}, but got {self.dtype!r}')
        if self.mode not in MODES:
            raise ValueError(f'`mode` must be one of {MODES}, but got {self.mode!r}')
        if self.mode == 'lite' and self.flip_test:
            text = "`flip_test` must be False with `mode='lite'`"
            raise ValueError(f'{text}: the small demos of the reference have none')
        _check_device(self.device)


def _check_device(device: str) -> None:
    """Refuse a device that is not there, such as 'cuda:0'."""
    usable = ['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        usable.append('mps')
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    names = {name.split(':')[0] for name in usable} | set(usable)
    if wanted is None or str(wanted) not in names:
        raise ValueError(f'`device` must be one of {usable} on this machine, but got {device!r}')


class FixedBatch(nn.Module):
    """Compile, and fill smaller batches up with zeros, so that nothing is compiled again."""

    def __init__(self, module: nn.Module, batch_size: int) -> None:
        super().__init__()
        self.module = module
        self.batch_size = batch_size
        self.compiled = torch.compile(module, dynamic=False)

    def forward(self, img: Tensor) -> tuple[Tensor, ...]:
        """Outputs of the module for a batch (B, 3, H, W)."""
        missing = max(0, self.batch_size - len(img))
        padded = F.pad(img, (0, 0, 0, 0, 0, 0, 0, missing))
        return tuple(output[: len(img)] for output in self.compiled(padded))


def batches_at_once(device: torch.device) -> int:
    """Batches that a device should have at a time: a GPU computes one while another comes."""
    return 2 if device.type == 'cuda' else 1


_free_streams: dict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)
"""Used again, as memory that PyTorch keeps belongs to a stream."""


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Run what a block does on a GPU beside what other threads do there; complete at its end."""
    if device.type != 'cuda':
        yield
        return
    streams = _free_streams[device]
    try:
        stream = streams.pop()
    except IndexError:
        stream = torch.cuda.Stream(device)
    try:
        # Weights may still be on their way.
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()
    finally:
        streams.append(stream)


class TaskNetwork:
    """One task of a model, from images to results; steps may run in threads, as :attr:`at_once`."""

    def __init__(self, task: str, model: SapiensModel) -> None:
        self.task = task
        self.model = model
        self.row = model.tasks[task]

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.model.mean.device

    @property
    def at_once(self) -> int:
        """Batches that its device should have at a time."""
        return batches_at_once(self.device)

    @property
    def flip_test(self) -> bool:
        """Whether outputs for the mirrored image are averaged in."""
        return self.row.flip_test

    def count(self, people: People) -> int:
        """How many samples an image with these people makes: one each, or one for the image."""
        return len(people) if self.row.is_pose else 1

    def prepare(self, frame: Image, people: People, index: int) -> Sample:
        """Make one sample, on the CPU; its number is below :meth:`count`."""
        box = people.boxes[index] if self.row.is_pose else None
        return self.model.prepare(self.task, frame.image, box)

    def forward(self, samples: Sequence[Sample]) -> list:
        """Keypoints (K, 2) in pixels of the input and scores (K,), or maps (C, h, w), of each."""
        with torch.inference_mode(), own_stream(self.device):
            pixels = torch.from_numpy(np.stack(samples)).to(self.device, non_blocking=True)
            output = self.model.predict(pixels, [self.task])[self.task]
            if not self.row.is_pose:
                return list(output)
            return list(zip(*(values.cpu().numpy() for values in output)))

    @torch.inference_mode()
    def finish(
        self, frame: Image, people: People, outputs: Sequence[Any]
    ) -> PoseResult | MapResult:
        """Make a result of what :meth:`forward` said about an image's samples."""
        model, size_hw = self.model, frame.size_hw
        if self.row.is_pose:
            found = zip(outputs, people.boxes)
            return self._poses([(model.to_image(xy, box, size_hw), s) for (xy, s), box in found])
        values = to_array(model.restore(self.task, outputs[0], size_hw), self.row.row)
        return self._map(values, model.focal_length(self.task, outputs[0], size_hw))

    def _map(self, values: NDArray, focal_length: float | None = None) -> MapResult:
        field = self.row.row
        if not field.is_labels:
            return MapResult(values, field.name, focal_length=focal_length)
        classes = self.row.class_set
        return MapResult(values, field.name, classes.classes, classes.palette)

    def _poses(self, people: Sequence[tuple[NDArray, NDArray]]) -> PoseResult:
        """Of keypoints (K, 2) in the image and scores (K,) of each of its people."""
        found = self.row.keypoint_set
        shape = len(people), len(found)
        is_known = found.name in KEYPOINT_SETS and found == get_keypoint_set(found.name)
        keypoints: NDArray = np.zeros((*shape, 2), dtype=np.float32)
        all_scores: NDArray = np.zeros(shape, dtype=np.float32)
        for index, (points, scores) in enumerate(people):
            keypoints[index], all_scores[index] = points, scores
        return PoseResult(keypoints, all_scores, found.name if is_known else found)


def to_array(maps: Tensor, field: Field) -> NDArray:
    """A prediction (C, H, W) as :class:`MapResult` holds it, (H, W) or (H, W, C)."""
    if field.is_labels:
        maps = maps.to(torch.uint8)
    array: NDArray = maps.cpu().numpy().astype(field.dtype, copy=False)
    if len(array) == 1:
        return array[0]
    return np.ascontiguousarray(array.transpose(1, 2, 0))
