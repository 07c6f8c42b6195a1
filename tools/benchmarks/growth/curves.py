"""What grows, and the work at each point."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mmsapiens  # noqa: F401  before the hosts
import numpy as np
import torch
from harness import alternate
from harness.clock import clock_of
from harness.memory import reset_peak, status_bytes
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn
from training.models import config_of

PHOTO_HW = (1536, 2048)
PEOPLE_AT_A_TIME = 8
Work = Callable[[], Any]


class Bench:
    """Builds networks with random weights and measures.

    Args:
        size (str): Of the model, such as 'tiny'.
        device (str): 'cpu' or 'cuda', where weights are bfloat16.
        repeat (int): Calls after the first one.
    """

    def __init__(self, size: str, device: str, repeat: int) -> None:
        self.size, self.device, self.repeat = size, device, repeat
        self.dtype = torch.bfloat16 if device == 'cuda' else torch.float32

    def model(self, task: str, img_hw: tuple[int, int], **head: Any) -> Any:
        """A network of a task for inputs of ``img_hw``; its config too."""
        cfg = config_of(task, self.size)
        cfg.model.backbone.img_size = img_hw
        cfg.model.data_preprocessor.pop('size', None)
        key = 'head' if task == 'pose' else 'decode_head'
        cfg.model[key].update(head)
        if task == 'pose':
            height, width = img_hw
            cfg.model.head.decoder.update(
                input_size=(width, height), heatmap_size=(width // 4, height // 4)
            )
        scope = DefaultScope.overwrite_default_scope(cfg.default_scope)
        with scope, torch.device(self.device):
            model = MODELS.build(cfg.model)
        model.eval().requires_grad_(False)
        model.backbone.to(self.dtype)
        getattr(model, key).to(self.dtype)
        return model

    def images(self, count: int, img_hw: tuple[int, int]) -> Tensor:
        """Normalized inputs."""
        shape = (count, 3, *img_hw)
        return torch.randn(shape, device=self.device, dtype=self.dtype)

    def measure(self, work: Work) -> dict[str, float]:
        """Seconds of a call, and the most memory that it adds, in GiB."""
        with torch.inference_mode():
            timing = alternate(
                {'work': work},
                repeat=self.repeat,
                device=self.device,
                most_s=60,
                clock=clock_of(self.device, torch.get_num_threads()),
            )['work']
            peak = self._peak(work)
        return dict(seconds=timing.median, gib=peak / 2**30)

    def _peak(self, work: Work) -> int:
        gc.collect()
        if self.device == 'cuda':
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            work()
            return torch.cuda.max_memory_allocated() - before
        ctypes.CDLL(None).malloc_trim(0)  # freed memory counts otherwise
        reset_peak()
        before = status_bytes('VmRSS')
        work()
        return status_bytes('VmHWM') - before


def run_pose(model: nn.Module, inputs: Tensor) -> Any:
    """Heatmaps and keypoints of a batch."""
    maps = model.head.forward(model.extract_feat(inputs))
    return model.head.decoder.batch_decode(maps)


def pixels(bench: Bench, height: int) -> Work:
    """Inputs of a height, three quarters as wide."""
    img_hw = (height, height * 3 // 4)
    model, inputs = bench.model('pose', img_hw), bench.images(1, img_hw)
    return lambda: run_pose(model, inputs)


def people(bench: Bench, count: int) -> Work:
    """A photograph with people: crops, networks, keypoints."""
    from mmsapiens.structures.results import Image, People
    from mmsapiens.inference.inferencer import SapiensInferencer

    inferencer = SapiensInferencer(
        f'sapiens-{bench.size}',
        device=bench.device,
        dtype=str(bench.dtype).removeprefix('torch.'),
        flip_test=False,
        random_weights=True,
    )
    network = inferencer.networks['pose-308']
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*PHOTO_HW, 3), np.uint8)
    corners = rng.uniform(0, 1000, (count, 2))
    boxes = np.concatenate([corners, corners + (300, 500)], 1).astype('f4')
    found = People(boxes, np.ones(count, np.float32), 'caller')
    frame = Image(image, 'photo', 'photo.jpg')

    def work() -> Any:
        outputs = []
        for start in range(0, count, PEOPLE_AT_A_TIME):
            stop = min(start + PEOPLE_AT_A_TIME, count)
            samples = [network.prepare(frame, found, index) for index in range(start, stop)]
            outputs += network.forward(samples)
        return network.finish(frame, found, outputs)

    return work


def batch(bench: Bench, count: int) -> Work:
    """People in one pass."""
    img_hw = (1024, 768)
    model, inputs = bench.model('pose', img_hw), bench.images(count, img_hw)
    return lambda: run_pose(model, inputs)


def keypoints(bench: Bench, count: int) -> Work:
    """Heatmaps of a person."""
    img_hw = (1024, 768)
    model = bench.model('pose', img_hw, out_channels=count)
    inputs = bench.images(1, img_hw)
    return lambda: run_pose(model, inputs)


def classes(bench: Bench, count: int) -> Work:
    """Classes of a photograph."""
    img_hw = (1024, 768)
    model = bench.model('parsing', img_hw, num_classes=count)
    inputs = bench.images(1, img_hw)
    meta = dict(ori_shape=PHOTO_HW)

    def work() -> Any:
        maps = model.decode_head.forward(model.extract_feat(inputs))
        return model.restore_output(maps[0], meta, img_hw)

    return work


@dataclass(frozen=True)
class Curve:
    """A cause of cost.

    Args:
        label (str): Of the axis.
        values (Sequence[int]): Points.
        prepare (Callable): Makes the work at a point.
        note (str): What a call does.
    """

    label: str
    values: Sequence[int]
    prepare: Callable[[Bench, int], Work]
    note: str


CURVES = {
    'pixels': Curve(
        'height of the input, pixels (width: three quarters of it)',
        (512, 768, 1024, 1536, 2048),
        pixels,
        'one person, 308 keypoints: network and decoding',
    ),
    'people': Curve(
        'people in a photograph of 2048x1536',
        (1, 2, 5, 10, 20, 50),
        people,
        f'crops of the config, network in batches of {PEOPLE_AT_A_TIME}, keypoints',
    ),
    'batch': Curve(
        'people in a batch',
        (1, 2, 4, 8),
        batch,
        'input 1024x768, 308 keypoints: network and decoding',
    ),
    'keypoints': Curve(
        'keypoints', (17, 133, 308), keypoints, 'one person, input 1024x768: network and decoding'
    ),
    'classes': Curve(
        'classes',
        (2, 20, 28, 64, 128),
        classes,
        'parsing: network, and a photograph of 2048x1536 from its output',
    ),
}
