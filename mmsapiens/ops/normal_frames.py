"""Normals in the axes of different programs, those of the camera, x to the right of the image."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

NORMAL_FRAMES: dict[str, tuple[int, int, int]] = {
    'opengl': (1, 1, 1),
    'opencv': (1, -1, -1),
    'directx': (1, -1, 1),
}
"""Image -> signs of x, y, z against the frame of this package, 'opengl': x to the right, y up, z
towards the camera. In 'opencv' y points down and z away from the camera, in 'directx' only y
down."""

Normals = TypeVar('Normals', np.ndarray, Tensor)


def check_normal_frame(name: str, frame: str) -> None:
    """Refuse an unknown frame."""
    if frame not in NORMAL_FRAMES:
        raise KeyError(f'`{name}` must be one of {sorted(NORMAL_FRAMES)}, but got {frame!r}')


def convert_normals(normals: Normals, source: str, target: str, dim: int = -1) -> Normals:
    """Normals in another frame, a key of :data:`NORMAL_FRAMES`; x, y, z are along ``dim``, of any
    floating or signed type. Zero vectors, pixels without a normal, stay zero."""
    check_normal_frame('source', source)
    check_normal_frame('target', target)
    shape = tuple(normals.shape)
    if not -len(shape) <= dim < len(shape) or shape[dim] != 3:
        raise ValueError(
            f'axis {dim} of `normals` must hold x, y and z, but its shape is '
            f'{shape}. Set `dim`, for instance -3 for (3, H, W).'
        )
    signs = [a * b for a, b in zip(NORMAL_FRAMES[source], NORMAL_FRAMES[target])]
    along = [3 if i == dim % len(shape) else 1 for i in range(len(shape))]
    factors: Normals
    if isinstance(normals, Tensor):
        factors = torch.tensor(signs, device=normals.device).to(normals.dtype)
    else:
        factors = np.array(signs, dtype=normals.dtype)
    return normals * factors.reshape(along) + 0  # turns -0 into 0
