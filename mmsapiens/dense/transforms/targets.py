"""From the file of a map to the targets of the losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs
from torch import Tensor

from ...classes.class_sets import IGNORED
from ...core.errors import BadSampleError, RejectedSampleError
from ...io.camera_files import read_extrinsics, read_intrinsics
from ...io.map_io import missing_map, read_map
from ...ops.cameras import canonical_depth, points_of_depth
from ...ops.known_pixels import has_value, keep_known
from ...ops.normal_frames import check_normal_frame, convert_normals
from ...registry import TRANSFORMS
from ...structures import fields as rows
from ...structures.fields import (
    ALBEDO_MAP,
    DEPTH_MAP,
    FIELDS,
    FOREGROUND_MAP,
    HUMAN_MASK,
    MATTE_MAP,
    NORMAL_MAP,
    OPACITY_MAP,
    POINT_MAP,
    SEG_MAP,
    Field,
)
from ..datasets.paired_files import CAMERA_KEYS, warn
from .geometry import CAMERA, POSE

_SURFACES = (DEPTH_MAP, NORMAL_MAP, ALBEDO_MAP, POINT_MAP)
_META_KEYS = ('flip_label_pairs', 'padding_size', CAMERA, POSE, 'is_color_known')
EMPTY_CHOICES = ('keep', 'raise')


def label_table(label_map: Mapping[int, int]) -> np.ndarray:
    """The lookup table, uint8 (256,), of stored id -> class id; others stay."""
    table: np.ndarray = np.arange(256, dtype=np.uint8)
    for stored, label in label_map.items():
        if not (0 <= stored <= 255 and 0 <= label <= 255):
            raise ValueError(f'`label_map` must map ids in [0, 255], but got {stored}: {label}')
        table[stored] = label
    return table


def fetch_remote(path: str, backend_args: dict | None) -> bytes | None:
    """The content of a file of another storage; None for the local disk."""
    if backend_args is None and '://' not in str(path):
        return None
    try:
        return fileio.get(str(path), backend_args=backend_args)
    except FileNotFoundError:
        raise missing_map(path) from None
    except OSError as error:
        raise BadSampleError(f'{path} cannot be read: {error}') from error


@TRANSFORMS.register_module()
class LoadDenseTarget(BaseTransform):
    """Loads the map of one row of ``FIELDS`` from a file.

    It must have the size of the image as stored, so that it may stand in front of every resizing
    step or behind. Normals come out with x to the right, y up, z towards the camera, and with
    length 1. The stock ``reduce_zero_label`` is refused: label 0 is the background.

    Args:
        field (str): A key of ``FIELDS``. Defaults to 'depth_map'.
        normal_frame (str): Axes of the vectors in the files, 'opengl', 'opencv' or 'directx'.
            Defaults to 'opengl'.
        label_map (Mapping[int, int], optional): Stored id -> class id; others stay. Defaults to
            None: what the dataset says, ``label_table`` or the stock ``label_map``.
        num_classes (int, optional): Labels, after the map, must be below, or 255. Defaults to None,
            that of the dataset.
        scale (float, optional): Of png files, see :func:`read_map`. Defaults to None.
        offset (float): Likewise. Defaults to 0.
        missing (Sequence[float], optional): Likewise. Defaults to None, what the dataset says.
        layer (str, optional): Of exr files, likewise. Defaults to None.
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
        missing: Sequence[float] | None = None,
        layer: str | None = None,
        backend_args: dict | None = None,
    ) -> None:
        self.field = rows.get_field(field)
        check_normal_frame('normal_frame', normal_frame)
        is_normal = self.field.is_vector and self.field.channels == 3
        if normal_frame != 'opengl' and not is_normal:
            raise ValueError(
                f'`normal_frame` is for normals, not for {field!r}, but got {normal_frame!r}'
            )
        if not self.field.is_labels and (label_map is not None or num_classes is not None):
            raise ValueError(
                f'`label_map` and `num_classes` are for labels, not for {field!r}, '
                f'but got {label_map} and {num_classes}'
            )
        self.normal_frame = normal_frame if is_normal else None
        self.table = None if label_map is None else label_table(label_map)
        self.num_classes = num_classes
        self.scale, self.offset, self.missing, self.layer = scale, offset, missing, layer
        self.backend_args = backend_args

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load ``<field>_path`` as ``gt_<field>``, (H, W) or (H, W, C), or raise BadSampleError."""
        field = self.field
        if field.path_key not in results:
            raise KeyError(
                f'LoadDenseTarget needs `{field.path_key}`, but got {sorted(results)}. The dataset '
                f'must list the files, as DenseFolderDataset with {field.name!r} in `fields`.'
            )
        path = results[field.path_key]
        missing = results.get('missing_depth', ()) if self.missing is None else self.missing
        colors, content = results.get('label_colors'), self._fetch(path)
        options: dict[str, Any] = dict(scale=self.scale, offset=self.offset, layer=self.layer)
        options.update(missing=missing, colors=colors, content=content)
        array = read_map(path, field.name, **options)
        self._check_size(path, array, results)
        if field.is_labels:
            array = self._convert_labels(array, results)
            self._check_labels(path, array, results)
        array = keep_known(path, array, field)
        if self.normal_frame not in (None, 'opengl'):
            array = convert_normals(array, self.normal_frame, 'opengl')
        results[field.key] = array
        return results

    def _fetch(self, path: str) -> bytes | None:
        return fetch_remote(path, self.backend_args)

    def _check_size(self, path: str, array: np.ndarray, results: dict[str, Any]) -> None:
        # `img_shape` changes with a resize in front; `ori_shape` does not.
        size = results.get('ori_shape', results.get('img_shape'))
        if size is None or tuple(size[:2]) == array.shape[:2]:
            return
        height, width = array.shape[:2]
        raise BadSampleError(
            f'the {self.field.name} in {path} must be as large as its image '
            f'{results.get("img_path")}, {size[0]} high and {size[1]} wide, but it is {height} '
            f'high and {width} wide. Make them again at one size.'
        )

    def _convert_labels(self, labels: np.ndarray, results: dict[str, Any]) -> np.ndarray:
        if results.get('reduce_zero_label'):
            raise ValueError(
                '`reduce_zero_label` must be False: label 0 is the background, a class'
            )
        table = results.get('label_table') if self.table is None else self.table
        if table is None and results.get('label_map'):
            table = label_table(results['label_map'])
        return labels if table is None else cv2.LUT(labels, table)

    def _check_labels(self, path: str, labels: np.ndarray, results: dict[str, Any]) -> None:
        number = self.num_classes or results.get('num_classes')
        if number is None or labels.max() < number:
            return
        wrong = labels[(labels >= number) & (labels != IGNORED)]
        if wrong.size:
            raise BadSampleError(
                f'the labels in {path} must be 0 to {number - 1}, or {IGNORED}, but '
                f'{np.unique(wrong)[:10].tolist()} occur in {wrong.size} pixels. Give `label_map`?'
            )


@TRANSFORMS.register_module()
class LoadCamera(BaseTransform):
    """Loads ``intrinsics`` (3, 3) in pixels, and ``extrinsics`` (3, 4) where the dataset has them.

    They are those of the image file: in training put it in front of every geometric step, which
    then carry it; in a test behind, as the loading of the truth.

    Args:
        pixel_center (float): Position of the center of the first pixel in the files, 0 or 0.5.
            Defaults to 0.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.

    Raises:
        KeyError: In use, if the sample has no ``intrinsics_path``.
        BadSampleError: In use, if a file is missing or no camera.
    """

    def __init__(self, pixel_center: float = 0.0, backend_args: dict | None = None) -> None:
        self.pixel_center, self.backend_args = pixel_center, backend_args

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        inner, outer = CAMERA_KEYS
        if inner not in results:
            raise KeyError(
                f'LoadCamera needs `{inner}`, but got {sorted(results)}. The dataset must list the '
                "files, as 'mmsapiens.PointMapDataset'."
            )
        content = fetch_remote(results[inner], self.backend_args)
        results[CAMERA] = read_intrinsics(results[inner], self.pixel_center, content)
        if outer in results:
            content = fetch_remote(results[outer], self.backend_args)
            results[POSE] = read_extrinsics(results[outer], content)
        return results


@TRANSFORMS.register_module()
class LoadMatte(BaseTransform):
    """Loads ``gt_matte_map``, premultiplied RGB and opacity, of ``opacity_map_path`` and
    ``foreground_map_path``.

    Without a foreground its color is taken from ``img`` (BGR, as stored), which is right only where
    opacity is 0 or nearly 1; ``is_color_known`` says which of both.

    Args:
        **kwargs: Of :class:`LoadDenseTarget`, ``backend_args`` for instance.

    Raises:
        KeyError: In use, without ``opacity_map_path``, or without foreground and image.
        BadSampleError: In use, if a file cannot be what it should be, or opacity is outside 0..1.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.load_alpha = LoadDenseTarget(OPACITY_MAP.name, **kwargs)
        self.load_color = LoadDenseTarget(FOREGROUND_MAP.name, **kwargs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        alpha = self.load_alpha(results).pop(OPACITY_MAP.key)
        is_known = FOREGROUND_MAP.path_key in results
        if is_known:
            color = self.load_color(results).pop(FOREGROUND_MAP.key)
        else:
            color = self._color_of_image(results, alpha.shape)
        results[MATTE_MAP.key] = np.dstack([color * alpha[..., None], alpha])
        results['is_color_known'] = is_known
        return results

    @staticmethod
    def _color_of_image(results: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
        if 'img' not in results or results['img'].shape[:2] != shape:
            raise KeyError(
                'LoadMatte needs `foreground_map_path`, or in front of every geometric step the '
                f'image itself, for {results.get("img_path")}'
            )
        return results['img'][..., ::-1].astype(np.float32) / 255


def relative_depth(
    depth: np.ndarray, mask: np.ndarray, background: float = -1.0, keep_constant: bool = False
) -> np.ndarray:
    """Depth from 0, the nearest pixel of a bool mask (H, W), to 1, the farthest; float32 (H, W).
    Elsewhere it is ``background``, or if it is constant; with ``keep_constant`` it then stays as it
    is."""
    target = np.full(depth.shape, background, dtype=np.float32)
    if not mask.any():
        return target
    inside = np.ascontiguousarray(mask).view(np.uint8)
    depth = np.ascontiguousarray(depth, dtype=np.float32)
    low, high, _, _ = cv2.minMaxLoc(depth, inside)
    if high > low:
        # Outside the mask there may be infinity, which is left there.
        with np.errstate(over='ignore', invalid='ignore'):
            relative = depth - np.float32(low)
            relative /= np.float32(high) - np.float32(low)
        cv2.copyTo(relative, inside, target)
    elif keep_constant:
        cv2.copyTo(depth, inside, target)
    return target


class _MaskedTarget(BaseTransform):
    """What both targets need: the pixels of people that have a value."""

    def __init__(self, field: Field, background: float, empty: str) -> None:
        if empty not in EMPTY_CHOICES:
            raise ValueError(f'`empty` must be one of {EMPTY_CHOICES}, but got {empty!r}')
        self.field = field
        self.background = background
        self.empty = empty
        self._has_told = False

    def _mask(self, results: dict) -> np.ndarray:
        """Where people are and the map has a value, bool (H, W)."""
        for field in (self.field, HUMAN_MASK):
            if field.key not in results:
                raise KeyError(
                    f'{type(self).__name__} needs `{field.key}`: load it with '
                    f"dict(type='mmsapiens.LoadDenseTarget', field={field.name!r})"
                )
        mask = results[HUMAN_MASK.key] > 0
        if self.empty == 'raise' and not mask.any():
            raise BadSampleError(
                f'the mask {results.get(HUMAN_MASK.path_key)} has no human pixel, in the file or '
                "after cropping. Take the sample out, or set `empty='keep'`."
            )
        known = mask & has_value(results[self.field.key], self.field)
        lost = int(mask.sum()) - int(known.sum())
        if lost and not self._has_told:
            self._has_told = True
            warn(
                f'the {self.field.name} {results.get(self.field.path_key)} has no value at {lost} '
                f'of {int(mask.sum())} human pixels. Such pixels are no target, here as in the '
                'figures. This is said once; `tools/dataset/check_dense.py` counts all.'
            )
        return known


@TRANSFORMS.register_module()
class GenerateDepthTarget(_MaskedTarget):
    """Relative depth inside the mask: 0 the nearest, 1 the farthest pixel.

    Args:
        normalize (bool): Whether to make depth relative; else it keeps its unit. Defaults to True.
        background (float): Value outside the mask. Defaults to -1.
        empty (str): 'keep' a sample without a person, which then has no valid pixel, or 'raise'
            BadSampleError. Defaults to 'keep'.
        keep_constant (bool): Whether a depth without range stays in its own unit, as in the
            reference implementation. Defaults to False: no target.

    Raises:
        ValueError: If ``empty`` is another word.
    """

    def __init__(
        self,
        normalize: bool = True,
        background: float = -1.0,
        empty: str = 'keep',
        keep_constant: bool = False,
    ) -> None:
        super().__init__(DEPTH_MAP, background, empty)
        self.normalize = normalize
        self.keep_constant = keep_constant

    def transform(self, results: dict) -> dict:
        """Replace ``gt_depth_map`` (H, W)."""
        mask, depth = self._mask(results), results[DEPTH_MAP.key]
        if self.normalize:
            target = relative_depth(depth, mask, self.background, self.keep_constant)
        else:
            target = np.where(mask, depth, np.float32(self.background))
        results[DEPTH_MAP.key] = target
        return results


class _KeptTarget(_MaskedTarget):
    """A map as it is inside the mask, and ``background`` elsewhere."""

    def transform(self, results: dict) -> dict:
        """Replace the map (H, W, C) of the field."""
        mask = self._mask(results)
        array = np.ascontiguousarray(results[self.field.key])
        target = np.full_like(array, self.background)
        cv2.copyTo(array, mask.view(np.uint8), target)
        results[self.field.key] = target
        return results


@TRANSFORMS.register_module()
class GenerateNormalTarget(_KeptTarget):
    """Normals inside the mask; raises as :class:`GenerateDepthTarget` does.

    Args:
        background (float): Value of all components outside the mask. Defaults to 0.
        empty (str): As in :class:`GenerateDepthTarget`. Defaults to 'keep'.
    """

    def __init__(self, background: float = 0.0, empty: str = 'keep') -> None:
        super().__init__(NORMAL_MAP, background, empty)


@TRANSFORMS.register_module()
class GenerateAlbedoTarget(_KeptTarget):
    """Albedo inside the mask, -1 elsewhere; raises as :class:`GenerateDepthTarget` does.

    Args:
        empty (str): As in :class:`GenerateDepthTarget`. Defaults to 'keep'.
    """

    def __init__(self, empty: str = 'keep') -> None:
        super().__init__(ALBEDO_MAP, ALBEDO_MAP.fill, empty)


@TRANSFORMS.register_module()
class GeneratePointTarget(_KeptTarget):
    """Points in meters inside the mask, 0 elsewhere, of depth and camera, or of a map of points.

    ``gt_depth_map`` (H, W), in meters along z, is taken away. The head scales points to the focal
    length of 768 pixels itself, by ``intrinsics`` of the metainfo.

    Args:
        empty (str): As in :class:`GenerateDepthTarget`. Defaults to 'keep'.
    """

    def __init__(self, empty: str = 'keep') -> None:
        super().__init__(POINT_MAP, POINT_MAP.fill, empty)

    def transform(self, results: dict) -> dict:
        """Make ``gt_point_map`` (H, W, 3)."""
        if CAMERA not in results:
            raise KeyError(
                f'{type(self).__name__} needs `{CAMERA}`: load it with '
                "dict(type='mmsapiens.LoadCamera')"
            )
        if POINT_MAP.key not in results and DEPTH_MAP.key in results:
            depth = torch.from_numpy(np.ascontiguousarray(results.pop(DEPTH_MAP.key)))[None]
            points = points_of_depth(depth, torch.as_tensor(results[CAMERA]).to(depth)[None])
            results[POINT_MAP.key] = points[0].permute(1, 2, 0).numpy()
        return super().transform(results)


@TRANSFORMS.register_module()
class RejectSamples(BaseTransform):
    """Rejects what chance made useless for training; behind the steps that make targets.

    Datasets of this package then take another sample and count the reasons, see
    ``BadSamplePolicy.rejected``.

    Args:
        min_pixels (int): Fewest pixels of people that have a value. Defaults to 16.
        max_share (float): Largest share of the image that people may cover, where there are normals
            or points. Defaults to 0.96.
        min_depth (float): Smallest z of points for a focal length of 768 pixels, in meters.
            Defaults to 0.04.
        min_foreground (float): Smallest share of pixels with a label that is neither the background
            nor ignored. Defaults to 0.01.

    Raises:
        RejectedSampleError: In use, for such a sample; ``kind`` says why.
    """

    def __init__(
        self,
        min_pixels: int = 16,
        max_share: float = 0.96,
        min_depth: float = 0.04,
        min_foreground: float = 0.01,
    ) -> None:
        self.min_pixels, self.max_share = min_pixels, max_share
        self.min_depth, self.min_foreground = min_depth, min_foreground

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if SEG_MAP.key in results:
            labels = results[SEG_MAP.key]
            share = float(((labels > 0) & (labels != IGNORED)).mean())
            if share < self.min_foreground:
                text = f'{share:.2%} of the pixels are parts, less than {self.min_foreground:.2%}.'
                raise RejectedSampleError(text, 'little_foreground')
        mask = results.get(HUMAN_MASK.key)
        if mask is None:
            return results
        people = mask > 0
        rows = [field for field in _SURFACES if field.key in results]
        for field in rows:
            people = people & has_value(results[field.key], field)
        if int(people.sum()) < self.min_pixels:
            text = f'{people.sum()} pixels of people have a value, fewer than {self.min_pixels}.'
            raise RejectedSampleError(text, 'few_pixels')
        share = float((mask > 0).mean())
        if share > self.max_share and (NORMAL_MAP in rows or POINT_MAP in rows):
            text = f'people cover {share:.1%} of the image, more than {self.max_share:.1%}.'
            raise RejectedSampleError(text, 'full_mask')
        if POINT_MAP in rows and CAMERA in results:
            depth = canonical_depth(results[POINT_MAP.key][..., 2], results[CAMERA])
            if (near := float(depth[people].min())) < self.min_depth:
                text = f'the nearest point is at {near:.3g} m for a focal length of 768 pixels, '
                raise RejectedSampleError(f'{text}nearer than {self.min_depth:g}.', 'too_near')
        return results


def to_channels_first(array: np.ndarray, field: Field, compact: bool = False) -> Tensor:
    """(H, W) or (H, W, C) as (1, H, W) or (C, H, W); labels are int64 unless ``compact``."""
    # A flipped array has negative strides, which torch refuses.
    packed = np.ascontiguousarray(array)
    if packed.base is not None or not packed.flags.writeable:
        packed = packed.copy()  # another one owns this memory
    tensor = torch.from_numpy(packed)
    tensor = tensor[None] if array.ndim == 2 else tensor.permute(2, 0, 1).contiguous()
    return tensor.long() if field.is_labels and not compact else tensor


@TRANSFORMS.register_module()
class PackDenseInputs(PackSegInputs):
    """Stock ``PackSegInputs``; each target becomes ``gt_<name>`` of ``data_samples``, (C, H, W).

    Args:
        meta_keys (Sequence[str], optional): Keys of the results to keep as metainfo. Defaults to
            None: those of the stock class, the paths of all maps and ``flip_label_pairs``.
        with_mask (bool): Whether to pack ``gt_human_mask``, for metrics. Defaults to False.
        compact (bool): Whether labels keep their 8 bits on the way from the loader;
            ``DenseDataPreprocessor`` makes them int64 on the device. Defaults to False.
    """

    def __init__(
        self, meta_keys: Sequence[str] | None = None, with_mask: bool = False, compact: bool = False
    ) -> None:
        super().__init__()
        if meta_keys is None:
            paths = [field.path_key for field in FIELDS.values()]
            meta_keys = (*self.meta_keys, *paths, *_META_KEYS)
        self.meta_keys: tuple[str, ...] = tuple(dict.fromkeys(meta_keys))
        self.with_mask = with_mask
        self.compact = compact

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack ``inputs`` (3, H, W), of the image's type, and ``data_samples``."""
        fields = rows.present_fields(results)
        keys = {field.key for field in fields}
        packed = super().transform({k: value for k, value in results.items() if k not in keys})
        for field in fields:
            if field.is_target or (self.with_mask and field == HUMAN_MASK):
                data = to_channels_first(results[field.key], field, self.compact)
                packed['data_samples'].set_data({field.gt_name: PixelData(data=data)})
        return packed
