"""ShardedImageDataset and the packing of shards."""

import json
import pickle
import shutil
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from image_shards import write_images, write_shards
from mmengine.fileio import BaseStorageBackend, register_backend
from pack_shards import index_folder, pack_images
from range_server import serve
from torch.utils.data import DataLoader

from mmsapiens.core.errors import BadSampleError
from mmsapiens.pretrain.datasets import HumanImageDataset, ShardedImageDataset


class Bucket(BaseStorageBackend):
    """Object storage whose objects are files of a folder."""

    loaded = []

    def get(self, filepath):
        self.loaded.append(filepath.rsplit('/')[-1])
        return Path(filepath.removeprefix('bucket:/')).read_bytes()

    def get_text(self, filepath, encoding='utf-8'):
        return self.get(filepath).decode(encoding)


register_backend('bucket', Bucket, prefixes='bucket', force=True)


@pytest.fixture(scope='module')
def packed(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp('packed'), 25, 10)


@pytest.fixture
def shards(packed, tmp_path):
    """A copy that a test may change."""
    return Path(shutil.copytree(packed, tmp_path / 'copy'))


def numbers(dataset):
    return [round(float(dataset[i]['img'][..., 0].mean())) for i in range(len(dataset))]


def test_images_are_those_that_were_packed(packed):
    dataset = ShardedImageDataset(packed)
    images = HumanImageDataset(str(Path(packed).parent / 'images'))
    assert len(dataset) == len(images) == 25
    assert list(dataset.block_sizes) == [10, 10, 5]
    for index in (0, 9, 10, 24):
        assert np.array_equal(dataset[index]['img'], images[index]['img'])
    assert dataset[12]['img_path'] == '000001.tar/000000012.jpg'


def test_layout_is_that_of_webdataset(packed):
    with tarfile.open(f'{packed}/000002.tar') as tar:
        names = tar.getnames()
        assert names[:2] == ['000000020.jpg', '000000020.json']
        source = json.load(tar.extractfile('000000020.json'))['source']
    assert source.endswith('00020.jpg')


def test_subsets(packed, tmp_path):
    first = ShardedImageDataset(packed, max_samples=12)
    assert list(first.block_sizes) == [10, 2, 0]
    some = ShardedImageDataset(packed, max_samples=12, subset_seed=0)
    assert some.block_sizes.sum() == 12
    assert numbers(some) == sorted(numbers(some)) != numbers(first)
    (tmp_path / 'names.txt').write_text('000000021.jpg\n000000003.jpg\n')
    named = ShardedImageDataset(packed, subset_file=str(tmp_path / 'names.txt'))
    assert [named[i]['img_path'][-6:] for i in (0, 1)] == ['03.jpg', '21.jpg']
    assert list(named.block_sizes) == [1, 0, 1]
    (tmp_path / 'names.txt').write_text('nobody.jpg\n')
    with pytest.raises(ValueError, match='has 1 names, but the shards 0'):
        ShardedImageDataset(packed, subset_file=str(tmp_path / 'names.txt'))


def test_names_of_several_shards_are_fetched_at_a_time(packed, tmp_path, monkeypatch):
    barrier = threading.Barrier(3, timeout=60)  # as many as there are shards

    def slow(self, filepath):
        if filepath.endswith('.index.json'):
            barrier.wait()
        return Path(filepath.removeprefix('bucket:/')).read_bytes()

    monkeypatch.setattr(Bucket, 'get', slow)
    names = [f'{number:09d}.jpg' for number in (3, 12, 21)]
    (tmp_path / 'names.txt').write_text('\n'.join(names))
    subset = dict(subset_file=str(tmp_path / 'names.txt'), cache_dir=str(tmp_path / 'cache'))
    assert list(ShardedImageDataset(f'bucket:/{packed}', **subset).block_sizes) == [1, 1, 1]


def test_object_storage_through_a_cache(packed, tmp_path):
    Bucket.loaded.clear()
    size = Path(packed, '000000.tar').stat().st_size
    kwargs = dict(cache_dir=str(tmp_path / 'cache'), cache_gb=2.5 * size / 1e9)
    dataset = ShardedImageDataset(f'bucket:/{packed}', **kwargs)
    assert numbers(dataset) == numbers(ShardedImageDataset(packed))
    copies = sorted(path.name for path in (tmp_path / 'cache').glob('*.tar'))
    assert copies == ['000001.tar', '000002.tar']
    assert Bucket.loaded.count('000000.tar') == 1
    dataset[24]
    assert Bucket.loaded.count('000002.tar') == 1
    again = ShardedImageDataset(f'bucket:/{packed}', **kwargs)
    again[24]
    assert Bucket.loaded.count('000002.tar') == 1


def test_object_storage_needs_a_cache(packed):
    with pytest.raises(ValueError, match='`cache_dir` is needed'):
        ShardedImageDataset(f'bucket:/{packed}')


def test_object_storage_in_parts(packed, tmp_path):
    kwargs = dict(backend_args=dict(backend='fsspec'), max_broken_share=0)
    with serve(packed) as server:
        dataset = ShardedImageDataset(server.address, **kwargs)
        loader = DataLoader(
            dataset,
            batch_size=None,
            shuffle=True,
            num_workers=2,
            collate_fn=lambda sample: (sample['sample_idx'], sample['img']),
        )
        images = dict(loader)
        local = ShardedImageDataset(packed)
        assert len(images) == 25
        for index, image in images.items():
            assert np.array_equal(image, local[index]['img'])
        tars = [name for name in server.requests if name.endswith('.tar')]
        assert len(tars) == 25  # a part for each image
        copies = ShardedImageDataset(server.address, cache_dir=str(tmp_path / 'cache'), **kwargs)
        assert numbers(copies) == numbers(local)
        assert len(list((tmp_path / 'cache').glob('*.tar'))) == 3


