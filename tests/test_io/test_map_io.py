import json
import os
import pickle
import struct
import zlib

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from mmsapiens.core.errors import BadSampleError, MissingFileError
from mmsapiens.io.map_io import read_map, write_map

RNG = np.random.default_rng(0)
DEPTH = RNG.uniform(0.5, 4.5, (7, 5)).astype(np.float32)
LABELS = np.arange(256, dtype=np.uint8).reshape(16, 16)
MASK = (LABELS % 3 == 0).astype(np.uint8)
NORMALS = RNG.normal(size=(7, 5, 3))
NORMALS /= np.linalg.norm(NORMALS, axis=-1, keepdims=True)
NORMALS[0, :3] = [[0, 0, 1], [0, -1, 0], [-1, 0, 0]]
NORMALS[1, 1:3] = 0
NORMALS = NORMALS.astype(np.float32)
MAPS = dict(depth_map=DEPTH, normal_map=NORMALS, seg_map=LABELS, human_mask=MASK)


def write_exr(path, **channels):
    header = dict(compression=OpenEXR.ZIP_COMPRESSION, type=OpenEXR.scanlineimage)
    with OpenEXR.File(header, channels) as file:
        file.write(str(path))
    return path


def write_png(path, pixels):
    assert cv2.imwrite(str(path), pixels)
    return path


def save(path, array, **kwargs):
    np.save(path, array, **kwargs)
    return path


@pytest.mark.parametrize(
    'name, suffix',
    [(name, suffix) for name in MAPS for suffix in ('.npy', '.npz', '.png')]
    + [('depth_map', '.exr'), ('normal_map', '.exr')],
)
def test_round_trip(tmp_path, name, suffix):
    path = tmp_path / 'new' / f'map{suffix}'
    assert write_map(path, MAPS[name], name) == path
    result = read_map(str(path), name)
    assert result.dtype == MAPS[name].dtype
    assert result.flags.c_contiguous and result.flags.writeable
    if suffix == '.png' and name == 'depth_map':
        step = (DEPTH.max() - DEPTH.min()) / 65535
        assert abs(result - DEPTH).max() <= 0.51 * step
    elif suffix == '.png' and name == 'normal_map':
        assert abs(result - NORMALS).max() <= 1.001 / 65535
        assert not result[1, 1:3].any()
    else:
        assert np.array_equal(result, MAPS[name])
    assert os.listdir(path.parent) == [path.name]  # nothing temporary


def test_extremes_of_depth_are_kept_by_png(tmp_path):
    depth = np.array([[-1, 0.25], [3, 0.5]], dtype=np.float32)
    result = read_map(write_map(tmp_path / 'a.png', depth, 'depth_map'), 'depth_map')
    assert (result[0, 0], result[1, 0]) == (-1, 3)


def test_constant_depth_is_kept_by_png(tmp_path):
    depth = np.full((3, 3), 2.7, dtype=np.float32)
    path = write_map(tmp_path / 'a.png', depth, 'depth_map')
    assert np.array_equal(read_map(path, 'depth_map'), depth)


def test_depth_in_millimetres(tmp_path):
    path = write_map(tmp_path / 'a.png', DEPTH, 'depth_map', scale=0.001)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, np.rint(DEPTH.astype('f8') * 1000))
    text = json.loads(Image.open(path).text['mmsapiens'])
    assert text == dict(field='depth_map', scale=0.001, offset=0.0)
    # The file's own scaling comes before that of the argument.
    assert abs(read_map(path, 'depth_map', scale=7) - DEPTH).max() < 0.00051


