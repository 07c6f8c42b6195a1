"""A task's network as the loop sees it: prepare, forward, finish.

Shapes: B batch, C channels, H W height and width of the image, h w those of the network's output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..checkpoints.build_model import build_model
from ..models.sapiens_model import SapiensModel
from ..structures.fields import Field
from ..structures.results import Image, MapResult, People, PoseResult
from .device_streams import batches_at_once, own_stream
from .lite import LiteRule

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
MODES = ('default', 'lite')
Sample: TypeAlias = NDArray
"""An input, uint8, of the size that the network wants."""


@dataclass(frozen=True)
class Options:
    """How networks run, see :class:`.inferencer.SapiensInferencer`.

    A compiled network always takes ``batch_size`` samples. ``flip_test`` is None for what the task
    or the config says.
    """

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
            raise ValueError(
                "`flip_test` must be False with `mode='lite'`: the small "
                'demos of the reference have none'
            )
        check_device(self.device)


def check_device(device: str) -> None:
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
    """Compile, and fill a smaller batch up with zeros, so that nothing is compiled again.

    The reference's small demos do the same. ``batch_size`` is the largest B.
    """

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


class TaskNetwork:
    """One task of a :class:`SapiensModel`, from images to results.

    The steps may run in different threads: :meth:`prepare` and :meth:`finish` in several at a
    time, :meth:`forward` in :attr:`at_once`.
    """

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
        """Predict a batch.

        Several threads may do so at a time; on a GPU each has its own stream. Returns for each
        sample keypoints (K, 2) in pixels of the input and scores (K,), or maps (C, h, w) on the
        device.
        """
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
        if self.row.is_pose:
            return self._poses(frame, people, outputs)
        (maps,) = outputs
        field = self.row.row
        values = to_array(self.model.restore(self.task, maps, frame.size_hw), field)
        if not field.is_labels:
            return MapResult(values, field.name)
        classes = self.row.class_set
        return MapResult(values, field.name, classes.classes, classes.palette)

    def _poses(self, frame: Image, people: People, outputs: Sequence[Any]) -> PoseResult:
        """People of an image together, in the order of their boxes."""
        keypoints = self.row.keypoint_set
        shape = len(outputs), len(keypoints)
        result = PoseResult(
            np.zeros((*shape, 2), dtype=np.float32),
            np.zeros(shape, dtype=np.float32),
            keypoints.name,
        )
        for index, (points, scores) in enumerate(outputs):
            box = people.boxes[index]
            result.keypoints[index] = self.model.to_image(points, box, frame.size_hw)
            result.scores[index] = scores
        return result


def to_array(maps: Tensor, field: Field) -> NDArray:
    """A prediction (C, H, W) as :class:`MapResult` holds it.

    It is (H, W), or (H, W, C) of several channels, of the type of the field.
    """
    if field.is_labels:
        maps = maps.to(torch.uint8)
    array: NDArray = maps.cpu().numpy().astype(field.dtype, copy=False)
    if len(array) == 1:
        return array[0]
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def build_network(
    task: str,
    config: Any,
    weights: str | Path | None,
    options: Options | None = None,
    *,
    model: str | Mapping[str, int] | None = None,
) -> TaskNetwork:
    """Build the network of a task, in evaluation mode.

    Args:
        task (str): Name for results; without a config a key of
            :data:`mmsapiens.models.tasks.TASKS`.
        config (str | Path | Config, optional): Of a top-down pose estimator of MMPose or a
            :class:`mmsapiens.dense.DenseEstimator`; None for the released models and those trained
            with the configs of this package, which need neither a config nor a host.
        weights (str | Path, optional): A checkpoint, in any format of
            :func:`mmsapiens.checkpoints.read_checkpoint`. None leaves the weights random, which is
            only good for tests.
        options (Options, optional): Defaults to None, the defaults.
        model (str | Mapping, optional): As in :func:`mmsapiens.build_model`; only without a config.
            Defaults to None, what the checkpoint has.
    """
    options = options or Options()
    dtype = DTYPES[options.dtype]
    if config is None:
        built = build_model(model, task, checkpoint=weights, device=options.device, dtype=dtype)
    else:
        from .host_models import model_of_config  # needs a host

        built = model_of_config(task, config, weights)
        built = built.to_dtype(dtype).to(options.device).eval()
    built.requires_grad_(False)
    if options.mode == 'lite':
        built.use_rule(LiteRule(built.rule.size_hw, swap_channels=built.rule.swap_channels))
        built.heads[task].border = 'stock'  # type: ignore[assignment]
    flip_test = False if options.mode == 'lite' else options.flip_test
    if flip_test is not None:
        built.tasks[task] = replace(built.tasks[task], flip_test=flip_test)
    if options.compile:
        built.backbone = FixedBatch(built.backbone, options.batch_size)
    return TaskNetwork(task, built)
