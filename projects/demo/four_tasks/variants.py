"""How much the demo renders and trains."""

from __future__ import annotations

from dataclasses import dataclass

TASKS = ('pose', 'parsing', 'depth', 'normal')
"""In the order in which they are shown."""

STARTS_FROM: dict[str, str | None] = {
    'pose': None,
    'parsing': 'pose',
    'normal': 'parsing',
    'depth': 'normal',
}
"""Task -> the task whose encoder its training starts from, None for random weights; in the order in
which they are trained. What one task has learned of people helps the next: relative depth, the
slowest to learn, comes last."""

TITLES = {
    'pose': 'Pose, 17 keypoints',
    'parsing': 'Body parts, 28 classes',
    'depth': 'Depth',
    'normal': 'Surface normals',
}
"""Task -> its heading."""


@dataclass(frozen=True)
class Variant:
    """Sizes of a run.

    Args:
        images (int): Images to render.
        epochs (dict[str, int]): Task -> passes over the training images.
        batch_size (int): Images in a batch of one process.
        lr (float): Peak learning rate.
        amp (bool): Whether to train in bfloat16. Defaults to False.
        on_gpu (bool): One process for each GPU. Defaults to False.
    """

    images: int
    epochs: dict[str, int]
    batch_size: int
    lr: float
    amp: bool = False
    on_gpu: bool = False


VARIANTS: dict[str, Variant] = {
    'fast': Variant(700, dict(pose=5, parsing=4, normal=5, depth=7), 4, 7e-4),
    'long': Variant(1600, dict(pose=8, parsing=9, normal=11, depth=14), 4, 7e-4),
    'gpu': Variant(
        6000, dict(pose=60, parsing=60, normal=60, depth=60), 32, 1.5e-3, amp=True, on_gpu=True
    ),
}
"""Name -> sizes; the first is the default."""


def get_variant(name: str) -> Variant:
    """Look a variant up.

    Args:
        name (str): A key of :data:`VARIANTS`.

    Raises:
        KeyError: If there is none of this name.
    """
    if name not in VARIANTS:
        raise KeyError(f'`DEMO` must be one of {list(VARIANTS)}, but got {name!r}')
    return VARIANTS[name]