def test_plain_png_depth_is_an_affine_unit_or_scaled(tmp_path):
    stored = np.array([[0, 500], [1000, 65535]], dtype=np.uint16)
    path = write_png(tmp_path / 'a.png', stored)
    assert np.array_equal(read_map(path, 'depth_map'), stored)
    meters = read_map(path, 'depth_map', scale=0.001, offset=1)
    assert meters[0, 1] == np.float32(1.5)
    eight = write_png(tmp_path / 'b.png', (stored // 257).astype('u1'))
    assert np.array_equal(read_map(eight, 'depth_map'), stored // 257)


def test_png_normals_are_red_green_blue(tmp_path):
    path = write_map(tmp_path / 'a.png', NORMALS, 'normal_map')
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert stored.dtype == np.uint16
    assert stored[0, 0].tolist() == [32768, 32768, 65535]  # +z
    assert stored[0, 1].tolist() == [32768, 0, 32768]  # -y
    assert stored[0, 2].tolist() == [0, 32768, 32768]  # -x
    assert stored[1, 1].tolist() == [0, 0, 0]  # none


def test_png_normals_of_8_bits(tmp_path):
    stored = np.rint((NORMALS + 1) / 2 * 255).astype(np.uint8)
    stored[1, 1:3] = 0
    path = write_png(tmp_path / 'a.png', stored[..., ::-1])
    result = read_map(path, 'normal_map')
    assert abs(result - NORMALS).max() <= 1.001 / 255
    assert not result[1, 1:3].any()


def test_exr_of_other_programs(tmp_path):
    # As Blender stores depth: one view layer, or gray; half precision.
    planes = dict(zip('XYZ', np.moveaxis(NORMALS, -1, 0).copy()))
    xyz = write_exr(tmp_path / 'a.exr', **planes)
    assert np.array_equal(read_map(xyz, 'normal_map'), NORMALS)
    gray = write_exr(tmp_path / 'b.exr', R=DEPTH, G=DEPTH, B=DEPTH)
    assert np.array_equal(read_map(gray, 'depth_map'), DEPTH)
    half = write_exr(tmp_path / 'c.exr', V=DEPTH.astype(np.float16))
    assert read_map(half, 'depth_map').dtype == np.float32
    pair = write_exr(tmp_path / 'd.exr', Z=DEPTH, A=DEPTH * 0)
    assert np.array_equal(read_map(pair, 'depth_map'), DEPTH)


def test_masks_of_other_programs(tmp_path):
    color = np.stack([MASK * 0, MASK * 0, MASK * 255], axis=-1)  # red, BGR
    for name, pixels in dict(
        gray=MASK * 7,
        red=color,
        opaque=np.dstack([color, MASK * 0 + 255]),
        deep=MASK.astype('u2') * 300,
        deep_opaque=np.dstack([color, MASK * 0 + 255]).astype('u2') * 257,
    ).items():
        path = write_png(tmp_path / f'{name}.png', pixels)
        assert np.array_equal(read_map(path, 'human_mask'), MASK), name
    Image.fromarray(MASK > 0).save(tmp_path / 'bits.png')
    assert np.array_equal(read_map(tmp_path / 'bits.png', 'human_mask'), MASK)
    for dtype in ('bool', 'int64', 'float32'):
        path = save(tmp_path / 'a.npy', MASK.astype(dtype)[..., None])
        assert np.array_equal(read_map(path, 'human_mask'), MASK)


def test_labels_of_a_palette_are_its_indices(tmp_path):
    image = Image.fromarray(LABELS)
    image.putpalette(list(range(255, -1, -1)) * 3)
    image.save(tmp_path / 'a.png')
    assert Image.open(tmp_path / 'a.png').mode == 'P'
    assert np.array_equal(read_map(tmp_path / 'a.png', 'seg_map'), LABELS)


def test_integer_arrays_become_the_type_of_the_field(tmp_path):
    path = save(tmp_path / 'a.npy', LABELS.astype(np.int64))
    assert np.array_equal(read_map(path, 'seg_map'), LABELS)
    path = save(tmp_path / 'b.npy', np.array([[1, 2]], dtype=np.int32))
    assert read_map(path, 'depth_map').dtype == np.float32
    path = save(tmp_path / 'c.npy', DEPTH.astype('>f8').T[..., None])
    result = read_map(path, 'depth_map')
    assert result.dtype == np.float32 and np.array_equal(result, DEPTH.T)


def test_npz_of_several_arrays(tmp_path):
    path = tmp_path / 'a.npz'
    np.savez(path, depth_map=DEPTH, other=LABELS)
    assert np.array_equal(read_map(path, 'depth_map'), DEPTH)
    with pytest.raises(BadSampleError, match="'depth_map', 'other'"):
        read_map(path, 'seg_map')


def test_a_file_is_known_by_its_content(tmp_path):
    path = write_map(tmp_path / 'a.png', DEPTH, 'depth_map')
    renamed = path.rename(tmp_path / 'a.npy')
    assert read_map(renamed, 'depth_map').shape == DEPTH.shape


def damaged_depth(value):
    depth = DEPTH.copy()
    depth[2, 3] = value
    return depth


BAD_ARRAYS = {
    'overflow': ('depth_map', damaged_depth(9).astype('f8') * 1e300, 'NaN or'),
    'mask_nan': ('human_mask', damaged_depth(np.nan), 'NaN or infinite'),
    'bool_depth': ('depth_map', DEPTH > 1, 'must hold real numbers'),
    'complex': ('depth_map', DEPTH * 1j, 'its type is complex'),
    'text': ('depth_map', np.array([['a']]), 'must hold real numbers'),
    'byte_normals': ('normal_map', (NORMALS * 0).astype('u1'), 'is uint8'),
    'channels': ('depth_map', NORMALS, r'shape \(H, W\), but got \(7, 5, 3'),
    'channels_first': (
        'normal_map',
        np.moveaxis(NORMALS, -1, 0),
        r'shape \(H, W, 3\), but got \(3, 7, 5\). .* channels last',
    ),
    'flat': ('seg_map', LABELS[0], r'but got \(16,\)'),
    'gray_normals': ('normal_map', DEPTH, r'shape \(H, W, 3\)'),
    'no_pixels': ('depth_map', DEPTH[:0], 'has no pixels'),
    'bool_labels': ('seg_map', LABELS > 1, 'A file of bool is a mask'),
    'float_labels': ('seg_map', LABELS / 1.0, 'must hold integers'),
    'high_labels': ('seg_map', LABELS.astype('i4') + 1, 'from 1 to 256'),
    'low_labels': ('seg_map', LABELS.astype('i4') - 1, 'from -1 to 254'),
}


@pytest.mark.parametrize('case', list(BAD_ARRAYS))
def test_bad_arrays_are_refused_by_reading_and_writing(tmp_path, case):
    name, array, message = BAD_ARRAYS[case]
    path = save(tmp_path / 'bad.npy', array)
    with pytest.raises(BadSampleError, match=message) as error:
        read_map(path, name)
    assert str(path) in str(error.value)
    with pytest.raises(BadSampleError, match=message):
        write_map(tmp_path / 'out.npy', array, name)
    assert not (tmp_path / 'out.npy').exists()


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_depth_that_is_not_finite_is_read_but_not_written(tmp_path, value):
    array = damaged_depth(value)
    path = save(tmp_path / 'a.npy', array)
    assert np.isinf(read_map(path, 'depth_map')).sum() == 1
    with pytest.raises(BadSampleError, match='has 1 values .* row 2, col'):
        write_map(tmp_path / 'b.npy', array, 'depth_map')
    with pytest.raises(BadSampleError, match='NaN or infinite'):
        write_map(tmp_path / 'b.npy', np.full_like(NORMALS, value), 'normal_map')


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ('made-by-a-pickle',)


def test_pickles_are_never_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.array([[RunsCode()]], dtype=object)
    path = save(tmp_path / 'a.npy', array, allow_pickle=True)
    packed = tmp_path / 'a.npz'
    np.savez(packed, array)
    plain = tmp_path / 'plain.npy'
    plain.write_bytes(pickle.dumps(RunsCode()))
    for file in (path, packed):
        with pytest.raises(BadSampleError, match='never loaded'):
            read_map(file, 'depth_map')
    with pytest.raises(BadSampleError, match='must be an npy, npz, png or'):
        read_map(plain, 'depth_map')
    assert not (tmp_path / 'made-by-a-pickle').exists()


@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.png', '.exr'])
@pytest.mark.parametrize('name', ['depth_map', 'normal_map'])
def test_cut_files_are_refused_wherever_they_end(tmp_path, name, suffix):
    content = write_map(tmp_path / f'a{suffix}', MAPS[name], name).read_bytes()
    path = tmp_path / f'cut{suffix}'
    for length in range(0, len(content), 1 + len(content) // 40):
        path.write_bytes(content[:length])
        with pytest.raises(BadSampleError, match='cut'):
            read_map(path, name)


@pytest.mark.parametrize('suffix', ['.npz', '.png'])
def test_changed_bytes_are_noticed_by_checksums(tmp_path, suffix):
    path = write_map(tmp_path / f'a{suffix}', DEPTH, 'depth_map')
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(BadSampleError, match=r'a\.(npz|png)'):
        read_map(path, 'depth_map')


@pytest.mark.parametrize(
    'name, content, message',
    [
        ('a.png', b'', 'is an empty file'),
        ('a.png', b'version https://git-lfs', "starts with b'version"),
        ('a.jpg', cv2.imencode('.jpg', MASK)[1].tobytes(), 'is a JPEG'),
        ('a.npy', b'PK\x03\x04', 'no whole npy or npz'),
        ('a.png', b'\x89PNG\r\n\x1a\n', 'cut short'),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSampleError, match=message):
        read_map(tmp_path / name, 'human_mask')


def test_damaged_header_of_npy_is_refused(tmp_path):
    path = save(tmp_path / 'a.npy', DEPTH)
    path.write_bytes(path.read_bytes().replace(b'(7, 5)', b'(7, (5'))
    with pytest.raises(BadSampleError, match='no whole npy'):
        read_map(path, 'depth_map')


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(MissingFileError, match='does not exist'):
        read_map(tmp_path / 'a.npy', 'depth_map')
    with pytest.raises(BadSampleError, match='cannot be read'):
        read_map(tmp_path, 'depth_map')


def test_wrong_png_contents_are_refused(tmp_path):
    color = write_png(tmp_path / 'a.png', np.dstack([LABELS, LABELS, LABELS // 2]))
    with pytest.raises(BadSampleError, match=r'has colors, as \('):
        read_map(color, 'seg_map')
    with pytest.raises(BadSampleError, match=r'shape \(H, W\)'):
        read_map(color, 'depth_map')
    with pytest.raises(BadSampleError, match=r'shape \(H, W, 3\)'):
        read_map(write_png(tmp_path / 'b.png', LABELS), 'normal_map')
    deep = write_png(tmp_path / 'c.png', LABELS.astype('u2') * 257)
    with pytest.raises(BadSampleError, match='from 0 to 65535'):
        read_map(deep, 'seg_map')
    Image.fromarray(MASK > 0).save(tmp_path / 'd.png')
    with pytest.raises(BadSampleError, match='8 or 16 bits'):
        read_map(tmp_path / 'd.png', 'depth_map')
    Image.fromarray(MASK).save(tmp_path / 'e.png', bits=4)
    content = tmp_path / 'e.png'
    chunk = b'IHDR' + struct.pack('>IIBBBBB', 16, 16, 4, 0, 0, 0, 0)
    content.write_bytes(
        content.read_bytes()[:12]
        + chunk
        + struct.pack('>I', zlib.crc32(chunk))
        + content.read_bytes()[33:]
    )
    with pytest.raises(BadSampleError, match='gray PNG of 4 bits'):
        read_map(content, 'seg_map')


def test_file_of_another_field_is_refused(tmp_path):
    path = write_map(tmp_path / 'a.png', MASK, 'human_mask')
    with pytest.raises(BadSampleError, match='written as a human_mask'):
        read_map(path, 'seg_map')


@pytest.mark.parametrize('text', [b'[]', b'{"scale": 0}', b'{', b'{"scale":'])
def test_broken_scaling_is_refused(tmp_path, text):
    content = cv2.imencode('.png', LABELS)[1].tobytes()
    chunk = b'tEXtmmsapiens\0' + text
    chunk = struct.pack('>I', len(chunk) - 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    path = tmp_path / 'a.png'
    path.write_bytes(content[:33] + chunk + content[33:])
    with pytest.raises(BadSampleError, match="chunk 'mmsapiens' of .*a.png"):
        read_map(path, 'depth_map')


def test_wrong_exr_channels_are_refused(tmp_path):
    path = write_exr(tmp_path / 'a.exr', R=DEPTH, G=DEPTH * 2, B=DEPTH)
    with pytest.raises(BadSampleError, match=r"has \['B', 'G', 'R'\]"):
        read_map(path, 'depth_map')
    with pytest.raises(BadSampleError, match='but it has'):
        read_map(write_exr(tmp_path / 'b.exr', Z=DEPTH), 'normal_map')
    with pytest.raises(BadSampleError, match='must be png or npy'):
        read_map(path, 'seg_map')


@pytest.mark.parametrize(
    'suffix, name, options, message',
    [
        ('.jpg', 'depth_map', {}, 'the suffix of'),
        ('.exr', 'seg_map', {}, 'is written as png, npy or npz'),
        ('.png', 'depth_map', dict(scale=1e-5), '16 bits hold values'),
        ('.png', 'depth_map', dict(scale=1, offset=2), '16 bits hold values'),
        ('.png', 'depth_map', dict(scale=0), '`scale` must be positive'),
    ],
)
def test_wrong_ways_of_writing(tmp_path, suffix, name, options, message):
    with pytest.raises(ValueError, match=message):
        write_map(tmp_path / f'a{suffix}', MAPS[name], name, **options)
    assert not os.listdir(tmp_path)


def test_vectors_longer_than_one_do_not_fit_in_png(tmp_path):
    with pytest.raises(BadSampleError, match='has the length 2'):
        write_map(tmp_path / 'a.png', NORMALS * 2, 'normal_map')


def test_failed_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_map(tmp_path / 'a.npy', DEPTH, 'depth_map')

    def fail(*_):
        raise OSError('no space left on device')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError, match='no space'):
        write_map(path, DEPTH * 2, 'depth_map')
    assert os.listdir(tmp_path) == ['a.npy']
    assert np.array_equal(read_map(path, 'depth_map'), DEPTH)


def test_unknown_fields_are_refused(tmp_path):
    with pytest.raises(KeyError, match='depth_map'):
        read_map(tmp_path / 'a.npy', 'deepth_map')


def test_content_of_other_storage(tmp_path):
    path = write_map(tmp_path / 'a.npy', DEPTH, 'depth_map')
    result = read_map('s3://bucket/a.npy', 'depth_map', content=path.read_bytes())
    assert np.array_equal(result, DEPTH)
    with pytest.raises(BadSampleError, match='is an empty file'):
        read_map('s3://bucket/a.npy', 'depth_map', content=b'')
