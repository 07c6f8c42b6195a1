"""What every task's network does with images.

Letters: B batch, H W height and width of the network's input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ...structures.results import Image, MapResult, People, PoseResult
from ..device_streams import batches_at_once, own_stream

Sample = dict[str, Any]
"""What a pipeline packs: ``inputs`` (3, H, W) and ``data_samples``."""


class TaskNetwork(ABC):
    """A network, from images to results.

    The steps may run in different threads: :meth:`prepare` in many at a time, :meth:`forward` in
    :attr:`at_once`, :meth:`finish` in one. Preparing and predicting are the pipeline, the
    preprocessor and the model of the config, so that results are those of its ``test_step``.

    Args:
        task (str): Its name, a key of :data:`mmsapiens.models.tasks.TASKS` or one's own.
        cfg (Config): With its model, pipeline and dataset.
        model (nn.Module): Built from it, with weights, in evaluation mode.
        metainfo (Mapping): Of the dataset.
        is_lite (bool): Whether to do as the reference's small demo. Defaults to False.
    """

    def __init__(
        self,
        task: str,
        cfg: Config,
        model: nn.Module,
        metainfo: Mapping[str, Any],
        is_lite: bool = False,
    ) -> None:
        self.task = task
        self.cfg = cfg
        self.model = model
        self.metainfo = metainfo
        self.is_lite = is_lite
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            self.pipeline = Compose(without_loading(self.pipeline_steps()))

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of its weights."""
        return next(self.model.backbone.parameters()).dtype

    @property
    def at_once(self) -> int:
        """Batches that its device should have at a time."""
        return batches_at_once(self.device)

    @property
    def flip_test(self) -> bool:
        """Whether outputs for the mirrored image are averaged in."""
        return bool(self.model.test_cfg.get('flip_test', False))

    @abstractmethod
    def pipeline_steps(self) -> Sequence[Mapping[str, Any]]:
        """The steps of the config that prepare an image."""

    @abstractmethod
    def count(self, people: People) -> int:
        """How many samples an image with these people makes."""

    @abstractmethod
    def prepare(self, frame: Image, people: People, index: int) -> Sample:
        """Make one sample, on the CPU.

        Args:
            frame (Image): The image.
            people (People): Its people.
            index (int): Number of the sample, below :meth:`count`.
        """

    @abstractmethod
    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list:
        """Run the network.

        Args:
            inputs (Tensor): Normalized images (B, 3, H, W) on the device.
            data_samples (Sequence): Of the samples.

        Returns:
            list: What :meth:`finish` takes, for each sample.
        """

    @abstractmethod
    def finish(
        self, frame: Image, people: People, outputs: Sequence[Any]
    ) -> PoseResult | MapResult:
        """Make a result.

        Args:
            frame (Image): The image.
            people (People): Its people.
            outputs (Sequence): What :meth:`predict` said about its samples.
        """

    def frame_data(self, frame: Image) -> dict[str, Any]:
        """What a pipeline takes, after its loading step."""
        size_hw = frame.size_hw
        return dict(img=frame.image, img_path=frame.source, img_shape=size_hw, ori_shape=size_hw)

    def forward(self, samples: Sequence[Sample]) -> list:
        """Predict a batch; inputs of different sizes go one size at a time.

        Several threads may do so at a time; on a GPU each has its own stream.

        Args:
            samples (Sequence[Sample]): From :meth:`prepare`.

        Returns:
            list: An output for each.
        """
        with torch.inference_mode(), own_stream(self.device):
            return self._forward(samples)

    def _forward(self, samples: Sequence[Sample]) -> list:
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, sample in enumerate(samples):
            shape = tuple(sample['inputs'].shape)
            groups.setdefault(shape, []).append(index)
        outputs: list[Any] = [None] * len(samples)
        for indices in groups.values():
            chosen = [samples[index] for index in indices]
            data = self.model.data_preprocessor(
                dict(
                    inputs=[sample['inputs'] for sample in chosen],
                    data_samples=[sample['data_samples'] for sample in chosen],
                ),
                training=False,
            )
            inputs = data['inputs'].to(self.dtype)
            predicted = self.predict(inputs, data['data_samples'])
            for index, output in zip(indices, predicted):
                outputs[index] = output
        return outputs


def without_loading(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The steps of a pipeline that follow the reading of the image.

    Ground truth is not loaded either: there is none.

    Args:
        steps (Sequence[Mapping]): Steps of a config.
    """
    return [step for step in steps if 'Load' not in str(step['type'])]
