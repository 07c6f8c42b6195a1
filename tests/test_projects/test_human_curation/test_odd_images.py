"""Files of every kind: each has a verdict, and none stops a unit."""

import io
import struct
import zlib

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny_models as tiny
from PIL import Image

XMP = (
    b'<x:xmpmeta><plus:DataMining>http://ns.useplus.org/ldf/vocab/%s</plus:DataMining></x:xmpmeta>'
)
IPTC = b'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia'


def rgb(size_hw=(400, 480), seed=0):
    return Image.fromarray(tiny.draw(size_hw, seed, person=tiny.LARGE_PERSON)[..., ::-1])


def saved(image, name, **params):
    file = io.BytesIO()
    image.save(file, name, **params)
    return file.getvalue()


def turned():
    """Stored 480 wide and 400 high, upright 400 wide and 480 high."""
    exif = Image.Exif()
    exif[274] = 6
    return saved(rgb(), 'JPEG', exif=exif)


def marked(mark):
    """A JPEG with a text in its header."""
    content = tiny.person_jpeg()
    return content[:2] + b'\xff\xfe' + struct.pack('>H', len(mark) + 2) + mark + content[2:]


def with_end(content):
    return content + b'\xff\xd9'


def with_preview(content):
    preview = tiny.encode(tiny.draw((32, 32)))
    return content[:2] + b'\xff\xe1' + struct.pack('>H', len(preview) + 2) + preview + content[2:]


def gray_corner(**params):
    """What a decoder makes of a missing part, in a whole image."""
    image = rgb()
    image.paste((128, 128, 128), (416, 336, 480, 400))
    return saved(image, 'JPEG', **params)


def bomb():
    """A PNG that says it has 2.5 gigapixels."""
    content = bytearray(saved(Image.new('L', (1, 1)), 'PNG'))
    content[16:24] = struct.pack('>II', 50_000, 50_000)
    content[29:33] = struct.pack('>I', zlib.crc32(bytes(content[12:29])))
    return bytes(content)


def megapixels():
    small = tiny.draw((500, 800), person=(20, 20, 480, 480))
    return tiny.encode(cv2.resize(small, (8000, 5000), interpolation=cv2.INTER_NEAREST))


def sixteen_bits():
    image = tiny.draw(person=tiny.LARGE_PERSON).astype(np.uint16) * 257
    return tiny.encode(image, '.png')


def transparent():
    image = rgb().convert('RGBA')
    image.putalpha(255)
    return saved(image, 'PNG')


