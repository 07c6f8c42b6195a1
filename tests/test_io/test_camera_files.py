import numpy as np
import pytest

from mmsapiens.core.errors import BadSampleError, MissingFileError
from mmsapiens.io.camera_files import read_extrinsics, read_intrinsics

CAMERA = '900 0 384\n0 905 512\n0 0 1\n'
TURN = [[0, -1, 0, 0.5], [1, 0, 0, -2], [0, 0, 1, 3]]


def test_numbers_in_any_layout(tmp_path):
    wanted = [[900, 0, 384], [0, 905, 512], [0, 0, 1]]
    path = tmp_path / 'a.txt'
    for text in (CAMERA, str(wanted), CAMERA.replace(' ', ','), '9e2 0 384 0 905 512 0 0 1'):
        path.write_text(text)
        assert read_intrinsics(path).tolist() == wanted
    assert read_intrinsics(path, pixel_center=0.5)[:2, 2].tolist() == [383.5, 511.5]
    np.savetxt(path, [*TURN, [0, 0, 0, 1]])
    assert read_extrinsics(path).tolist() == TURN


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('0 0 384 0 905 512 0 0 1', 'focal lengths fx and fy above 0'),
        ('900 0 384 0 -905 512 0 0 1', 'focal lengths fx and fy above 0'),
        ('nan 0 384 0 905 512 0 0 1', 'focal lengths fx and fy above 0'),
        ('900 0 0 0 905 0 384 512 1', 'row by row'),
        ('900 3 384 0 905 512 0 0 1', 'Undo skew'),
        ('900 905 384 512', r'\(3, 3\), 9 numbers, but has 4'),
        ('fx: 900', 'must be a text of numbers'),
        ('', 'has 0 numbers'),
    ],
)
def test_what_is_no_camera(tmp_path, text, message):
    (tmp_path / 'a.txt').write_text(text)
    with pytest.raises(BadSampleError, match=message) as caught:
        read_intrinsics(tmp_path / 'a.txt')
    assert 'a.txt' in str(caught.value) and caught.value.kind == 'wrong_camera'


def test_what_is_no_position(tmp_path):
    path = tmp_path / 'a.txt'
    for matrix in (np.multiply(TURN, 2), np.multiply(TURN, [[-1], [1], [1]])):
        np.savetxt(path, matrix)
        with pytest.raises(BadSampleError, match='with a rotation R'):
            read_extrinsics(path)
    np.savetxt(path, [*TURN, [0, 0, 0, 2]])
    with pytest.raises(BadSampleError, match='0, 0, 0, 1 below'):
        read_extrinsics(path)
    with pytest.raises(MissingFileError, match='b.txt does not exist'):
        read_intrinsics(tmp_path / 'b.txt')
