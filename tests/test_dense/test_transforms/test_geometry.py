"""What holds for every step that moves pixels."""

import cv2
import numpy as np
import pytest
from dense_figures import draw_figure

from mmsapiens.dense import RandomCropFields, RandomFlipFields, RandomRotateFields, ResizeFields
from mmsapiens.structures.fields import FIELDS, Field, add_field

PAIRS = [(5, 14), (6, 15), (8, 17), (10, 19)]


def figure_results(seed=0, size_hw=(128, 96)):
    figure = draw_figure(seed, size_hw)
    return dict(
        img=figure.image,
        gt_human_mask=figure.mask,
        gt_depth_map=figure.depth_m,
        gt_normal_map=figure.normals,
        gt_seg_map=figure.labels,
        gt_albedo_map=figure.image[..., ::-1].astype(np.float32) / 255,
        gt_point_map=points_of(figure.depth_m),
        gt_matte_map=np.dstack([figure.image * figure.mask[..., None], figure.mask * 255])
        / np.float32(255),
        gt_opacity_map=figure.mask.astype(np.float32),
        gt_foreground_map=figure.image[..., ::-1].astype(np.float32) / 255,
        flip_label_pairs=PAIRS,
        img_shape=size_hw,
    )


def points_of(depth, camera=None):
    """Points (H, W, 3), float32, of distances along z; 0 where there is none."""
    camera = np.diag([90.0, 90.0, 1.0]) if camera is None else camera
    v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
    z = np.where(np.isfinite(depth) & (depth > 0), depth, 0)
    x, y = (u - camera[0, 2]) / camera[0, 0], (v - camera[1, 2]) / camera[1, 1]
    return np.stack([x * z, y * z, z], axis=-1).astype(np.float32)


