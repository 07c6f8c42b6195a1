"""NameTable, folders and list files."""

import json
import sys

import numpy as np
import pytest

from mmsapiens.io.listing import scan_folder
from mmsapiens.pretrain.datasets.names import NameTable, read_list

NAMES = ['a.jpg', 'b/ü.png', 'c d.jpg']


def names_of(table):
    return [table[index] for index in range(len(table))]


@pytest.mark.parametrize(
    'text',
    [
        'a.jpg\nb/ü.png\nc d.jpg\n',
        'a.jpg\nb/ü.png\nc d.jpg',
        '\na.jpg\r\n\r\nb/ü.png\r\nc d.jpg\r\n\r\n',
    ],
)
def test_lines(tmp_path, text):
    path = tmp_path / 'list.txt'
    path.write_bytes(text.encode())
    assert names_of(read_list(path)) == NAMES


@pytest.mark.parametrize(
    'content',
    [
        NAMES,
        [dict(img_path=name) for name in NAMES],
        dict(images=[dict(file_name=name) for name in NAMES]),
        dict(data_list=NAMES),
    ],
)
def test_json(tmp_path, content):
    path = tmp_path / 'list.json'
    path.write_text(json.dumps(content))
    assert names_of(read_list(path)) == NAMES


def test_jsonl(tmp_path):
    path = tmp_path / 'list.jsonl'
    lines = [json.dumps(dict(path=name)) for name in NAMES]
    path.write_text('\n'.join(lines) + '\n\n')
    assert names_of(read_list(path)) == NAMES


def test_empty_list(tmp_path):
    (tmp_path / 'list.txt').touch()
    assert len(read_list(tmp_path / 'list.txt')) == 0


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"a": 1}', 'must hold a list'),
        ('[3]', 'must be names or objects'),
        ('[', 'not valid JSON'),
    ],
)
def test_bad_json(tmp_path, content, message):
    path = tmp_path / 'list.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_list(path)


def test_missing_list():
    with pytest.raises(FileNotFoundError, match='nowhere.txt'):
        read_list('nowhere.txt')


def test_lists_of_lines_are_mapped(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('folder/image.jpg\n' * 100_000)
    table = read_list(path)
    assert isinstance(table.buffer.base, np.memmap)
    assert len(table) == 100_000
    assert sys.getsizeof(table.ends) < 9 * 100_000
    assert table[99_999] == 'folder/image.jpg'


def test_names_take_their_own_bytes():
    table = NameTable.from_names(f'{i:08d}' for i in range(10_000))
    assert table.buffer.nbytes == 80_000
    assert table.ends.nbytes == 80_000
    assert table[1234] == '00001234'


def test_folders_are_sorted(tmp_path):
    for name in ['b/2.JPG', 'b/1.png', 'a.webp', 'b.txt', 'c/d/x.tiff']:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / 'c' / 'loop').symlink_to(tmp_path)
    found = list(scan_folder(tmp_path))
    assert found == ['a.webp', 'b/1.png', 'b/2.JPG', 'c/d/x.tiff']
    assert list(scan_folder(tmp_path, ('.png',))) == ['b/1.png']
