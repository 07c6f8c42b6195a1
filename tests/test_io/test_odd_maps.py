"""Maps as other programs write them: layers, windows, opacity, colors, probabilities."""

import cv2
import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageOps

from mmsapiens.core.errors import BadSampleError
from mmsapiens.io.map_io import read_map, write_map
from mmsapiens.io.painted import palette_colors, read_labelmap

RNG = np.random.default_rng(0)
SIZE_HW = (12, 10)
DEPTH = np.full(SIZE_HW, 2.5, np.float32)
GRAY = RNG.random(SIZE_HW).astype(np.float32)
COLOR = {name: RNG.random(SIZE_HW).astype(np.float32) for name in 'RGB'}
EQUAL = dict.fromkeys('RGB', GRAY)
UP = dict(zip('XYZ', np.float32([[0], [0], [1]])[:, :, None] * np.ones(SIZE_HW, np.float32)))
PERSON = np.zeros((64, 48), bool)
PERSON[10:50, 12:36] = True
IDS = np.zeros((64, 48), np.uint8)
IDS[20:40, 10:30] = 5
PALETTE = [[0, 0, 0]] + [[30 * i, i, 255 - i] for i in range(1, 7)]
PAINTED = np.array(PALETTE, np.uint8)[IDS]


def write_exr(path, channels, **header):
    header = dict(compression=OpenEXR.ZIP_COMPRESSION, type=OpenEXR.scanlineimage, **header)
    with OpenEXR.File(header, dict(channels)) as file:
        file.write(str(path))
    return path


def write_parts(path, **parts):
    # The package writes into what it is given.
    kind = OpenEXR.scanlineimage
    parts = [OpenEXR.Part(dict(type=kind), dict(v), k) for k, v in parts.items()]
    with OpenEXR.File(parts) as file:
        file.write(str(path))
    return path


