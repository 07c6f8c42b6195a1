"""Files of an image."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from synthetic_humans.writers import (
    AtomicFolder,
    Formats,
    decode_normals,
    encode_normals,
    write_sample,
)


def files_of(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob('*.*'))


def test_layout_is_that_of_the_data_sets(samples, tmp_path):
    folder = AtomicFolder(tmp_path / 'set', tmp_path / 'unfinished')
    write_sample(folder, 'a', samples[0], Formats())
    assert files_of(tmp_path / 'set') == [
        'depths/a.npy',
        'images/a.png',
        'instances/a.png',
        'labels/a.png',
        'masks/a.png',
        'normals/a.npy',
        'samples/a.json',
    ]
    root, maps = tmp_path / 'set', samples[0].maps
    depth = np.load(root / 'depths/a.npy')
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(depth, maps.depth)
    normals = np.load(root / 'normals/a.npy')
    assert normals.dtype == np.float32 and normals.shape == (128, 96, 3)
    for name, expected in (
        ('masks', np.where(maps.instance > 0, 255, 0)),
        ('labels', maps.label),
        ('instances', maps.instance),
    ):
        found = cv2.imread(str(root / f'{name}/a.png'), cv2.IMREAD_UNCHANGED)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)
    image = cv2.imread(str(root / 'images/a.png'))[:, :, ::-1]
    np.testing.assert_array_equal(image, samples[0].rgb)


@pytest.mark.parametrize('axes', ['opengl', 'opencv'])
@pytest.mark.parametrize('ending', ['npy', 'png'])
def test_normals_come_back(axes, ending, samples, tmp_path):
    folder = AtomicFolder(tmp_path, tmp_path / 'unfinished')
    write_sample(folder, 'a', samples[0], Formats('jpg', normal=ending, axes=axes))
    found = decode_normals(tmp_path / f'normals/a.{ending}')
    mask = samples[0].maps.instance > 0
    expected = samples[0].maps.normal[mask]
    if axes == 'opencv':
        expected = expected * [1, -1, -1]
    np.testing.assert_allclose(found[mask], expected, atol=2e-5)
    entry = json.loads((tmp_path / 'samples/a.json').read_text())
    assert entry['normal_axes'] == axes
    assert (tmp_path / 'images/a.jpg').exists()


def test_png_of_normals_holds_x_in_red(tmp_path):
    normals = np.zeros((2, 2, 3), np.float32)
    normals[..., 0] = 1
    (tmp_path / 'a.png').write_bytes(encode_normals(normals, 'png'))
    stored = cv2.imread(str(tmp_path / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert stored[0, 0].tolist() == [32768, 32768, 65535]  # blue, green, red


def test_finished_files_are_not_written_again(tmp_path):
    folder = AtomicFolder(tmp_path, tmp_path / 'unfinished')
    folder.write('a.txt', lambda: b'first')
    folder.write('a.txt', lambda: pytest.fail('made again'))
    assert (tmp_path / 'a.txt').read_bytes() == b'first'


def test_error_while_encoding_leaves_no_file(tmp_path):
    folder = AtomicFolder(tmp_path, tmp_path / 'unfinished')

    def fail():
        raise OSError('disk')

    with pytest.raises(OSError, match='disk'):
        folder.write('b/a.txt', fail)
    assert not list(tmp_path.rglob('*.txt'))


def test_unknown_format_raises():
    with pytest.raises(ValueError, match='`image` must be one of'):
        replace(Formats(), image='tiff')
