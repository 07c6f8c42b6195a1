import cv2
import numpy as np
import pytest
from mmpose.registry import TRANSFORMS
from odd_inputs.describe import make_image
from odd_inputs.images import GREY16, animation, deep, encoded, turned
from PIL import Image

from mmsapiens.io.sources import open_source
from mmsapiens.pretrain.datasets.unlabelled_image_dataset import decode_image as decode_unlabelled
from mmsapiens.transforms import LoadCheckedImage, check_is_whole


@pytest.fixture
def noise(generator):
    """A BGR image (48, 64, 3)."""
    seed = generator.initial_seed()
    values = np.random.default_rng(seed).integers(0, 256, (48, 64, 3))
    return values.astype(np.uint8)


def write(path, img):
    cv2.imwrite(str(path), img)
    return str(path)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp'])
def test_reads_what_stock_reads(tmp_path, noise, suffix, mmpose_scope):
    path = write(tmp_path / f'1{suffix}', noise)
    stock = TRANSFORMS.build(dict(type='LoadImage'))(dict(img_path=path))
    ours = LoadCheckedImage()(dict(img_path=path, img_shape=(48, 64)))
    assert ours.pop('img').tobytes() == stock.pop('img').tobytes()
    assert ours == stock


def rgba():
    """An image that is opaque at the left only, and dark below."""
    image = np.zeros((48, 64, 4), np.uint8)
    image[:, :20] = 200, 80, 40, 255
    return Image.fromarray(image)


ODD = {
    'opacity.png': lambda: encoded('PNG', rgba()),
    'opacity.webp': lambda: encoded('WEBP', rgba(), lossless=True),
    'opacity.tif': lambda: encoded('TIFF', rgba()),
    'palette.png': lambda: encoded('PNG', rgba().convert('P'), transparency=0),
    'transparent_color.png': lambda: encoded('PNG', rgba().convert('RGB'), transparency=(0, 0, 0)),
    'transparent_gray.png': lambda: encoded('PNG', rgba().convert('L'), transparency=0),
    'gray_opacity.png': lambda: encoded('PNG', rgba().convert('LA')),
    'cmyk.jpg': lambda: encoded('JPEG', make_image().convert('CMYK')),
    'gray16.png': lambda: deep(GREY16),
    'turned.avif': lambda: encoded('AVIF', **turned(6)),
    'upside_down.avif': lambda: encoded('AVIF', **turned(3)),
    'turned.jpg': lambda: encoded('JPEG', **turned(6)),
    'turned.tif': lambda: encoded('TIFF', **turned(6)),
    'mirrored.webp': lambda: encoded('WEBP', **turned(5)),
    'animated.gif': animation,
}


@pytest.mark.parametrize('name', ODD)
def test_training_and_pretraining_see_what_inference_sees(tmp_path, name):
    (tmp_path / name).write_bytes(ODD[name]())
    (seen,) = open_source(tmp_path / name)
    trained = LoadCheckedImage()(dict(img_path=str(tmp_path / name)))['img']
    np.testing.assert_array_equal(trained, seen.image)
    for min_size in (None, 48):
        pretrained = decode_unlabelled(name, ODD[name](), min_size)
        np.testing.assert_allclose(pretrained, seen.image, atol=1 if 'cmyk' in name else 0)


def test_orientation_can_be_ignored(tmp_path):
    for name in ('turned.jpg', 'turned.avif'):
        (tmp_path / name).write_bytes(ODD[name]())
        load = LoadCheckedImage(color_type='color_ignore_orientation')
        assert load(dict(img_path=str(tmp_path / name)))['img_shape'] == (64, 48)


def test_array_passes_through_whatever_its_size(noise):
    results = LoadCheckedImage()(dict(img=noise, img_shape=(1, 1)))
    assert results['img'] is noise
    assert results['img_shape'] == (48, 64)
    assert results['img_path'] is None


def test_to_float32(tmp_path, noise):
    path = write(tmp_path / '1.png', noise)
    img = LoadCheckedImage(to_float32=True)(dict(img_path=path))['img']
    assert img.dtype == np.float32


def test_takes_no_setting_that_hides_missing_images():
    with pytest.raises(TypeError, match='ignore_empty'):
        LoadCheckedImage(ignore_empty=True)


@pytest.mark.parametrize('share', [0.3, 0.7, 0.999])
@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_any_cut_is_noticed(tmp_path, noise, suffix, share):
    path = tmp_path / f'1{suffix}'
    write(path, noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r'1\.(png|jpg) '):
        LoadCheckedImage()(dict(img_path=str(path)))


def test_progressive_jpeg_and_bytes_after_the_end_are_fine(noise):
    for flags in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]):
        content = cv2.imencode('.jpg', noise, flags)[1].tobytes()
        check_is_whole('1.jpg', content + b'\0' * 100)


def test_preview_in_the_header_is_not_taken_for_the_end(noise):
    preview = cv2.imencode('.jpg', noise[:8, :8])[1].tobytes()
    header = b'\xff\xe1' + (len(preview) + 2).to_bytes(2, 'big') + preview
    content = cv2.imencode('.jpg', noise)[1].tobytes()
    content = content[:2] + header + content[2:]
    check_is_whole('1.jpg', content)
    with pytest.raises(ValueError, match='cut short'):
        check_is_whole('1.jpg', content[:-500])