def write_image(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def in_layer(name, channels):
    return {f'{name}.{key}': plane for key, plane in channels.items()}


@pytest.mark.parametrize(
    'channels',
    [
        {**in_layer('ViewLayer.Combined', COLOR), 'ViewLayer.Depth.Z': DEPTH},
        {**in_layer('ViewLayer', COLOR), 'ViewLayer.Mist.Z': GRAY, 'ViewLayer.Depth.Z': DEPTH},
        {**EQUAL, 'depth.V': DEPTH},
        {**EQUAL, 'dd.T': DEPTH},
        {'Y': GRAY, 'depth.Z': DEPTH},
        {**COLOR, 'A': GRAY, 'Z': DEPTH},
        {**in_layer('n', UP), 'z.Z': DEPTH},
        {'Y': DEPTH, 'Z': DEPTH},
        {**in_layer('rgba', COLOR), 'depth.z': DEPTH},
        {**COLOR, 'Depth.depth': DEPTH},
    ],
)
def test_depth_is_found_among_layers(tmp_path, channels):
    path = write_exr(tmp_path / 'a.exr', channels)
    assert np.array_equal(read_map(path, 'depth_map'), DEPTH)


@pytest.mark.parametrize('name', ['ViewLayer.Normal', 'normal', 'nn', 'N', 'left.normals'])
def test_normals_are_found_beside_colors(tmp_path, name):
    path = write_exr(tmp_path / 'a.exr', {**COLOR, 'A': GRAY, **in_layer(name, UP)})
    assert np.array_equal(read_map(path, 'normal_map'), np.dstack(list(UP.values())))


def test_normals_in_small_letters_and_words(tmp_path):
    for letters in ('xyz', 'rgb', ('red', 'green', 'blue')):
        channels = {f'normals.{key}': plane for key, plane in zip(letters, UP.values())}
        path = write_exr(tmp_path / 'a.exr', {**COLOR, **channels})
        assert read_map(path, 'normal_map')[0, 0].tolist() == [0, 0, 1]


def test_parts_are_layers(tmp_path):
    red = dict(zip('RGB', UP.values()))
    path = write_parts(tmp_path / 'a.exr', beauty=EQUAL, normal=red, depth={'Y': DEPTH})
    assert np.array_equal(read_map(path, 'depth_map'), DEPTH)
    assert read_map(path, 'normal_map')[0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ('field', 'channels'),
    [
        ('depth_map', {'A.Depth.Z': DEPTH, 'B.Depth.Z': DEPTH * 2}),
        ('depth_map', {**EQUAL, 'ao.V': GRAY}),
        ('depth_map', {**COLOR, 'mist.Z': GRAY}),
        ('normal_map', {**COLOR, 'depth.Z': DEPTH}),
        ('normal_map', {**COLOR, **in_layer('P', UP)}),
        ('normal_map', {**COLOR, 'normal.X': GRAY, 'normal.Y': GRAY}),
    ],
)
def test_layers_are_listed_where_several_or_none_fit(tmp_path, field, channels):
    path = write_exr(tmp_path / 'a.exr', channels)
    with pytest.raises(BadSampleError, match=r'Choose one of \[.*`layer`') as error:
        read_map(path, field)
    assert list(channels)[-1].split('.')[0] in str(error.value)


def test_a_layer_can_be_chosen(tmp_path):
    path = write_exr(tmp_path / 'a.exr', {'A.Depth.Z': DEPTH, 'B.Depth.Z': DEPTH * 2, **COLOR})
    assert read_map(path, 'depth_map', layer='b.depth')[0, 0] == 5
    assert read_map(path, 'normal_map', layer='').shape == (*SIZE_HW, 3)
    with pytest.raises(BadSampleError, match="in the layer 'C'"):
        read_map(path, 'depth_map', layer='C')


def test_deep_files_are_refused(tmp_path):
    samples = np.empty((2, 2), dtype=object)
    samples.fill(np.float32([1, 2]))
    header = dict(compression=OpenEXR.ZIPS_COMPRESSION, type=OpenEXR.deepscanline)
    with OpenEXR.File(header, dict(Z=samples)) as file:
        file.write(str(tmp_path / 'a.exr'))
    with pytest.raises(BadSampleError, match='must hold real numbers'):
        read_map(tmp_path / 'a.exr', 'depth_map')


def window(left, top, width, height):
    return np.int32([left, top]), np.int32([left + width - 1, top + height - 1])


@pytest.mark.parametrize('left, top', [(2, 3), (-4, -5), (18, 28), (100, 0)])
def test_crops_stand_where_their_file_says(tmp_path, left, top):
    depth = np.arange(1, 121, dtype=np.float32).reshape(SIZE_HW)
    path = write_exr(
        tmp_path / 'a.exr',
        {'Z': depth},
        dataWindow=window(left, top, 10, 12),
        displayWindow=window(0, 0, 20, 30),
    )
    expected = np.full((60 + 30, 200), np.inf, np.float32)
    expected[20 + top : 32 + top, 20 + left : 30 + left] = depth
    assert np.array_equal(read_map(path, 'depth_map'), expected[20:50, 20:40])


def test_our_depth_has_a_channel_that_opencv_reads(tmp_path):
    path = write_map(tmp_path / 'a.exr', GRAY, 'depth_map')
    channels = OpenEXR.File(str(path)).channels()
    assert sorted(channels) == ['Y', 'Z']
    assert np.array_equal(channels['Y'].pixels, GRAY)
    assert np.array_equal(read_map(path, 'depth_map'), GRAY)


def masks():
    ones = PERSON.astype(np.uint8)
    color = ones[..., None] * np.uint8([10, 200, 30])
    shade = color.copy()
    shade[10:12, 12:36] = [5, 100, 15]
    opacity = ones * np.uint8(255)
    gray = np.full((*PERSON.shape, 3), 180, np.uint8)
    return dict(
        cutout=np.dstack([gray, opacity]),
        gray_cutout=np.dstack([gray[..., :1], opacity]),
        painted=color,
        soft=shade,
        opaque=np.dstack([color, np.full_like(ones, 255)]),
        people_by_number=ones * (1 + (np.arange(48) > 24).astype(np.uint8)),
    )


@pytest.mark.parametrize('name', list(masks()))
def test_masks_of_other_tools(tmp_path, name):
    path = write_image(tmp_path / 'a.png', masks()[name])
    assert np.array_equal(read_map(path, 'human_mask') > 0, PERSON)
    np.save(tmp_path / 'a.npy', masks()[name])
    assert np.array_equal(read_map(tmp_path / 'a.npy', 'human_mask') > 0, PERSON)


def test_opacity_of_16_bits_is_a_mask(tmp_path):
    pixels = np.dstack([np.full(PERSON.shape, 7, np.uint16)] * 3 + [PERSON * np.uint16(65535)])
    assert cv2.imwrite(str(tmp_path / 'a.png'), pixels)
    assert np.array_equal(read_map(tmp_path / 'a.png', 'human_mask') > 0, PERSON)


@pytest.mark.parametrize(
    ('index', 'palette', 'options'),
    [
        (1, [0, 0, 0, 9, 9, 9], {}),
        (0, [9, 9, 9, 0, 0, 0], {}),
        (1, [9, 9, 9, 8, 8, 8], {}),
        (1, [9, 9, 9, 8, 8, 8], dict(transparency=0)),
    ],
)
def test_masks_of_a_palette(tmp_path, index, palette, options):
    image = Image.fromarray(np.where(PERSON, index, 1 - index).astype(np.uint8))
    image.putpalette(palette)
    image.save(tmp_path / 'a.png', **options)
    assert np.array_equal(read_map(tmp_path / 'a.png', 'human_mask') > 0, PERSON)


@pytest.mark.parametrize(
    ('palette', 'found'),
    [([5, 2, 0], [5, 2, 0]), ([0, 128, 255], [0, 1, 2]), ([255, 128, 0], [0, 1, 2])],
)
def test_labels_of_a_gray_palette(tmp_path, palette, found):
    image = Image.fromarray(np.uint8([[0, 1, 2]]))
    image.putpalette(np.repeat(palette, 3).tolist())
    image.save(tmp_path / 'a.png')
    assert read_map(tmp_path / 'a.png', 'seg_map').tolist() == [found]
    image.putpalette([*np.repeat(palette, 3).tolist(), 7, 7, 7])  # with a class that is not here
    image.save(tmp_path / 'a.png')
    assert read_map(tmp_path / 'a.png', 'seg_map').tolist() == [[0, 1, 2]]


@pytest.mark.parametrize('suffix', ['png', 'tif'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_maps_are_turned_as_images_are(tmp_path, orientation, suffix):
    stored = np.arange(12).reshape(3, 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    labels, depth = tmp_path / f'labels.{suffix}', tmp_path / f'depth.{suffix}'
    Image.fromarray(stored.astype(np.uint8)).save(labels, exif=exif)
    Image.fromarray(stored.astype(np.uint16)).save(depth, exif=exif)
    Image.fromarray(stored.astype(np.uint8)).save(tmp_path / 'image.png', exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / 'image.png')))
    assert np.array_equal(read_map(labels, 'seg_map'), upright)
    assert np.array_equal(read_map(depth, 'depth_map'), upright)


def test_turned_normals_are_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((3, 4, 3), 128, np.uint8)).save(tmp_path / 'a.png', exif=exif)
    with pytest.raises(BadSampleError, match=r'turned by its EXIF orientation \(6\)'):
        read_map(tmp_path / 'a.png', 'normal_map')


def doubtful():
    noise = RNG.integers(0, 60, PERSON.shape)
    red = np.where(PERSON[..., None], np.uint8([255, 0, 0]), np.uint8([0, 0, 255]))
    two = PERSON[..., None] * np.uint8([0, 128, 0])
    two[:5] = [255, 0, 0]
    return dict(
        probabilities=(PERSON * 190 + noise + 1).astype(np.uint8),
        rounded=(PERSON * 190 + noise).astype(np.uint8),
        floats=np.where(PERSON, 0.9, 0.1),
        red_on_blue=red,
        two_colors=two,
        one_and_two=PERSON.astype(np.uint8) + np.uint8(1),
    )


@pytest.mark.parametrize('name', list(doubtful()))
def test_masks_that_cannot_be_told_are_refused(tmp_path, name):
    np.save(tmp_path / 'a.npy', doubtful()[name])
    with pytest.raises(BadSampleError, match='Store 0 for the background') as error:
        read_map(tmp_path / 'a.npy', 'human_mask')
    assert error.value.kind == 'gray_mask'


@pytest.mark.parametrize(
    'pixels',
    [
        np.dstack([IDS] * 3),
        np.dstack([IDS, np.full_like(IDS, 255)]),
        np.dstack([IDS] * 3 + [(IDS > 0) * np.uint8(255)]),
        PAINTED,
        np.dstack([PAINTED, np.full_like(IDS, 255)]),
    ],
)
def test_labels_in_channels_and_colors(tmp_path, pixels):
    colors = palette_colors(PALETTE)
    path = write_image(tmp_path / 'a.png', pixels)
    assert np.array_equal(read_map(path, 'seg_map', colors=colors), IDS)
    np.save(tmp_path / 'a.npy', pixels)
    assert np.array_equal(read_map(tmp_path / 'a.npy', 'seg_map', colors=colors), IDS)


def test_unknown_colors_are_shown(tmp_path):
    pixels = PAINTED.copy()
    pixels[0, :3] = [9, 8, 7]
    path = write_image(tmp_path / 'a.png', pixels)
    with pytest.raises(BadSampleError, match=r'3 pixels .* colors of no class: \(9, 8, 7\)'):
        read_map(path, 'seg_map', colors=palette_colors(PALETTE))
    with pytest.raises(BadSampleError, match=r'has colors, as .* labelmap.txt'):
        read_map(path, 'seg_map')
    hidden = np.dstack([IDS] * 3 + [(IDS == 0) * np.uint8(255)])
    with pytest.raises(BadSampleError, match='where it is transparent'):
        read_map(write_image(tmp_path / 'b.png', hidden), 'seg_map')


def test_a_list_of_colors_comes_before_numbers(tmp_path):
    text = '# label:color_rgb:parts:actions\nbackground:0,0,0::\nleft-hand:255,255,255::\n'
    classes = ['Background', 'A', 'B', 'C', 'D', 'Left_Hand']
    colors = read_labelmap('labelmap.txt', text, classes)
    white = (IDS > 0) * np.uint8(255)
    path = write_image(tmp_path / 'a.png', np.dstack([white] * 3))
    assert np.array_equal(read_map(path, 'seg_map', colors=colors), IDS)
    indexed = Image.fromarray((IDS > 0).astype(np.uint8))
    indexed.putpalette([0, 0, 0, 255, 255, 255])
    indexed.save(tmp_path / 'b.png')
    assert np.array_equal(read_map(tmp_path / 'b.png', 'seg_map', colors=colors), IDS)
    assert read_map(tmp_path / 'b.png', 'seg_map', colors=palette_colors(PALETTE)).max() == 1
    for line in ('car:1,2,3::', 'Left_Hand:1,2::', 'Left_Hand:1,2,300::', 'car', '1 2 Left_Hand'):
        with pytest.raises(ValueError, match='lines of labelmap.txt must be'):
            read_labelmap('labelmap.txt', line, classes)
    assert read_labelmap('labelmap.txt', text, ()).ids == {(0, 0, 0): 0, (255, 255, 255): 1}


def test_lists_without_colors_and_of_camvid():
    text = '# label:color_rgb:parts:actions\nbackground:::\nhair:::\nface:::\n'
    expected = {(0, 0, 0): 0, (128, 0, 0): 1, (0, 128, 0): 2}
    assert read_labelmap('labelmap.txt', text, ()).ids == expected
    text = '0 0 0 background\n128 0 0 left hand\n0 128 0 face'
    assert read_labelmap('a.txt', text, ()).ids == expected
    assert read_labelmap('a.txt', 'background\nhair\nface', ()).ids == expected
    assert read_labelmap('a.txt', text, ['background', 'face', 'Left_Hand']).ids[0, 128, 0] == 1


def test_colors_of_several_classes_are_no_palette():
    assert palette_colors([[1, 1, 1], [2, 2, 2], [1, 1, 1]]).ids == {(2, 2, 2): 1}
    assert palette_colors([]) is None


def test_opacity_says_where_numbers_are(tmp_path):
    normals = np.dstack([np.full((*PERSON.shape, 3), [128, 128, 255]), PERSON * 255])
    path = write_image(tmp_path / 'a.png', normals.astype(np.uint8))
    assert np.array_equal(read_map(path, 'normal_map').any(axis=-1), PERSON)
    vectors = np.dstack([np.zeros((*PERSON.shape, 2)), np.ones(PERSON.shape), PERSON])
    np.save(tmp_path / 'a.npy', vectors.astype(np.float32))
    assert np.array_equal(read_map(tmp_path / 'a.npy', 'normal_map')[..., 2], PERSON)
    depth = np.dstack([np.full(PERSON.shape, 2000)] * 3 + [PERSON * 65535]).astype(np.uint16)
    assert cv2.imwrite(str(tmp_path / 'b.png'), depth)
    assert np.array_equal(np.isfinite(read_map(tmp_path / 'b.png', 'depth_map')), PERSON)


def test_marked_depth_is_missing_before_it_is_scaled(tmp_path):
    stored = np.where(PERSON, 2000, 65535).astype(np.uint16)
    path = write_image(tmp_path / 'a.png', stored)
    depth = read_map(path, 'depth_map', scale=0.001, missing=(65535,))
    assert np.array_equal(np.isfinite(depth), PERSON) and depth[PERSON].max() == 2
    np.save(tmp_path / 'a.npy', np.where(PERSON, 2.0, -999.0))
    depth = read_map(tmp_path / 'a.npy', 'depth_map', missing=(-999,))
    assert np.array_equal(np.isfinite(depth), PERSON)
    np.save(tmp_path / 'n.npy', np.dstack(list(UP.values())))
    assert read_map(tmp_path / 'n.npy', 'normal_map', missing=(1,))[0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_value(tmp_path, value):
    depth, normals = DEPTH.copy(), np.dstack(list(UP.values()))
    depth[2, 3] = value
    normals[2, 3, 1] = value
    np.save(tmp_path / 'd.npy', depth)
    np.save(tmp_path / 'n.npy', normals)
    assert np.isposinf(read_map(tmp_path / 'd.npy', 'depth_map')).sum() == 1
    assert not read_map(tmp_path / 'n.npy', 'normal_map')[2, 3].any()
