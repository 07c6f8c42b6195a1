"""One encoder, the heads of any tasks on it, and the ways from and to the image.

Shapes: B batch, N people, C channels, K keypoints, H W height and width of the image, h w those of
the network's output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..ops.resize_outputs import unflip
from .heads import PointMapHead
from .input_rule import InputRule
from .tasks import Task, module_name


class SapiensModel(nn.Module):
    """Input rule, encoder, heads and decoding.

    ``model(images, boxes)`` does it all. A loop uses the parts, in different threads if it likes:
    :meth:`prepare` on the CPU, :meth:`predict` on the device, :meth:`to_image` or :meth:`restore`.
    Parameters start with ``backbone.``, or ``heads.TASK.`` with underscores for the dots of a name.

    Args:
        backbone (nn.Module): From normalized images (B, 3, H, W) to a sequence of feature maps.
        heads (Mapping[str, nn.Module]): Task -> head, such as those of
            :mod:`mmsapiens.models.heads`, with ``decode`` for poses and ``finish`` for dense tasks.
        tasks (Iterable[Task]): What each of them is.
        rule (InputRule): How images are prepared.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        heads: Mapping[str, nn.Module],
        tasks: Iterable[Task],
        rule: InputRule,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict({module_name(name): head for name, head in heads.items()})
        self.tasks = {task.name: task for task in tasks}
        self.use_rule(rule)

    def use_rule(self, rule: InputRule) -> None:
        """Prepare and restore images in another way from here on."""
        device = self.mean.device if hasattr(self, 'rule') else 'cpu'
        self.rule = rule
        for name in ('mean', 'std'):
            values = torch.tensor(getattr(rule, name), device=device)
            self.register_buffer(name, values.view(-1, 1, 1), persistent=False)

    def rule_of(self, task: str) -> InputRule:
        """How images are prepared for a task."""
        return replace(self.rule, **self.tasks[task].input)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the weights of the encoder."""
        return next(self.backbone.parameters()).dtype

    def to_dtype(self, dtype: torch.dtype) -> SapiensModel:
        """Convert the weights; mean and deviation keep their digits."""
        self.backbone.to(dtype)
        self.heads.to(dtype)
        return self

    def prepare(self, task: str, image: NDArray, box: NDArray | None = None) -> NDArray:
        """One input of a task, uint8: of a pose the crop of x1, y1, x2, y2, else all of it."""
        if self.tasks[task].is_pose:
            assert box is not None
            return self.rule_of(task).crop(image, box)
        return self.rule_of(task).resize(image)

    def normalize(self, pixels: Tensor) -> Tensor:
        """Inputs (B, 3, H, W) of the network from :meth:`prepare`, uint8 (B, H, W, 3)."""
        images = pixels.permute(0, 3, 1, 2)
        if self.rule.swap_channels:
            images = images.flip(1)
        images = images.to(torch.float32, memory_format=torch.contiguous_format)
        return ((images - self.mean) / self.std).to(self.dtype)

    def predict(self, pixels: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Any]:
        """What the heads say about a batch of :meth:`prepare`, uint8 (B, H, W, 3), in one pass.

        Task -> keypoints (B, K, 2) in pixels of the input, float64, and scores (B, K), or what
        :meth:`restore` takes, maps (B, C, h, w); all tasks unless some are named.
        """
        names = list(self.tasks) if tasks is None else tasks
        inputs = self.normalize(pixels)
        feats = self.backbone(inputs)
        mirrored = None
        if any(self.tasks[name].flip_test for name in names):
            mirrored = self.backbone(inputs.flip(-1))
        return {name: self._output(name, feats, mirrored) for name in names}

    def _output(self, name: str, feats: Any, mirrored: Any) -> Any:
        task, head = self.tasks[name], self.heads[module_name(name)]
        see = head if task.is_pose else head.maps
        output = see(feats)
        other = see(mirrored) if task.flip_test else None
        if task.is_pose:
            indices = None if other is None else task.keypoint_set.flip_indices
            return head.decode(output, self.rule.size_wh, other, indices)
        if other is None:
            return output
        pairs = task.class_set.flip_pairs if task.is_parsing else ()
        return (output + unflip(other, task.row, pairs)) / 2

    def to_image(self, points: NDArray, box: NDArray, image_hw: tuple[int, int]) -> NDArray:
        """Keypoints (K, 2) of a person in pixels of the image; see :meth:`InputRule.to_image`."""
        return self.rule.to_image(points, box, image_hw)

    def restore(self, task: str, maps: Tensor, image_hw: tuple[int, int]) -> Tensor:
        """The prediction of a dense task (_, H, W) from its maps (C, h, w) of an image."""
        head = self.heads[module_name(task)]
        return self.rule_of(task).restore(
            head.before_resize(maps), image_hw, head.finish, self.tasks[task].row
        )

    def focal_length(self, task: str, maps: Tensor, image_hw: tuple[int, int]) -> float | None:
        """Focal length of an image in pixels, from the maps of a task that tells it, else None;
        NaN where it cannot be told."""
        head = self.heads[module_name(task)]
        if not isinstance(head, PointMapHead):
            return None
        return head.focal_length(maps, self.rule_of(task).resize_factor(image_hw))

    @torch.no_grad()
    def forward(
        self, images: Sequence[NDArray], boxes: Sequence[NDArray] | None = None
    ) -> dict[str, list[Tensor]]:
        """Everything about some images.

        Args:
            images (Sequence[NDArray]): Each uint8 (H, W, 3), BGR; of any size.
            boxes (Sequence[NDArray], optional): For each image the people in it, x1, y1, x2, y2 in
                pixels, (N, 4). Defaults to None, one around each image.

        Returns:
            dict[str, list[Tensor]]: Task -> for each image x, y and score of keypoints (N, K, 3),
            float32; class ids (H, W), int64; depth (H, W); unit normals (3, H, W); points in
            meters (3, H, W); albedo (3, H, W); or premultiplied RGB and opacity (4, H, W).
        """
        images = [np.asarray(image) for image in images]
        if boxes is None:
            boxes = [np.array([[0, 0, *image.shape[1::-1]]]) for image in images]
        if len(boxes) != len(images):
            raise ValueError(
                f'`boxes` must be given for each of the {len(images)} images, but got {len(boxes)}'
            )
        return self._poses(images, boxes) | self._maps(images)

    def _run(self, inputs: Sequence[NDArray], tasks: Sequence[str]) -> dict[str, Any]:
        return self.predict(torch.from_numpy(np.stack(inputs)).to(self.mean.device), tasks)

    def _poses(self, images: list[NDArray], boxes: Sequence[NDArray]) -> dict[str, list[Tensor]]:
        names = [name for name, task in self.tasks.items() if task.is_pose]
        people = [(row, box) for row, some in enumerate(boxes) for box in some]
        crop = self.rule_of(names[0]).crop if names else self.rule.crop
        crops = [crop(images[row], box) for row, box in people]
        outputs = self._run(crops, names) if names and people else {}
        found: dict[str, list[Tensor]] = {}
        for name in names:
            count = len(self.tasks[name].keypoint_set)
            poses: list[list[Tensor]] = [[] for _ in images]
            for (row, box), points, scores in zip(people, *outputs.get(name, ((), ()))):
                at = self.to_image(points.cpu().numpy(), box, images[row].shape[:2])
                at = torch.as_tensor(at, dtype=torch.float32, device=scores.device)
                poses[row].append(torch.cat([at, scores[:, None]], dim=1))
            nothing = torch.zeros(0, count, 3, device=self.mean.device)
            found[name] = [torch.stack(some) if some else nothing for some in poses]
        return found

    def _maps(self, images: list[NDArray]) -> dict[str, list[Tensor]]:
        names = [name for name, task in self.tasks.items() if not task.is_pose]
        if not names or not images:
            return {name: [] for name in names}
        together: dict[InputRule, list[str]] = {}
        for name in names:
            together.setdefault(self.rule_of(name), []).append(name)
        outputs: dict[str, Any] = {}
        for rule, some in together.items():
            outputs |= self._run([rule.resize(image) for image in images], some)
        found: dict[str, list[Tensor]] = {}
        for name in names:
            pairs = zip(outputs[name], images)
            whole = [self.restore(name, maps, image.shape[:2]) for maps, image in pairs]
            found[name] = [maps[0] if len(maps) == 1 else maps for maps in whole]
        return found
