"""The trained networks of a run, and what they say about images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from mmengine.runner import Runner
from numpy.typing import NDArray
from torch import nn

from mmsapiens.checkpoints import load_checkpoint

PREDICTIONS = {'parsing': 'pred_sem_seg', 'depth': 'pred_depth_map', 'normal': 'pred_normal_map'}
"""Dense task -> name of its map in a data sample."""


def use_scope(cfg: Config) -> None:
    """Make the host of a config the place where names are looked up."""
    init_default_scope(cfg.default_scope)
    if DefaultScope.get_current_instance().scope_name != cfg.default_scope:
        raise RuntimeError(f'the scope is not {cfg.default_scope!r}')


class Network:
    """A trained network and its data.

    Args:
        task (str): One of the four tasks.
        config (Path): Config of its run.
        weights (Path): Its weights.
    """

    def __init__(self, task: str, config: Path, weights: Path) -> None:
        self.task = task
        self.cfg = Config.fromfile(str(config))
        use_scope(self.cfg)
        self.loader = Runner.build_dataloader(self.cfg.val_dataloader)
        self.metainfo = self.loader.dataset.metainfo
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model: nn.Module = MODELS.build(self.cfg.model).to(device)
        load_checkpoint(self.model, str(weights))
        self.model.eval()

    @torch.no_grad()
    def batches(self) -> Iterator[tuple[Any, list[Any]]]:
        """Batches of held-out images with the network's answers."""
        use_scope(self.cfg)
        for batch in self.loader:
            yield batch, self.model.val_step(batch)

    @torch.no_grad()
    def see(self, path: Path, box: NDArray) -> NDArray:
        """What the network says about an image.

        Args:
            path (Path): The image, (H, W).
            box (NDArray): x1, y1, x2, y2 of the person, for pose.

        Returns:
            NDArray: x, y, score (17, 3) for pose, else a map (_, H, W).
        """
        use_scope(self.cfg)
        sample: dict[str, Any] = dict(img_path=str(path))
        if self.task == 'pose':
            pipeline = Compose(self.cfg.val_dataloader.dataset.pipeline)
            sample.update(
                self.metainfo,
                bbox=box[None].astype(np.float32),
                bbox_score=np.ones(1, dtype=np.float32),
            )
        else:
            pipeline = Compose(self.cfg.test_pipeline)
        packed = pipeline(sample)
        batch = {key: [value] for key, value in packed.items()}
        (answer,) = self.model.test_step(batch)
        return prediction(self.task, answer)


def prediction(task: str, sample: Any) -> NDArray:
    """What is predicted in a data sample, as in :meth:`Network.see`."""
    if task == 'pose':
        found = sample.pred_instances
        points, scores = found.keypoints[0], found.keypoint_scores[0]
        return np.concatenate([points, scores[:, None]], axis=1)
    return sample.get(PREDICTIONS[task]).data.cpu().numpy()
