"""Points with colors as PLY files, which programs for point clouds read. Shapes: N points."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import atomic_write

_VERTEX = np.dtype(
    [(axis, '<f4') for axis in 'xyz'] + [(color, 'u1') for color in ('red', 'green', 'blue')]
)


def write_ply(
    path: str | Path, points: NDArray, colors: NDArray, comments: Sequence[str] = ()
) -> Path:
    """Write a binary PLY file, which appears when it is complete.

    Args:
        path (str | Path): Where to. Its folder is made if needed.
        points (NDArray): x, y, z of each point, (N, 3), of any N.
        colors (NDArray): RGB, uint8 (N, 3).
        comments (Sequence[str]): Lines of the header. Defaults to ().

    Returns:
        Path: The file written.

    Raises:
        ValueError: If a shape is another one, or a point is not finite.
    """
    if points.shape != colors.shape or points.shape[1:] != (3,):
        shapes = f'{points.shape} and {colors.shape}'
        raise ValueError(f'`points` and `colors` must have the shape (N, 3), but got {shapes}')
    if not np.isfinite(points).all():
        raise ValueError('`points` must be finite numbers: leave out pixels without a point')
    vertices: NDArray = np.empty(len(points), dtype=_VERTEX)
    for index, name in enumerate(_VERTEX.names or ()):
        vertices[name] = (points if index < 3 else colors)[:, index % 3]
    kinds = [('float' if index < 3 else 'uchar', n) for index, n in enumerate(_VERTEX.names or ())]
    lines = ['ply', 'format binary_little_endian 1.0', *(f'comment {text}' for text in comments)]
    lines += [f'element vertex {len(points)}', *(f'property {k} {n}' for k, n in kinds)]
    header = '\n'.join([*lines, 'end_header', '']).encode('ascii', errors='replace')
    path = Path(path).expanduser()
    atomic_write(header + vertices.tobytes(), path, is_durable=False)
    return path
