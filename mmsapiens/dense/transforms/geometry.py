"""Geometry of images with every map of ``FIELDS``: each step asks the row what a map needs.

A camera follows: ``results['intrinsics']``, (3, 3), and ``results['extrinsics']``, (3, 4).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.image import rescale_size
from mmcv.transforms import BaseTransform, RandomFlip, Resize
from mmcv.transforms.utils import cache_randomness

from ...ops.cameras import (
    crop_intrinsics,
    flip_extrinsics,
    flip_intrinsics,
    resize_intrinsics,
    turn_extrinsics,
    turn_intrinsics,
    turn_points,
)
from ...ops.fit_inputs import INTERPOLATIONS, fit_and_pad, stretch
from ...ops.unit_vectors import rotate_vectors, stretch_vectors
from ...registry import TRANSFORMS
from ...structures.fields import SEG_MAP, Field, get_field, present_fields

_MAX_CHANNELS = 4  # OpenCV fills the border of no more channels

CAMERA = 'intrinsics'
"""Key of the camera in a pipeline's results, (3, 3)."""
POSE = 'extrinsics'
"""Key of the way from the world to the camera, (3, 4)."""
REMEDY = "use those that carry every field after 'mmsapiens.LoadDenseTarget'"


def check_field_sizes(results: dict[str, Any], step: str, remedy: str = REMEDY) -> None:
    """Refuse maps that are not as large as ``img``; ``step`` is named in the message."""
    size = results['img'].shape[:2]
    for field in present_fields(results):
        found = results[field.key].shape[:2]
        if found != size:
            raise ValueError(
                f'{step}: `{field.key}` of {results.get("img_path")} must be as large as its '
                f'image, {size} (height, width), but got {found}. A step in front of it moved '
                f'only one of them: {remedy}.'
            )


def check_prob(prob: float) -> float:
    """A probability, as a float; ValueError unless it is in [0, 1]."""
    if not 0 <= prob <= 1:
        raise ValueError(f'`prob` must be in [0, 1], but got {prob}')
    return float(prob)


def field_interpolation(
    field: Field, old_hw: tuple[int, int], new_hw: tuple[int, int], nearest: int
) -> int:
    """OpenCV's interpolation for a map: of blended ones linear, or areas where both sides shrink;
    else ``nearest``."""
    if not field.is_blended:
        return nearest
    is_smaller = new_hw[0] < old_hw[0] and new_hw[1] < old_hw[1]
    return cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR


