import pytest

from mmsapiens.dense.datasets.paired_files import (
    IMAGE_SUFFIXES,
    MAP_SUFFIXES,
    list_files,
    pair_files,
)

SUFFIXES = dict(img_path=IMAGE_SUFFIXES, depth_map_path=MAP_SUFFIXES)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def folders_of(folder):
    return dict(img_path=str(folder / 'images'), depth_map_path=str(folder / 'depths'))


def test_files_are_sorted_by_name_with_subfolders(tmp_path):
    touch(tmp_path, 'b.png', 'a.JPG', 'sub/a.jpeg', '.a.png', 'a.txt', 'c')
    files = list_files(str(tmp_path), IMAGE_SUFFIXES)
    assert list(files) == ['a', 'b', 'sub/a']
    assert files['a'] == [str(tmp_path / 'a.JPG')]


def test_pairs_have_equal_names(tmp_path):
    touch(tmp_path / 'images', '2.jpg', 's/1.png', '10.webp')
    touch(tmp_path / 'depths', '2.npy', 's/1.exr', '10.npz')
    listing = pair_files(folders_of(tmp_path), SUFFIXES)
    assert not listing.unpaired
    names = [sample['img_path'] for sample in listing.samples]
    assert names == sorted(names) and len(names) == 3
    assert listing.samples[-1] == dict(
        img_path=str(tmp_path / 'images/s/1.png'), depth_map_path=str(tmp_path / 'depths/s/1.exr')
    )


def test_what_has_no_partner_is_reported_either_way(tmp_path):
    touch(tmp_path / 'images', '1.jpg', '2.jpg', '3.jpg', '3.png')
    touch(tmp_path / 'depths', '1.npy', '3.npy', '4.npy')
    listing = pair_files(folders_of(tmp_path), SUFFIXES)
    assert len(listing.samples) == 1
    assert [(kind, path[-5:]) for kind, path, _ in listing.unpaired] == [
        ('missing_map', '2.jpg'),
        ('several_files', '3.jpg'),
        ('missing_image', '4.npy'),
    ]


def test_names_restrict_the_listing(tmp_path):
    touch(tmp_path / 'images', '1.jpg', '2.jpg', '3.5.jpg')
    touch(tmp_path / 'depths', '1.npy', '3.5.npy')
    folders = folders_of(tmp_path)
    listing = pair_files(folders, SUFFIXES, names=['3.5', '1.jpg'])
    assert [s['img_path'][-5:] for s in listing.samples] == ['1.jpg', '5.jpg']
    assert not listing.unpaired
    ((kind, path, _),) = pair_files(folders, SUFFIXES, names=['9']).unpaired
    assert kind == 'missing_image' and '9' in path


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='there is no folder .*images'):
        pair_files(folders_of(tmp_path), SUFFIXES)
