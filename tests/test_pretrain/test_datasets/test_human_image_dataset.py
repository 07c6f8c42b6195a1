"""HumanImageDataset, and what it shares with the one of shards."""

import random

import cv2
import numpy as np
import pytest
import torch
from image_shards import write_images
from torch.utils.data import DataLoader

from mmsapiens.pretrain.datasets import HumanImageDataset
from mmsapiens.pretrain.datasets.broken_images import TooManyBrokenImagesError
from mmsapiens.pretrain.samplers.random_order import SampleIndex


@pytest.fixture
def folder(tmp_path):
    return write_images(tmp_path / 'images', 12, per_folder=5)


def paths(dataset):
    return [dataset.get_name(dataset.number_of(i)) for i in range(len(dataset))]


def draw(results):
    """A transform that draws from all generators."""
    return (results['img_path'], random.random(), float(np.random.rand()), float(torch.rand(())))


def same(batch):
    """A collate function that changes nothing."""
    return batch


def test_images_of_folders(folder):
    dataset = HumanImageDataset(str(folder))
    assert len(dataset) == 12
    sample = dataset[7]
    assert sample['img'].shape == (8, 8, 3)
    assert sample['img'].dtype == np.uint8
    assert sample['img_path'] == str(folder / '001' / '00007.jpg')
    assert sample['sample_idx'] == 7
    assert abs(sample['img'].mean((0, 1)) - (70, 0, 40)).max() < 3  # BGR


def test_hidden_files_are_no_images(folder):
    for name in ('001/._00007.jpg', '.thumbnails/00007.jpg'):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b'of macOS')
    dataset = HumanImageDataset(str(folder), max_broken_share=0)
    assert len([dataset[i] for i in range(len(dataset))]) == 12


def test_several_folders(folder):
    roots = [str(folder / '002'), str(folder / '000')]
    names = [path[-9:] for path in paths(HumanImageDataset(roots))]
    assert names == [f'{i:05d}.jpg' for i in (10, 11, 0, 1, 2, 3, 4)]


def test_lists(folder, tmp_path):
    (tmp_path / 'a.txt').write_text('001/00009.jpg\n000/00002.jpg\n')
    (tmp_path / 'b.json').write_text('["002/00011.jpg"]')
    lists = [str(tmp_path / 'a.txt'), str(tmp_path / 'b.json')]
    dataset = HumanImageDataset(str(folder), lists)
    assert [path[-9:] for path in paths(dataset)] == ['00009.jpg', '00002.jpg', '00011.jpg']
    assert dataset[2]['img'].shape == (8, 8, 3)


def test_subsets(folder):
    root = str(folder)
    whole = paths(HumanImageDataset(root))
    assert paths(HumanImageDataset(root, max_samples=5)) == whole[:5]
    random_5 = paths(HumanImageDataset(root, max_samples=5, subset_seed=1))
    random_8 = paths(HumanImageDataset(root, max_samples=8, subset_seed=1))
    assert random_5 != whole[:5]
    assert set(random_5) < set(random_8)
    assert paths(HumanImageDataset(root, indices=[3, 1])) == [whole[3], whole[1]]
    subset = HumanImageDataset(root, max_samples=5).get_subset([4, 0])
    assert paths(subset) == [whole[4], whole[0]]


def test_fingerprint_notices_other_images(folder):
    whole = HumanImageDataset(str(folder))
    assert whole.fingerprint == HumanImageDataset(str(folder)).fingerprint
    write_images(folder, 13, per_folder=5)
    assert whole.fingerprint != HumanImageDataset(str(folder)).fingerprint


@pytest.mark.parametrize(
    ('side', 'min_size', 'expected'),
    [(800, None, 800), (800, 100, 100), (800, 101, 200), (800, 401, 800)],
)
def test_decoding_is_no_larger_than_needed(tmp_path, side, min_size, expected):
    cv2.imwrite(str(tmp_path / 'a.jpg'), np.zeros((side, 900, 3), np.uint8))
    dataset = HumanImageDataset(str(tmp_path), min_size=min_size)
    assert min(dataset[0]['img'].shape[:2]) == expected


