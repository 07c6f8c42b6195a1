"""Loading of one map of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio

from ...core.errors import BadSampleError
from ...io.map_io import missing_map, read_map
from ...ops.normal_frames import check_normal_frame, convert_normals
from ...ops.unit_vectors import normalize_vectors
from ...registry import TRANSFORMS
from ...structures.fields import SEG_MAP, get_field

_IGNORED = int(SEG_MAP.fill)


def label_table(label_map: Mapping[int, int]) -> np.ndarray:
    """The lookup table of a change of labels.

    Args:
        label_map (Mapping[int, int]): Stored id -> class id; others stay.

    Returns:
        np.ndarray: uint8 (256,), indexed by the stored id.

    Raises:
        ValueError: If an id is not in [0, 255].
    """
    table: np.ndarray = np.arange(256, dtype=np.uint8)
    for stored, label in label_map.items():
        if not (0 <= stored <= 255 and 0 <= label <= 255):
            raise ValueError(f'`label_map` must map ids in [0, 255], but got {stored}: {label}')
        table[stored] = label
    return table


@TRANSFORMS.register_module()
class LoadDenseTarget(BaseTransform):
    """Loads the map of one row of ``FIELDS`` from a file.

    It must have the size of the image as stored, so that it may stand in front of every resizing
    step (training) or behind (evaluation at full size). Normals come out in the frame of this
    package, x to the right, y up, z towards the camera, and with length 1, whatever the file has.
    The stock ``reduce_zero_label`` is refused: label 0 is the background.

    Args:
        field (str): A key of ``FIELDS``. Defaults to 'depth_map'.
        normal_frame (str): Image of the vectors in the files, 'opengl' or 'opencv'. Defaults to
            'opengl'.
        label_map (Mapping[int, int], optional): Stored id -> class id; others stay. Defaults to
            None: ``results['label_table']``, uint8 (256,), or the stock ``results['label_map']``,
            if there is one.
        num_classes (int, optional): Labels, after the map, must be below, or
            255. Defaults to None, ``results['num_classes']`` if given.
        scale (float, optional): Of png files, see :func:`read_map`. Defaults to None.
        offset (float): Likewise. Defaults to 0.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Raises:
        KeyError: If the field or the frame is unknown.
        ValueError: If an option is given that the field has no use for.
    """

    def __init__(
        self,
        field: str = 'depth_map',
        *,
        normal_frame: str = 'opengl',
        label_map: Mapping[int, int] | None = None,
        num_classes: int | None = None,
        scale: float | None = None,
        offset: float = 0.0,
        backend_args: dict | None = None,
    ) -> None:
        self.field = get_field(field)
        check_normal_frame('normal_frame', normal_frame)
        is_normal = self.field.is_vector and self.field.channels == 3
        if normal_frame != 'opengl' and not is_normal:
            raise ValueError(
                f'`normal_frame` is for normals, not for {field!r}, but got {normal_frame!r}'
            )
        if not self.field.is_labels and (label_map is not None or num_classes is not None):
            raise ValueError(
                '`label_map` and `num_classes` are for labels, not for '
                f'{field!r}, but got {label_map} and {num_classes}'
            )
        self.normal_frame = normal_frame if is_normal else None
        self.table = None if label_map is None else label_table(label_map)
        self.num_classes = num_classes
        self.scale = scale
        self.offset = offset
        self.backend_args = backend_args

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the map of ``<field>_path`` as ``gt_<field>``, (H, W) or (H, W, C).

        Raises:
            KeyError: If there is no path.
            MissingFileError: If there is no such file.
            BadSampleError: If it cannot be read, is not as large as the image, or has an unknown
                label.
            ValueError: If ``reduce_zero_label`` is set.
        """
        field = self.field
        if field.path_key not in results:
            raise KeyError(
                f'LoadDenseTarget needs `{field.path_key}`, but got '
                f'{sorted(results)}. The dataset must list the files, as '
                f'DenseFolderDataset does with {field.name!r} in `fields`.'
            )
        path = results[field.path_key]
        array = read_map(
            path, field.name, scale=self.scale, offset=self.offset, content=self._fetch(path)
        )
        self._check_size(path, array, results)
        if field.is_labels:
            array = self._convert_labels(array, results)
            self._check_labels(path, array, results)
        if self.normal_frame not in (None, 'opengl'):
            array = convert_normals(array, self.normal_frame, 'opengl')
        if field.is_vector:
            is_ours = array.flags.writeable and array.flags.c_contiguous
            array = normalize_vectors(array, out=array if is_ours else None)
        results[field.key] = array
        return results

    def _fetch(self, path: str) -> bytes | None:
        """The file of another storage; None for the local disk."""
        if self.backend_args is None and '://' not in str(path):
            return None
        try:
            return fileio.get(str(path), backend_args=self.backend_args)
        except FileNotFoundError:
            raise missing_map(path) from None
        except OSError as error:
            raise BadSampleError(f'the map {path} cannot be read: {error}') from error

    def _check_size(self, path: str, array: np.ndarray, results: dict[str, Any]) -> None:
        # `img_shape` changes with a resize in front; `ori_shape` does not.
        size = results.get('ori_shape', results.get('img_shape'))
        if size is None or tuple(size[:2]) == array.shape[:2]:
            return
        height, width = array.shape[:2]
        raise BadSampleError(
            f'the {self.field.name} in {path} must be as large as its image '
            f'{results.get("img_path")}, {size[0]} high and {size[1]} wide, '
            f'but it is {height} high and {width} wide. Make them again at '
            'one size, or take the sample out of the dataset.'
        )

    def _convert_labels(self, labels: np.ndarray, results: dict[str, Any]) -> np.ndarray:
        if results.get('reduce_zero_label'):
            raise ValueError(
                '`reduce_zero_label` must be False for LoadDenseTarget: label '
                '0 is the background, which is a class'
            )
        table = self.table
        if table is None:
            table = results.get('label_table')
        if table is None and results.get('label_map'):
            table = label_table(results['label_map'])
        return labels if table is None else cv2.LUT(labels, table)

    def _check_labels(self, path: str, labels: np.ndarray, results: dict[str, Any]) -> None:
        number = self.num_classes or results.get('num_classes')
        if number is None or labels.max() < number:
            return
        wrong = labels[(labels >= number) & (labels != _IGNORED)]
        if wrong.size:
            raise BadSampleError(
                f'the labels in {path} must be 0 to {number - 1}, or '
                f'{_IGNORED}, but {np.unique(wrong)[:10].tolist()} occur in '
                f'{wrong.size} pixels. Check which classes they are of, or '
                'give `label_map`.'
            )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(field={self.field.name!r})'
