"""Text files of cameras: intrinsics (3, 3) in pixels, extrinsics (3, 4) or (4, 4)."""

import re
from pathlib import Path

import numpy as np

from ..core.errors import BadSampleError, MissingFileError
from ..ops.cameras import check_extrinsics, check_intrinsics

SHAPES = {9: (3, 3), 12: (3, 4), 16: (4, 4)}


def read_intrinsics(
    path: str | Path, pixel_center: float = 0.0, content: bytes | None = None
) -> np.ndarray:
    """A matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels, float64 (3, 3).

    Args:
        path (str | Path): A text of nine numbers, row by row, apart by blanks, commas or lines.
        pixel_center (float): Position of the center of the first pixel in the file: 0, or 0.5 where
            it is counted from the corner. Defaults to 0, which it is in what is returned.
        content (bytes, optional): What is in the file, where that is not on the local disk.

    Raises:
        MissingFileError: If there is no such file.
        BadSampleError: If it holds something else, or a camera that cannot be, such as one of focal
            length 0.
    """
    matrix = _read_matrix(path, content, (9,))
    if matrix[0, 1] or matrix[1, 0] or matrix[2].tolist() != [0, 0, 1]:
        raise BadSampleError(
            f'the intrinsics in {path} must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] row by row, '
            f'but got {matrix.tolist()}. Undo skew in the image; transpose what is stored by '
            'columns.',
            'wrong_camera',
        )
    try:
        check_intrinsics(matrix, f'the intrinsics in {path}')
    except ValueError as error:
        raise BadSampleError(str(error), 'wrong_camera') from None
    matrix[:2, 2] -= pixel_center
    return matrix


def read_extrinsics(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """From the world to the camera, [R t], float64 (3, 4), of 12 or 16 numbers row by row.

    Errors are those of :func:`read_intrinsics`.
    """
    matrix = _read_matrix(path, content, (12, 16))
    try:
        return check_extrinsics(matrix, f'the extrinsics in {path}')
    except ValueError as error:
        raise BadSampleError(str(error), 'wrong_camera') from None


def _read_matrix(path: str | Path, content: bytes | None, counts: tuple[int, ...]) -> np.ndarray:
    try:
        text = (Path(path).read_bytes() if content is None else content).decode()
        numbers = [float(word) for word in re.split(r'[\s,;\[\]]+', text) if word]
    except FileNotFoundError:
        raise MissingFileError(
            f'the camera {path} does not exist. Check the path, or `data_root` and `data_prefix` '
            'of the dataset.',
            'missing_camera',
        ) from None
    except (OSError, ValueError) as error:
        raise BadSampleError(
            f'the camera {path} must be a text of numbers, but cannot be read: {error}',
            'wrong_camera',
        ) from error
    if len(numbers) not in counts:
        wanted = ' or '.join(f'{SHAPES[count]}, {count} numbers' for count in counts)
        raise BadSampleError(
            f'the camera {path} must be a matrix {wanted}, but has {len(numbers)} numbers',
            'wrong_camera',
        )
    return np.array(numbers).reshape(SHAPES[len(numbers)])