def test_missing_and_cut_shards_on_object_storage(shards):
    kwargs = dict(backend_args=dict(backend='fsspec'), max_broken_share=1)
    path = shards / '000001.tar'
    path.write_bytes(path.read_bytes()[:3000])
    (shards / '000002.tar').unlink()
    with serve(shards) as server:
        dataset = ShardedImageDataset(server.address, **kwargs)
        with pytest.raises(BadSampleError, match='000001.tar was cut short'):
            dataset.get_data_info(18)
        with pytest.raises(FileNotFoundError, match='000002.tar does not'):
            dataset[20]
        (shards / 'shards.json').unlink()
        with pytest.raises(FileNotFoundError, match='pack_shards.py'):
            ShardedImageDataset(server.address, **kwargs)


def test_list_of_images_on_object_storage(packed, tmp_path):
    images = Path(packed).parent / 'images'
    (tmp_path / 'list.txt').write_text('000/00003.jpg\n000/00004.jpg\n')
    with serve(images) as server:
        dataset = HumanImageDataset(
            server.address, str(tmp_path / 'list.txt'), backend_args=dict(backend='fsspec')
        )
        assert np.allclose(numbers(dataset), [30, 40], atol=2)


def test_workers_get_no_open_files(packed):
    dataset = ShardedImageDataset(packed)
    dataset[0]
    copied = pickle.loads(pickle.dumps(dataset))
    assert copied.store._open == {}
    assert np.array_equal(copied[3]['img'], dataset[3]['img'])


def test_cut_shard_has_broken_images(shards):
    path = shards / '000001.tar'
    path.write_bytes(path.read_bytes()[:3000])
    dataset = ShardedImageDataset(str(shards), max_broken_share=1)
    numbers(dataset)
    assert dataset.broken.broken >= 8


def test_missing_shard_stops(shards):
    (shards / '000001.tar').unlink()
    dataset = ShardedImageDataset(str(shards), max_broken_share=1)
    with pytest.raises(FileNotFoundError, match='000001.tar does not exist'):
        dataset[10]


def test_damaged_lists(shards):
    (shards / '000000.tar.index.json').write_text('{}')
    with pytest.raises(ValueError, match='is no index of a shard'):
        ShardedImageDataset(str(shards))[0]
    (shards / 'shards.json').write_text('[]')
    with pytest.raises(ValueError, match='is no list of shards'):
        ShardedImageDataset(str(shards))
    (shards / 'shards.json').unlink()
    with pytest.raises(FileNotFoundError, match='pack_shards.py'):
        ShardedImageDataset(str(shards))


def test_packing_goes_on_where_it_was(shards, packed):
    whole = {path.name: path.read_bytes() for path in shards.iterdir()}
    (shards / 'shards.json').unlink()
    (shards / '000001.tar.index.json').unlink()  # killed in between
    (shards / '000002.tar').unlink()
    (shards / '.000002.tar.x.partial').write_bytes(b'half')
    images = HumanImageDataset(str(Path(packed).parent / 'images'))
    result = pack_images(images, shards, per_shard=10)
    assert (result.num_reused, result.num_images) == (1, 25)
    assert {p.name: p.read_bytes() for p in shards.iterdir()} == whole


def test_packing_of_other_images_is_refused(shards, tmp_path):
    images = HumanImageDataset(str(write_images(tmp_path / 'other', 30)))
    with pytest.raises(ValueError, match='Use another folder'):
        pack_images(images, shards, per_shard=10)


def test_broken_images_are_left_out(tmp_path):
    folder = write_images(tmp_path / 'images', 6)
    for name, content in [('1', b''), ('2', b'text'), ('4', None)]:
        path = folder / '000' / f'0000{name}.jpg'
        half = bytearray(path.read_bytes())
        half[2:-2] = bytes(len(half) - 4)  # whole, but not decodable
        path.write_bytes(half if content is None else content)
    images = HumanImageDataset(str(folder))
    loose = pack_images(images, tmp_path / 'loose', per_shard=3)
    assert (loose.num_images, len(loose.skipped)) == (4, 2)
    strict = pack_images(images, tmp_path / 'strict', per_shard=3, verify=True)
    assert (strict.num_images, len(strict.skipped)) == (3, 3)
    left = ShardedImageDataset(str(tmp_path / 'strict'))
    assert np.allclose(numbers(left), [0, 30, 50], atol=2)


def test_shards_of_others_get_an_index(shards):
    for path in shards.glob('*.json'):
        path.unlink()
    (shards / 'more').mkdir()
    (shards / '000002.tar').rename(shards / 'more' / 'x.tar')
    result = index_folder(shards)
    assert (result.num_shards, result.num_images) == (3, 25)
    dataset = ShardedImageDataset(str(shards))
    assert dataset[24]['img_path'] == 'more/x.tar/000000024.jpg'
    path = shards / '000000.tar'
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match='000000.tar'):
        index_folder(shards)


def test_folder_without_shards(tmp_path):
    with pytest.raises(FileNotFoundError, match='no .tar files'):
        index_folder(tmp_path)
