import numpy as np
import pytest
import torch

from mmsapiens.ops.cameras import (
    canonical_scale,
    check_intrinsics,
    crop_intrinsics,
    flip_intrinsics,
    focal_length,
    points_of_depth,
    resize_intrinsics,
    turn_intrinsics,
)

CAMERA = np.array([[80.0, 0, 20.5], [0, 80.0, 31.0], [0, 0, 1]])


def projected(points, matrix):
    """Column and row of points (N, 3)."""
    seen = points @ matrix.T
    return seen[:, :2] / seen[:, 2:]


def test_points_are_where_their_pixels_are():
    depth = torch.rand(1, 60, 40) + 1
    camera = torch.tensor(CAMERA, dtype=torch.float32)[None]
    points = points_of_depth(depth, camera)
    found = projected(points[0].flatten(1).T.numpy(), CAMERA)
    v, u = np.mgrid[:60, :40]
    np.testing.assert_allclose(found, np.stack([u, v], -1).reshape(-1, 2), atol=1e-3)
    assert canonical_scale(camera).item() == pytest.approx(9.6)
    assert focal_length(torch.tensor(9.6), 0.5).item() == pytest.approx(160)
    assert focal_length(torch.tensor(0.0)).isnan()


@pytest.mark.parametrize('kind', [np.asarray, torch.tensor])
def test_the_camera_follows_the_image(kind):
    point = np.array([[0.2, -0.1, 2.0]])
    u, v = projected(point, CAMERA)[0]
    camera = kind(CAMERA)
    cases = {
        'crop': (crop_intrinsics(camera, 7, 3), (u - 7, v - 3), point),
        'resize': (
            resize_intrinsics(camera, 2, 0.5),
            (2 * (u + 0.5) - 0.5, 0.5 * (v + 0.5) - 0.5),
            point,
        ),
        'flip': (flip_intrinsics(camera, 40), (39 - u, v), point * [-1, 1, 1]),
    }
    for name, (matrix, expected, seen) in cases.items():
        found = projected(seen, np.asarray(matrix))[0]
        np.testing.assert_allclose(found, expected, err_msg=name)
    assert camera[0, 2] == 20.5


def test_wrong_cameras_are_named():
    with pytest.raises(ValueError, match='fx and fy above 0 in pixels, but got'):
        check_intrinsics(np.diag([0.0, 5, 1]))
    with pytest.raises(ValueError, match=r'must be \(3, 3\) or \(B, 3, 3\), but got \(4, 4\)'):
        check_intrinsics(np.eye(4))
    with pytest.raises(ValueError, match='are 80 and 40 pixels. Turn before a resize'):
        turn_intrinsics(CAMERA * [[1], [0.5], [1]], 10, (60, 40))
    assert check_intrinsics(CAMERA) is CAMERA