@TRANSFORMS.register_module()
class ResizeFields(Resize):
    """Stock ``Resize`` that brings every field to the image's new size.

    Also as ``resize_type='mmsapiens.ResizeFields'`` of the stock ``RandomResize``. Maps take the
    nearest pixel; mattes are blended. ``GenerateNormalTarget(background=-1000)`` stands behind.

    Args:
        *args: Those of ``Resize``; ``scale`` is (width, height).
        compensate_vectors (bool): Whether normals follow a stretch of their image without
            ``keep_ratio``, see :func:`stretch_vectors`; the reference leaves them. Defaults to
            True.
        pixel_centres (bool): Whether a pixel takes the map's value at its center. False is OpenCV's
            ``INTER_NEAREST``, as in the reference, whose maps lie up to half a pixel beside a
            smaller image. Defaults to True.
        shrink (str, optional): Interpolation of images whose width becomes less, whatever the
            height does; ``enlarge`` of all others. Both are 'linear', 'cubic' or 'area', as in
            :class:`mmsapiens.models.input_rule.InputRule`. Defaults to None, ``interpolation`` of
            the stock class.
        enlarge (str, optional): Goes with ``shrink``. Defaults to None.
        **kwargs: Those of ``Resize``.

    Raises:
        ValueError: If only one of ``shrink`` and ``enlarge`` is given, or another word; in
            use, if a map is not as large as its image.
    """

    def __init__(
        self,
        *args: Any,
        compensate_vectors: bool = True,
        pixel_centres: bool = True,
        shrink: str | None = None,
        enlarge: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        given = [name for name in (shrink, enlarge) if name is not None]
        if len(given) == 1 or set(given) - set(INTERPOLATIONS):
            raise ValueError(
                f'`shrink` and `enlarge` must both be of {list(INTERPOLATIONS)}, or None, but got '
                f'{shrink!r} and {enlarge!r}'
            )
        self.shrink, self.enlarge = shrink, enlarge
        self.compensate_vectors = compensate_vectors
        self.interpolation_code = cv2.INTER_NEAREST_EXACT if pixel_centres else cv2.INTER_NEAREST

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        check_field_sizes(results, type(self).__name__)
        height, width = results['img'].shape[:2]
        results = super().transform(results)
        if CAMERA in results:
            rows, columns = results['img'].shape[:2]
            scales = columns / width, rows / height
            results[CAMERA] = resize_intrinsics(results[CAMERA], *scales)
        return results

    def _resize_img(self, results: dict[str, Any]) -> None:
        if self.shrink is None or self.enlarge is None:
            super()._resize_img(results)
            return
        height, width = results['img'].shape[:2]
        size = results['scale']
        if self.keep_ratio:
            size = rescale_size((width, height), size)
        results['img'] = stretch(results['img'], tuple(size), self.shrink, self.enlarge)
        results.update(img_shape=results['img'].shape[:2], keep_ratio=self.keep_ratio)
        results['scale_factor'] = size[0] / width, size[1] / height

    def _resize_seg(self, results: dict[str, Any]) -> None:
        """Resize all fields; the stock method does so with labels."""
        for field in present_fields(results):
            array = results[field.key]
            if array.shape[:2] == results['img'].shape[:2]:
                continue
            height, width = size = results['img'].shape[:2]
            code = field_interpolation(field, array.shape[:2], size, self.interpolation_code)
            resized = cv2.resize(array, (width, height), interpolation=code)
            if field.is_vector and self.compensate_vectors and not self.keep_ratio:
                old_height, old_width = array.shape[:2]
                resized = stretch_vectors(resized, width / old_width, height / old_height)
            results[field.key] = resized


@TRANSFORMS.register_module()
class FitAndPadFields(BaseTransform):
    """The image as large as the input allows at its own aspect, in the middle, and every field.

    ``padding_size``, (left, right, top, bottom) in pixels, says what is beside it; the way back of
    ``DenseEstimator`` cuts it. Maps take the nearest pixel, and their ``fill`` beside the image.

    Args:
        size_hw (Sequence[int]): Height and width of the input.
        is_rounded (bool): Whether the size of the image is rounded, as in the reference's training;
            its tests cut it off to whole pixels, and so does inference, see :func:`fitted_padding`.
            Defaults to False.
        img_fill (float): Value of the image outside. Defaults to 0.

    Raises:
        ValueError: If ``size_hw`` is no size; in use, if a map is not as large as its image.
    """

    def __init__(
        self, size_hw: Sequence[int], is_rounded: bool = False, img_fill: float = 0
    ) -> None:
        self.size_hw = check_size('size_hw', size_hw)
        self.is_rounded, self.img_fill = is_rounded, img_fill

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        check_field_sizes(results, type(self).__name__)
        old = results['img'].shape[:2]
        options = self.size_hw, self.is_rounded
        results['img'], padding = fit_and_pad(results['img'], *options, fill=self.img_fill)
        inner = (
            self.size_hw[0] - padding.top - padding.bottom,
            self.size_hw[1] - padding.left - padding.right,
        )
        for field in present_fields(results):
            code = field_interpolation(field, old, inner, cv2.INTER_NEAREST_EXACT)
            fitted, _ = fit_and_pad(results[field.key], *options, code, field.fill)
            results[field.key] = fitted
        scales = inner[1] / old[1], inner[0] / old[0]
        results.update(img_shape=self.size_hw, scale_factor=scales, padding_size=tuple(padding))
        if CAMERA in results:
            camera = resize_intrinsics(results[CAMERA], *scales)
            results[CAMERA] = crop_intrinsics(camera, -padding.left, -padding.top)
        return results


def check_size(name: str, size: Sequence[int]) -> tuple[int, int]:
    """A height and a width as integers; ValueError if it is none."""
    sides = np.array(size)
    if sides.shape != (2,) or (sides < 1).any() or (sides != sides.astype(int)).any():
        raise ValueError(
            f'`{name}` must be a height and a width, two positive integers, not {size}'
        )
    return int(size[0]), int(size[1])


@TRANSFORMS.register_module()
class RandomCropFields(BaseTransform):
    """One random window for the image and every field, by the draws of the stock ``RandomCrop``.

    Its size is given, or drawn between limits. The corner is anywhere between 0 and the margin,
    which both occur. A direction in which the image is smaller than the window is kept whole, not
    padded.

    Args:
        crop_size (Sequence[int], optional): Height and width of the window. Defaults to None, drawn
            by ``area`` and ``aspect``.
        cat_max_ratio (float): The window is drawn again while one class has at least this share of
            its pixels, ignored ones left out, or while there is only one. Without labels nothing is
            asked. Defaults to 1, no rule.
        tries (int): Largest number of further draws. Defaults to 10.
        prob (float): How often, in [0, 1]. Defaults to 1.
        area (Sequence[float]): Without ``crop_size``, smallest and largest share of the image, in
            (0, 1]. Defaults to (0.4, 1).
        aspect (Sequence[float]): Without ``crop_size``, smallest and largest width over height;
            1 / a is as likely as a. Where no window of such an aspect and area fits, the whole
            image stays. Defaults to (0.5, 2).

    Raises:
        ValueError: If an argument is out of range; in use, if a map is not as large as its image.
    """

    def __init__(
        self,
        crop_size: Sequence[int] | None = None,
        cat_max_ratio: float = 1.0,
        tries: int = 10,
        *,
        prob: float = 1.0,
        area: Sequence[float] = (0.4, 1.0),
        aspect: Sequence[float] = (0.5, 2.0),
    ) -> None:
        self.crop_size = None if crop_size is None else check_size('crop_size', crop_size)
        for name, limits, most in (('area', area, 1.0), ('aspect', aspect, math.inf)):
            if len(limits) != 2 or not 0 < limits[0] <= limits[1] <= most:
                raise ValueError(
                    f'`{name}` must be two increasing numbers above 0 and up to {most:g}, '
                    f'but got {limits}'
                )
        self.prob = check_prob(prob)
        self.area, self.aspect = tuple(area), tuple(aspect)
        if not 0 < cat_max_ratio <= 1:
            raise ValueError(f'`cat_max_ratio` must be in (0, 1], but got {cat_max_ratio}')
        if tries < 0:
            raise ValueError(f'`tries` must not be negative, but got {tries}')
        self.cat_max_ratio, self.tries = cat_max_ratio, tries

    @cache_randomness
    def choose_window(self, results: dict[str, Any]) -> tuple[slice, slice]:
        """Draw the rows and columns of a window of ``img`` and perhaps labels."""
        size = results['img'].shape[:2]
        window = self._draw(size)
        labels = results.get(SEG_MAP.key)
        for _ in range(self.tries):
            if labels is None or self.cat_max_ratio == 1 or self._is_mixed(labels[window]):
                break
            window = self._draw(size)
        return window

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Cut ``img`` (H, W, 3) and any maps; parts are contiguous, ``img_shape`` is theirs."""
        check_field_sizes(results, type(self).__name__)
        if self.prob < 1 and np.random.rand() >= self.prob:
            return results
        window = self.choose_window(results)
        for key in ('img', *(f.key for f in present_fields(results))):
            results[key] = np.ascontiguousarray(results[key][window])
        results['img_shape'] = results['img'].shape[:2]
        if CAMERA in results:
            rows, columns = window
            results[CAMERA] = crop_intrinsics(results[CAMERA], columns.start, rows.start)
        return results

    def _draw(self, size_hw: tuple[int, int]) -> tuple[slice, slice]:
        rows, columns = zip(size_hw, self.crop_size or self._draw_size(size_hw))
        top, left = (np.random.randint(0, max(a - b, 0) + 1) for a, b in (rows, columns))
        return slice(top, top + rows[1]), slice(left, left + columns[1])

    def _draw_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        height, width = size_hw
        for _ in range(1 + self.tries):
            pixels = np.random.uniform(*self.area) * height * width
            aspect = math.exp(np.random.uniform(*map(math.log, self.aspect)))
            rows, columns = round(math.sqrt(pixels / aspect)), round(math.sqrt(pixels * aspect))
            if 0 < rows <= height and 0 < columns <= width:
                return rows, columns
        return size_hw

    def _is_mixed(self, labels: np.ndarray) -> bool:
        bins = cv2.calcHist([np.ascontiguousarray(labels)], [0], None, [256], [0, 256])
        counts: np.ndarray = bins.ravel().astype(np.int64)
        counts[int(SEG_MAP.fill)] = 0
        share = counts.max() / max(counts.sum(), 1)
        return bool(np.count_nonzero(counts) > 1 and share < self.cat_max_ratio)


def flip_table(label_pairs: Sequence[Sequence[int]]) -> np.ndarray:
    """The lookup table, uint8 (256,), that exchanges left and right; ValueError for wrong pairs."""
    ids = [label for pair in label_pairs for label in pair]
    is_known = set(ids) <= set(range(255)) and len(set(ids)) == len(ids)
    if not is_known or any(len(pair) != 2 for pair in label_pairs):
        raise ValueError(
            '`label_pairs` must be pairs of different ids in [0, 254], each in one pair only, '
            f'but got {[tuple(pair) for pair in label_pairs]}'
        )
    table: np.ndarray = np.arange(256, dtype=np.uint8)
    for left, right in label_pairs:
        table[left], table[right] = right, left
    return table


@TRANSFORMS.register_module()
class RandomFlipFields(RandomFlip):
    """Stock ``RandomFlip``, left to right, that carries every field.

    Maps are mirrored; then labels of left and right parts are exchanged, and channels that point
    left or right negated.

    Args:
        prob (float): How often, in [0, 1].
        label_pairs (Sequence[Sequence[int]], optional): Ids that exchange, in every field of
            labels; () for classes without sides. Defaults to None, ``results['flip_label_pairs']``.

    Raises:
        ValueError: If ``prob`` is out of range or an id occurs twice; in use, if a map is not as
            large as its image.
        KeyError: In use, if there are labels but no pairs are given.
    """

    def __init__(self, prob: float, label_pairs: Sequence[Sequence[int]] | None = None) -> None:
        super().__init__(prob=check_prob(prob), direction='horizontal')
        self.label_pairs = label_pairs
        if label_pairs is not None:
            flip_table(label_pairs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror ``img`` (H, W, 3) and any maps, or not; ``flip`` says which, as in stock."""
        check_field_sizes(results, type(self).__name__)
        if any(field.is_labels for field in present_fields(results)):
            self._pairs(results)
        return super().transform(results)

    def _flip(self, results: dict[str, Any]) -> None:
        # The stock method would flip the labels as well.
        maps = [(field, results.pop(field.key)) for field in present_fields(results)]
        img, results['img'] = results['img'], results['img'][:0]  # mirrored faster below
        super()._flip(results)
        results['img'] = cv2.flip(img, 1)
        for field, array in maps:
            results[field.key] = self._flip_map(array, field, results)
        if CAMERA in results:
            results[CAMERA] = flip_intrinsics(results[CAMERA], img.shape[1])
        if POSE in results:
            results[POSE] = flip_extrinsics(results[POSE])

    def _flip_map(self, array: np.ndarray, field: Field, results: dict[str, Any]) -> np.ndarray:
        flipped = cv2.flip(array, 1)
        if field.is_labels:
            flipped = cv2.LUT(flipped, flip_table(self._pairs(results)))
        for channel in field.negate_on_hflip:
            view = flipped[..., channel] if field.channels > 1 else flipped
            np.negative(view, out=view)
        return flipped

    def _pairs(self, results: dict[str, Any]) -> Sequence[Sequence[int]]:
        if self.label_pairs is not None:
            return self.label_pairs
        if results.get('flip_label_pairs') is None:
            raise KeyError(
                'RandomFlipFields must know the classes that a mirror exchanges, but '
                f'{results.get("img_path")} has no `flip_label_pairs`. Give `label_pairs`, or ().'
            )
        return results['flip_label_pairs']


def rotate_array(array: np.ndarray, degree: float, fill: float, interpolation: int) -> np.ndarray:
    """Turn (H, W) or (H, W, C) clockwise about its center; ``fill`` comes in from outside."""
    height, width = array.shape[:2]
    if array.ndim == 3 and array.shape[2] > _MAX_CHANNELS:
        parts = np.moveaxis(array, 2, 0)
        return np.dstack([rotate_array(part, degree, fill, interpolation) for part in parts])
    center = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(center, -degree, 1.0)
    border: Any = dict(borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * _MAX_CHANNELS)
    array = np.ascontiguousarray(array)
    turned = cv2.warpAffine(array, matrix, (width, height), flags=interpolation, **border)
    return turned.reshape(array.shape)


@TRANSFORMS.register_module()
class RandomRotateFields(BaseTransform):
    """Turns the image and every field about the center, by the draws of stock ``RandomRotate``.

    The image is interpolated bilinearly, maps take the nearest pixel, vectors and points turn with
    the image.

    Args:
        prob (float): How often, in [0, 1].
        degree (float | Sequence[float]): Smallest and largest angle, clockwise in degrees; one
            number stands for both signs.
        img_fill (float): Value of the image outside. Defaults to 0.
        fill (Mapping[str, float], optional): Name of a field -> its value outside, such as
            ``dict(seg_map=0)`` for background instead of ignored. Defaults to None, as in
            ``FIELDS``.
        rotate_vectors (bool): Whether vectors turn. Defaults to True.

    Raises:
        KeyError: If ``fill`` names an unknown field.
        ValueError: If ``prob`` or ``degree`` is out of range; in use, if a map is not as large as
            its image.
    """

    def __init__(
        self,
        prob: float,
        degree: float | Sequence[float],
        *,
        img_fill: float = 0,
        fill: Mapping[str, float] | None = None,
        rotate_vectors: bool = True,
    ) -> None:
        self.prob = check_prob(prob)
        limits = (-degree, degree) if isinstance(degree, (int, float)) else tuple(degree)
        if len(limits) != 2 or limits[0] > limits[1]:
            raise ValueError(
                f'`degree` must be a positive number, or smallest and largest angle, not {degree}'
            )
        self.degree = limits
        self.img_fill, self.rotate_vectors = img_fill, rotate_vectors
        self.fill = {get_field(name).name: value for name, value in (fill or {}).items()}

    @cache_randomness
    def choose_degree(self) -> float | None:
        """Draw an angle, clockwise in degrees; None for no rotation."""
        is_rotated, degree = np.random.rand() < self.prob, np.random.uniform(*self.degree)
        return degree if is_rotated else None

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        check_field_sizes(results, type(self).__name__)
        degree = self.choose_degree()
        if degree is None:
            return results
        results['img'] = rotate_array(results['img'], degree, self.img_fill, cv2.INTER_LINEAR)
        for field in present_fields(results):
            array = results[field.key]
            if field.is_vector and self.rotate_vectors:
                array = rotate_vectors(array, degree)
            if field.is_position:
                array = turn_points(array, degree)
            fill = self.fill.get(field.name, field.fill)
            results[field.key] = rotate_array(array, degree, fill, cv2.INTER_NEAREST)
        if CAMERA in results:
            size = results['img'].shape[:2]
            results[CAMERA] = turn_intrinsics(results[CAMERA], degree, size)
        if POSE in results:
            results[POSE] = turn_extrinsics(results[POSE], degree)
        return results
