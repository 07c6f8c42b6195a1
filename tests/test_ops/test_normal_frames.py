import numpy as np
import pytest
import torch

from mmsapiens.ops.normal_frames import convert_normals

FACING = np.array([0.0, 0.0, 1.0])  # opengl: towards the camera
UP = np.array([0.0, 1.0, 0.0])


def test_axes_of_the_frames():
    facing = convert_normals(FACING, 'opengl', 'opencv')
    assert facing.tolist() == [0, 0, -1]
    assert convert_normals(UP, 'opengl', 'opencv').tolist() == [0, -1, 0]
    right = np.array([1.0, 0.0, 0.0])
    assert convert_normals(right, 'opencv', 'opengl').tolist() == [1, 0, 0]


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64'])
def test_there_and_back_is_exact_in_any_type(dtype):
    normals = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(dtype)
    before = normals.copy()
    other = convert_normals(normals, 'opengl', 'opencv')
    assert other.dtype == dtype
    assert not np.array_equal(other, normals)
    back = convert_normals(other, 'opencv', 'opengl')
    assert np.array_equal(back, normals)
    assert np.array_equal(normals, before)  # not changed in place


def test_tensors_and_arrays_agree_along_any_axis():
    normals = torch.randn(2, 3, 4, 5).bfloat16()
    ours = convert_normals(normals, 'opencv', 'opengl', dim=1)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, convert_normals(normals, 'opencv', 'opengl', dim=-3))
    last = normals.movedim(1, -1).float().numpy()
    array = convert_normals(last, 'opencv', 'opengl')
    assert np.array_equal(ours.movedim(1, -1).float().numpy(), array)


@pytest.mark.parametrize('make', [np.zeros, torch.zeros])
def test_pixels_without_a_normal_stay_zero(make):
    result = convert_normals(make((2, 2, 3)), 'opengl', 'opencv')
    assert not np.signbit(np.asarray(result)).any()


def test_the_same_frame_changes_nothing():
    assert np.array_equal(convert_normals(UP, 'opencv', 'opencv'), UP)


@pytest.mark.parametrize(
    'source, target, name', [('blender', 'opengl', 'source'), ('opengl', 'OpenCV', 'target')]
)
def test_unknown_frames_are_refused(source, target, name):
    with pytest.raises(KeyError, match=f"`{name}` .*'opencv', 'opengl'"):
        convert_normals(UP, source, target)


@pytest.mark.parametrize('dim', [-1, 1, 5, -4])
def test_wrong_axis_is_refused(dim):
    with pytest.raises(ValueError, match=r'must hold x, y and z'):
        convert_normals(np.zeros((3, 4, 5)), 'opengl', 'opencv', dim=dim)