def break_images(folder, *numbers):
    for number in numbers:
        path = folder / f'{number // 5:03d}' / f'{number:05d}.jpg'
        path.write_bytes(path.read_bytes()[:-10] if number else b'')


def test_broken_images_are_named_and_replaced(folder, tmp_path):
    break_images(folder, 0, 3)
    kwargs = dict(max_broken_share=0.5, broken_dir=str(tmp_path / 'broken'))
    dataset = HumanImageDataset(str(folder), **kwargs)
    shown = [dataset[i]['img_path'] for i in range(12)]
    assert dataset.broken.broken >= 2
    assert dataset.broken.read >= 14
    assert all(shown[i] == path for i, path in enumerate(paths(dataset)) if i not in (0, 3))
    again = HumanImageDataset(str(folder), **kwargs)
    assert [again[i]['img_path'] for i in range(12)] == shown
    lines = (tmp_path / 'broken' / 'broken_images_rank0.txt').read_text()
    lines = sorted(lines.splitlines())
    assert len(lines) == 2
    assert lines[0].startswith(f'{folder}/000/00000.jpg\t')
    assert 'empty file' in lines[0]
    assert 'cut short' in lines[1]


def test_workers_share_the_count(folder, tmp_path):
    break_images(folder, 1, 2, 3)
    dataset = HumanImageDataset(str(folder), max_broken_share=0.5, broken_dir=str(tmp_path))
    loader = DataLoader(dataset, num_workers=2, collate_fn=same)
    assert len(list(loader)) == 12
    assert dataset.broken.broken >= 3
    assert dataset.broken.read == 12 + dataset.broken.broken
    text = (tmp_path / 'broken_images_rank0.txt').read_text()
    assert len({line.split('\t')[0] for line in text.splitlines()}) == 3


def test_too_many_broken_images_stop_the_run(folder):
    break_images(folder, 1, 2, 3)
    dataset = HumanImageDataset(str(folder), max_broken_share=0.2)
    with pytest.raises(TooManyBrokenImagesError, match='`max_broken_share`'):
        for index in range(12):
            dataset[index]


def test_what_is_drawn_depends_on_sample_and_epoch(folder):
    dataset = HumanImageDataset(str(folder), pipeline=[draw])
    first, second = SampleIndex(4, 0), SampleIndex(4, 1)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    expected = random.random(), np.random.rand(), float(torch.rand(()))
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    assert dataset[first] == dataset[first] != dataset[second]
    drawn = random.random(), np.random.rand(), float(torch.rand(()))
    assert drawn == expected  # the caller's random numbers stay


def test_workers_draw_what_the_process_draws(folder):
    dataset = HumanImageDataset(str(folder), pipeline=[draw])
    order = [SampleIndex(i, 5) for i in (3, 11, 0, 7, 2)]
    drawn = [
        list(DataLoader(dataset, sampler=order, num_workers=n, collate_fn=same)) for n in (0, 1, 2)
    ]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize(
    ('kwargs', 'error', 'message'),
    [
        (dict(), ValueError, '`data_root` or `ann_file`'),
        (dict(data_root='nowhere'), FileNotFoundError, 'nowhere'),
        (dict(ann_file='nowhere.txt'), FileNotFoundError, 'nowhere.txt'),
        (dict(data_root=['a', 'b'], ann_file='c'), ValueError, 'one folder'),
        (dict(data_root='a', max_samples=0), ValueError, '`max_samples`'),
    ],
)
def test_bad_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        HumanImageDataset(**kwargs)


def test_no_images(tmp_path):
    with pytest.raises(ValueError, match='there are no images'):
        HumanImageDataset(str(tmp_path))


def test_more_samples_than_images(folder):
    with pytest.raises(ValueError, match='only 12 images'):
        HumanImageDataset(str(folder), max_samples=13)


def test_missing_image(folder, tmp_path):
    (tmp_path / 'a.txt').write_text('000/00000.jpg\nnowhere.jpg\n')
    dataset = HumanImageDataset(str(folder), str(tmp_path / 'a.txt'), max_broken_share=1)
    assert dataset[1]['img_path'].endswith('00000.jpg')
    assert dataset.broken.broken >= 1
