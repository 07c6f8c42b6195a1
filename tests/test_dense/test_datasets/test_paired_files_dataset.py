import re

import numpy as np
import pytest
from planted_maps import PLANTED, write_good

from mmsapiens.dense.datasets import BodyParts28Dataset, DenseFolderDataset

AT_BUILD = {n: p for n, p in PLANTED.items() if p.at_build}


def build(folder, task, **kwargs):
    if task == 'parsing':
        return BodyParts28Dataset(data_root=str(folder), **kwargs)
    fields = dict(depth='depth_map', normal='normal_map')[task]
    return DenseFolderDataset(data_root=str(folder), fields=(fields, 'human_mask'), **kwargs)


@pytest.mark.parametrize('name', list(AT_BUILD))
def test_incomplete_data_sets_are_refused_when_built(name, tmp_path):
    planted = AT_BUILD[name]
    planted.edit(write_good(tmp_path, planted.task))
    error = (ValueError, FileNotFoundError)
    with pytest.raises(error, match=planted.refusal) as caught:
        build(tmp_path, planted.task)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize('name', [n for n in AT_BUILD if not n.startswith('folder')])
def test_skip_leaves_incomplete_samples_out_and_says_so(name, tmp_path, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmsapiens.dense.datasets.paired_files.print_log',
        lambda text, logger, level: messages.append(text),
    )
    planted = AT_BUILD[name]
    planted.edit(write_good(tmp_path, planted.task))
    dataset = build(tmp_path, planted.task, bad_samples='skip')
    paths = [info['img_path'] for info in map(dataset.get_data_info, range(2))]
    assert len(dataset) == 2 and not re.search('0001', str(paths))
    (message,) = messages
    assert '1 names do not make a sample, beside 2 that do' in message
    assert 'left out' in message and '0001' in message
    with pytest.raises(ValueError, match=planted.refusal):
        build(tmp_path, planted.task, bad_samples='skip', test_mode=True)


def test_message_lists_the_first_names_and_the_number(tmp_path):
    write_good(tmp_path, 'depth', count=8)
    for path in (tmp_path / 'depths').iterdir():
        if path.stem != '0003':
            path.unlink()
    with pytest.raises(ValueError, match='7 names do not make a') as caught:
        build(tmp_path, 'depth')
    text = str(caught.value)
    assert '0000.png' in text and '0007.png' not in text
    assert str(tmp_path / 'depths') in text and 'bad_samples' in text


def test_order_is_that_of_names_whatever_the_disk_says(tmp_path, monkeypatch):
    from mmsapiens.dense.datasets import paired_files

    write_good(tmp_path, 'depth', count=6)
    expected = build(tmp_path, 'depth').load_data_list()
    found = paired_files.fileio.list_dir_or_file

    def shuffled(*args, **kwargs):
        names = list(found(*args, **kwargs))
        return np.random.default_rng(0).permutation(names).tolist()

    monkeypatch.setattr(paired_files.fileio, 'list_dir_or_file', shuffled)
    assert build(tmp_path, 'depth').load_data_list() == expected
    names = [sample['img_path'] for sample in expected]
    assert names == sorted(names) and len(names) == 6


def test_ann_file_selects_samples(tmp_path):
    write_good(tmp_path, 'depth', count=4)
    (tmp_path / 'val.txt').write_text('0002\n\n0000.png\n')
    dataset = build(tmp_path, 'depth', ann_file='val.txt')
    names = [dataset.get_data_info(i)['img_path'][-8:] for i in range(2)]
    assert len(dataset) == 2 and names == ['0000.png', '0002.png']
    with pytest.raises(FileNotFoundError, match='no `ann_file` .*none.txt'):
        build(tmp_path, 'depth', ann_file='none.txt')


def test_indices_and_subsets_are_those_of_stock(tmp_path):
    write_good(tmp_path, 'depth', count=4)
    dataset = build(tmp_path, 'depth', indices=3)
    assert len(dataset) == 3 and len(dataset.get_subset([0, 2])) == 2
    assert dataset.get_subset([2]).get_data_info(0)['img_path'].endswith('0002.png')