FILES = {
    'empty': (lambda: b'', 'broken', 'empty'),
    'text': (lambda: b'not an image', 'broken', 'damaged or no image'),
    'web page': (lambda: b'<html>404</html>', 'broken', 'a text or drawing'),
    'git lfs': (lambda: b'version https://git-lfs.github.com/spec/v1\n', 'broken', 'Git LFS'),
    'jpeg cut short': (lambda: tiny.person_jpeg()[:9000], 'broken', 'cut short'),
    'jpeg cut short with an end': (lambda: with_end(tiny.person_jpeg()[:9000]), 'broken', 'gray'),
    'progressive jpeg cut short with an end': (
        lambda: with_end(saved(rgb(), 'JPEG', progressive=True)[:-300]),
        'broken',
        'cut short',
    ),
    'jpeg on its side cut short with an end': (
        lambda: with_end(turned()[:-2000]),
        'broken',
        'gray',
    ),
    'jpeg with a preview cut short with an end': (
        lambda: with_end(with_preview(tiny.person_jpeg())[:-2000]),
        'broken',
        'gray',
    ),
    'jpeg with a gray corner': (gray_corner, 'kept', None),
    'progressive jpeg with a gray corner': (lambda: gray_corner(progressive=True), 'kept', None),
    'jpeg with a preview and a tail': (
        lambda: with_preview(gray_corner()) + b'\x00\xff\xd9\x00',
        'kept',
        None,
    ),
    'png cut short': (lambda: saved(rgb(), 'PNG')[:-5000], 'broken', 'cut short'),
    'webp cut short': (lambda: saved(rgb(), 'WEBP')[:-500], 'broken', 'damaged'),
    'header only': (lambda: tiny.person_jpeg()[:300], 'broken', ''),
    'noise behind a header': (
        lambda: saved(rgb(), 'PNG')[:60] + bytes(range(256)) * 20 + b'IEND\xaeB`\x82',
        'broken',
        '',
    ),
    '40 megapixels': (megapixels, 'kept', None),
    '2500 megapixels': (bomb, 'pixels', None),
    '16 bits': (sixteen_bits, 'kept', None),
    'gray': (lambda: saved(rgb().convert('L'), 'JPEG'), 'person', None),
    'cmyk': (lambda: saved(rgb().convert('CMYK'), 'JPEG'), 'kept', None),
    'opaque alpha': (transparent, 'kept', None),
    'palette': (lambda: saved(rgb().convert('P'), 'PNG'), 'kept', None),
    'progressive': (lambda: saved(rgb(), 'JPEG', progressive=True), 'kept', None),
    'webp': (lambda: saved(rgb(), 'WEBP'), 'kept', None),
    'tiff': (lambda: saved(rgb(), 'TIFF'), 'kept', None),
    'bmp': (lambda: saved(rgb(), 'BMP'), 'kept', None),
    'animated webp': (
        lambda: saved(rgb(), 'WEBP', save_all=True, append_images=[rgb(seed=1)]),
        'kept',
        None,
    ),
    'gif': (lambda: saved(rgb(), 'GIF'), 'format', None),
    'turned by exif': (turned, 'kept', None),
    'narrow': (lambda: tiny.person_jpeg(0, (301, 4000)), 'aspect', None),
    'one pixel': (lambda: saved(Image.new('RGB', (1, 1)), 'JPEG'), 'size', None),
    'as large as a box': (lambda: tiny.person_jpeg(0, (300, 480)), 'size', None),
    'white': (lambda: saved(Image.new('RGB', (400, 400), 'white'), 'JPEG'), 'flat', None),
    'opted out': (lambda: marked(XMP % b'DMI-PROHIBITED-AIMLTRAINING'), 'opt_out', None),
    'may be mined': (lambda: marked(XMP % b'DMI-ALLOWED'), 'kept', None),
    'made by a model': (lambda: marked(IPTC), 'generated', None),
}
"""Name -> the file, its verdict, and words of the note."""


@pytest.fixture(scope='module')
def judged(options, tmp_path_factory):
    """Rows by the key of the file, of one unit with all of them."""
    from human_curation.run import curate

    folder = tmp_path_factory.mktemp('odd')
    members = [(f'{n:02d} {name}.jpg', FILES[name][0]()) for n, name in enumerate(FILES)]
    tiny.write_tar(folder / 'odd.tar', members)
    out = folder / 'out'
    summary = curate(str(folder / 'odd.tar'), out, options, engine='inline')
    rows = pq.read_table(out / 'verdicts/000000.parquet').to_pylist()
    assert len(rows) == summary['images'] == len(FILES)
    return dict(zip(FILES, rows)), summary, out


@pytest.mark.parametrize('name', FILES)
def test_odd_files_have_a_verdict(judged, name):
    row = judged[0][name]
    _, verdict, words = FILES[name]
    assert row['verdict'] == verdict, row
    if words is None:
        assert row['note'] is None
    else:
        assert words in row['note']


def test_sides_are_those_of_the_upright_image(judged):
    row = judged[0]['turned by exif']
    assert (row['width'], row['height']) == (400, 480)
    x0, y0, x1, y1 = row['boxes']
    assert x1 - x0 == pytest.approx(360, abs=30) and y1 <= 480
    assert judged[0]['40 megapixels']['width'] == 8000
    assert judged[0]['40 megapixels']['boxes'][2] == pytest.approx(4800, abs=300)


def test_what_the_header_rejects_is_not_decoded(judged):
    rows, summary, _ = judged
    decoded = [row for row in rows.values() if row['flat'] is not None]
    undecodable = [row for row in rows.values() if row['verdict'] == 'broken' and row['width']]
    assert summary['seen']['decode'] == len(decoded) + len(undecodable)
    assert not {'size', 'aspect', 'pixels', 'format', 'opt_out'} & {r['verdict'] for r in decoded}


def test_training_reads_what_was_kept(judged):
    from mmsapiens.pretrain.datasets import ShardedImageDataset

    rows, _, out = judged
    dataset = ShardedImageDataset(data_root=str(out / 'images'), pipeline=[])
    kept = [row for row in rows.values() if row['verdict'] == 'kept']
    assert len(dataset) == len(kept)
    for number, row in enumerate(kept):
        image = dataset[number]['img']
        assert image.shape[:2] in {(row['height'], row['width']), (row['width'], row['height'])}
