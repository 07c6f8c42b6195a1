"""Training meets broken samples: a clear error, or counted and skipped."""

import pytest
from planted_maps import NAME, PLANTED, write_good

from mmsapiens.core.errors import BadSampleError
from mmsapiens.dense.datasets import BodyParts28Dataset, DenseFolderDataset

REFUSED = {
    name: planted
    for name, planted in PLANTED.items()
    if planted.refusal is not None and not planted.at_build
}
ACCEPTED = {n: p for n, p in PLANTED.items() if p.refusal is None}

PIPELINES = {
    'parsing': [
        dict(type='mmsapiens.LoadCheckedImage'),
        dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    ],
    'depth': [
        dict(type='mmsapiens.LoadCheckedImage'),
        dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
        dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
        dict(type='mmsapiens.GenerateDepthTarget', empty='raise'),
    ],
    'normal': [
        dict(type='mmsapiens.LoadCheckedImage'),
        dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
        dict(type='mmsapiens.LoadDenseTarget', field='normal_map'),
        dict(type='mmsapiens.GenerateNormalTarget', empty='raise'),
    ],
}


def build(folder, task, **kwargs):
    settings = dict(
        data_root=str(folder),
        pipeline=PIPELINES[task] + [dict(type='mmsapiens.PackDenseInputs')],
        **kwargs,
    )
    if task == 'parsing':
        return BodyParts28Dataset(**settings)
    fields = (f'{task}_map', 'human_mask')
    return DenseFolderDataset(fields=fields, **settings)


@pytest.fixture
def messages(monkeypatch):
    found = []
    monkeypatch.setattr(
        'mmsapiens.dense.datasets.paired_files.print_log',
        lambda text, logger, level: found.append(text),
    )
    return found


def test_there_are_enough_broken_samples():
    assert len(REFUSED) >= 20


@pytest.mark.parametrize('task', list(PIPELINES))
def test_good_samples_pass(task, tmp_path):
    dataset = build(write_good(tmp_path, task), task)
    for index in range(3):
        assert dataset[index]['inputs'].shape == (3, 64, 48)


@pytest.mark.parametrize('name', list(REFUSED))
def test_raise_says_what_is_wrong_with_which_file(name, tmp_path):
    planted = REFUSED[name]
    planted.edit(write_good(tmp_path, planted.task))
    dataset = build(tmp_path, planted.task)
    assert dataset[0]['inputs'].shape == (3, 64, 48)
    with pytest.raises(BadSampleError, match=planted.refusal) as caught:
        dataset[1]
    assert NAME in str(caught.value)


@pytest.mark.parametrize('name', list(REFUSED))
def test_skip_counts_and_goes_on(name, tmp_path, messages):
    planted = REFUSED[name]
    planted.edit(write_good(tmp_path, planted.task))
    dataset = build(tmp_path, planted.task, bad_samples='skip', max_bad_share=0.5)
    for index in (0, 1, 2, 1):
        assert dataset[index]['inputs'].shape == (3, 64, 48)
    assert dataset.bad_indices == [1]
    (message,) = messages
    assert message.startswith('sample 1, ') and NAME in message


@pytest.mark.parametrize('name', list(ACCEPTED))
def test_doubtful_samples_end_no_run(name, tmp_path, messages):
    planted = ACCEPTED[name]
    planted.edit(write_good(tmp_path, planted.task))
    dataset = build(tmp_path, planted.task, bad_samples='skip', max_bad_share=0.5)
    for index in range(3):
        assert dataset[index]['inputs'].shape == (3, 64, 48)