def sphere(size=121, radius=50, tilt_x=0.0):
    """Normals of a sphere and its mask; y is up."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    x, y = (x - tilt_x) / radius, -y / radius
    inside = x**2 + y**2 < 0.97
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    normals = np.stack([x, y, z], axis=-1).astype(np.float32)
    return normals * inside[..., None], inside.astype(np.uint8)


def angles_deg(first, second):
    cosine = (first * second).sum(-1).clip(-1, 1)
    return np.rad2deg(np.arccos(cosine))


def with_sphere():
    normals, mask = sphere()
    img = np.zeros((*mask.shape, 3), dtype=np.uint8)
    return dict(img=img, gt_normal_map=normals, gt_human_mask=mask)


@pytest.mark.parametrize('degree', [17.0, -60.0, 90.0])
def test_rotated_sphere_is_a_sphere(degree):
    rotate = RandomRotateFields(1.0, (degree, degree))
    results = rotate(with_sphere())
    expected, mask = sphere()
    both = (mask > 0) & (results['gt_human_mask'] > 0)
    error = angles_deg(results['gt_normal_map'], expected)[both]
    # Nearest neighbors are up to 0.7 pixels of a radius of 50 away; at the rim, a pixel is many
    # degrees.
    assert np.median(error) < 1.2
    assert np.percentile(error, 95) < 6


def test_mirrored_sphere_is_a_sphere():
    results = RandomFlipFields(1.0)(with_sphere())
    expected, mask = sphere()
    error = angles_deg(results['gt_normal_map'], expected)[mask > 0]
    assert error.max() < 0.1


def test_stretched_sphere_is_an_ellipsoid():
    """Twice as wide: x^2 / 4 + y^2 + z^2 / 2 = 1 up to a common factor."""
    results = ResizeFields(scale=(242, 121))(with_sphere())
    normals = results['gt_normal_map']
    y, x = np.mgrid[:121, :242].astype(np.float64)
    x, y = (x - 120.5) / 100, -(y - 60) / 50
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    g = np.sqrt(2)
    expected = np.stack([x / 2, y, z / g], axis=-1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True) + 1e-12
    inside = (np.linalg.norm(normals, axis=-1) > 0.5) & (x**2 + y**2 < 0.9)
    error = angles_deg(normals, expected)[inside]
    assert np.median(error) < 1.5
    np.testing.assert_allclose(np.linalg.norm(normals[inside], axis=-1), 1, atol=1e-6)


def test_stretching_can_be_left_out():
    before = with_sphere()
    results = ResizeFields(scale=(242, 121), compensate_vectors=False)(dict(before))
    assert np.array_equal(
        np.unique(results['gt_normal_map'][..., 0]), np.unique(before['gt_normal_map'][..., 0])
    )


@pytest.mark.parametrize('scale', [(48, 64), (192, 256), (96, 128)])
def test_uniform_scale_leaves_vectors_alone(scale):
    results = ResizeFields(scale=scale, keep_ratio=True)(figure_results())
    before = figure_results()['gt_normal_map'].reshape(-1, 3)
    known = {tuple(vector) for vector in before.tolist()}
    after = results['gt_normal_map'].reshape(-1, 3)
    assert {tuple(vector) for vector in after.tolist()} <= known


def test_mirror_twice_is_identity():
    flip = RandomFlipFields(1.0)
    results = flip(flip(figure_results()))
    expected = figure_results()
    for key in ('img', *(field.key for field in FIELDS.values())):
        np.testing.assert_array_equal(results[key], expected[key])


def test_mirror_exchanges_hands():
    before = figure_results()
    after = RandomFlipFields(1.0)(figure_results())
    left, right = (before['gt_seg_map'] == label for label in (5, 14))
    assert np.array_equal(after['gt_seg_map'] == 14, left[:, ::-1])
    assert np.array_equal(after['gt_seg_map'] == 5, right[:, ::-1])


def test_mirror_without_known_sides_is_refused():
    results = figure_results()
    del results['flip_label_pairs']
    with pytest.raises(KeyError, match='classes that a mirror exchanges'):
        RandomFlipFields(1.0)(results)
    assert RandomFlipFields(1.0, label_pairs=())(results)['flip']


@pytest.fixture
def further_field():
    yield add_field(Field('marker_map', channels=2, dtype='float32', fill=-7))
    del FIELDS['marker_map']


def test_everything_stays_aligned(further_field):
    """All maps are functions of the image's color, before and after."""
    np.random.seed(0)
    steps = [
        ResizeFields(scale=(150, 190), keep_ratio=True),
        RandomCropFields((150, 130), cat_max_ratio=0.99),
        ResizeFields(scale=(96, 128)),
        RandomRotateFields(1.0, 45),
        RandomFlipFields(1.0),
    ]
    results = figure_results()
    results['img'] = np.repeat(results['gt_seg_map'][..., None] * 8, 3, -1)
    labels = results['gt_seg_map'].astype(np.float32)
    results['gt_marker_map'] = np.stack([labels, labels + 1], axis=-1)
    for step in steps:
        results = step(results)
    assert results['img'].shape == (128, 96, 3)
    for field in FIELDS.values():
        assert results[field.key].shape[:2] == (128, 96)
    seg = results['gt_seg_map'].astype(int)
    table = np.arange(256)
    for first, second in PAIRS:
        table[first], table[second] = second, first
    unswapped = table[seg]
    # The image is interpolated: compare away from the edges of parts.
    gray = results['img'][..., 0] / 8
    known = seg != 255
    square, parts = np.ones((5, 5)), unswapped.astype(np.uint8)
    inner = known & (cv2.dilate(parts, square) == cv2.erode(parts, square))
    assert inner.mean() > 0.4
    assert np.isclose(gray, unswapped, atol=0.6)[inner].mean() > 0.99
    marker = results['gt_marker_map']
    assert (marker[~known] == further_field.fill).all()
    assert (marker[known, 0] == unswapped[known]).all()
    assert (marker[known, 1] == unswapped[known] + 1).all()
    inside = results['gt_human_mask'] > 0
    assert np.array_equal(inside, known & (unswapped > 0))
    assert (results['gt_depth_map'][inside] > 2).all()
    length = np.linalg.norm(results['gt_normal_map'], axis=-1)
    np.testing.assert_allclose(length[inside], 1, atol=1e-5)


def test_outside_of_a_rotated_image_is_filled_by_field():
    rotate = RandomRotateFields(1.0, (45, 45), fill=dict(seg_map=0))
    results = rotate(figure_results())
    corner = {key: np.ravel(results[key][0, 0]) for key in results if key.startswith('gt_')}
    assert corner['gt_seg_map'] == [0]
    assert corner['gt_depth_map'] == [-1]
    assert corner['gt_human_mask'] == [0]
    assert corner['gt_normal_map'].tolist() == [0, 0, 0]
    results = RandomRotateFields(1.0, (45, 45))(figure_results())
    assert results['gt_seg_map'][0, 0] == 255


def test_window_avoids_a_dominant_class():
    np.random.seed(0)
    results = dict(img=np.zeros((64, 64, 3), np.uint8))
    results['gt_seg_map'] = np.zeros((64, 64), np.uint8)
    results['gt_seg_map'][20:36, 20:36] = 1
    shares = []
    for _ in range(40):
        crop = RandomCropFields((24, 24), cat_max_ratio=0.75)
        labels = crop(dict(results))['gt_seg_map']
        shares.append(max(labels.mean(), 1 - labels.mean()))
    plain = []
    for _ in range(40):
        labels = RandomCropFields((24, 24))(dict(results))['gt_seg_map']
        plain.append(max(labels.mean(), 1 - labels.mean()))
    assert np.mean(shares) < np.mean(plain) - 0.1


@pytest.mark.parametrize(
    'step',
    [
        RandomCropFields((40, 30), cat_max_ratio=0.5),
        RandomRotateFields(1.0, 30),
        RandomFlipFields(1.0),
        ResizeFields(scale=(30, 40)),
    ],
)
def test_images_without_maps_pass(step):
    results = dict(img=np.zeros((64, 48, 3), np.uint8))
    assert step(results)['img'].ndim == 3
    assert repr(step)


def test_stock_random_resize_carries_the_fields():
    from mmengine.registry import DefaultScope
    from mmseg.registry import TRANSFORMS

    with DefaultScope.overwrite_default_scope('mmseg'):
        step = TRANSFORMS.build(
            dict(
                type='RandomResize',
                scale=(96, 128),
                ratio_range=(0.2, 2.0),
                keep_ratio=True,
                resize_type='mmsapiens.ResizeFields',
            )
        )
    np.random.seed(0)
    sizes = set()
    for _ in range(4):
        results = step(figure_results())
        for field in FIELDS.values():
            assert results[field.key].shape[:2] == results['img'].shape[:2]
        sizes.add(results['img'].shape)
    assert len(sizes) > 1


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match='`prob` must be in'):
        RandomFlipFields(2)
    with pytest.raises(ValueError, match='`prob` must be in'):
        RandomRotateFields(-1, 3)
    with pytest.raises(KeyError, match='must be one of'):
        RandomRotateFields(1, 3, fill=dict(sem_seg=0))
    with pytest.raises(ValueError, match='`crop_size` must be'):
        RandomCropFields((0, 4))
    with pytest.raises(ValueError, match='`cat_max_ratio` must be'):
        RandomCropFields((4, 4), cat_max_ratio=0)


def test_points_stay_before_their_camera():
    """Every pixel's point is still on the ray of that pixel, whatever was done."""
    np.random.seed(0)
    camera = np.array([[90.0, 0, 40.0], [0, 90.0, 70.0], [0, 0, 1]])
    results = dict(figure_results(), intrinsics=camera)
    results['gt_point_map'] = points_of(results['gt_depth_map'], camera)
    for step in (
        RandomRotateFields(1.0, (25, 25)),
        RandomCropFields((110, 80)),
        RandomFlipFields(1.0),
        ResizeFields(scale=(160, 110)),
    ):
        results = step(results)
        points, matrix = results['gt_point_map'], results['intrinsics']
        known = points[..., 2] > 0
        seen = points[known] @ matrix.T
        v, u = np.nonzero(known)
        error = np.hypot(seen[:, 0] / seen[:, 2] - u, seen[:, 1] / seen[:, 2] - v)
        # Maps take the nearest pixel.
        assert known.mean() > 0.1 and error.max() < 2, step
