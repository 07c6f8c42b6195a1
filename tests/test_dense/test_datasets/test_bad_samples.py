import copy
import logging
import pickle

import pytest
from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader

from mmsapiens.core.errors import BadSampleError, MissingFileError
from mmsapiens.dense.datasets.paired_files import BadSamplePolicy


class Numbers(BadSamplePolicy, BaseDataset):
    """Samples 0 to N - 1; those in `bad` cannot be used."""

    def __init__(self, number, bad, error=BadSampleError, **kwargs):
        self.number = number
        self.bad = set(bad)
        self.error = error
        super().__init__(pipeline=[self.look], **kwargs)

    def look(self, results):
        if results['sample_idx'] in self.bad:
            raise self.error(f'{results["img_path"]} is broken')
        return results['sample_idx']

    def load_data_list(self):
        return [dict(img_path=f'{i:03}.png') for i in range(self.number)]


@pytest.fixture
def messages(monkeypatch):
    found = []
    monkeypatch.setattr(
        'mmsapiens.dense.datasets.paired_files.print_log',
        lambda text, logger, level: found.append((level, text)),
    )
    return found


@pytest.mark.parametrize('error', [BadSampleError, MissingFileError])
def test_raise_names_the_file(error):
    dataset = Numbers(4, {2}, error)
    assert dataset[1] == 1
    with pytest.raises(error, match='002.png is broken'):
        dataset[2]


def test_skip_takes_another_sample_and_logs_once(messages):
    dataset = Numbers(40, {2}, bad_samples='skip')
    for _ in range(5):
        assert dataset[2] != 2
    assert messages == [(logging.WARNING, 'sample 2, 002.png, is left out: 002.png is broken')]
    assert dataset.bad_indices == [2]


def test_skip_does_not_hide_other_errors():
    dataset = Numbers(4, {2}, KeyError, bad_samples='skip')
    with pytest.raises(KeyError):
        dataset[2]


def test_test_mode_never_skips():
    dataset = Numbers(4, {2}, bad_samples='skip', test_mode=True)
    with pytest.raises(BadSampleError, match='002.png'):
        dataset[2]


def test_too_many_bad_samples_stop_the_run(messages):
    dataset = Numbers(100, range(0, 100, 2), bad_samples='skip')
    message = '11 of 21 samples .* more than `max_bad_share` .0.1.* 000.png'
    with pytest.raises(RuntimeError, match=message):
        for index in range(100):
            dataset.prepare_data(index)


def test_share_is_judged_from_20_samples_on(messages):
    dataset = Numbers(100, range(19), bad_samples='skip')
    for index in range(19):
        assert dataset.prepare_data(index) is None
    dataset.prepare_data(50)
    dataset.bad.add(99)
    with pytest.raises(RuntimeError, match='20 of 21 samples'):
        dataset.prepare_data(99)


def test_all_bad_stops_a_small_data_set(messages):
    dataset = Numbers(3, range(3), bad_samples='skip')
    with pytest.raises(RuntimeError, match='3 of 3 samples looked at'):
        dataset[0]


def test_a_share_that_is_allowed_goes_on(messages):
    dataset = Numbers(4, {2}, bad_samples='skip', max_bad_share=0.25)
    for _ in range(3):
        for index in range(4):
            assert dataset[index] != 2
    assert len(messages) == 1


def test_a_sample_that_is_good_again_does_not_count(messages):
    dataset = Numbers(4, {2}, bad_samples='skip', max_bad_share=0.25)
    dataset.prepare_data(2)
    dataset.bad = set()
    assert dataset.prepare_data(2) == 2
    assert dataset.bad_indices == []
    dataset.bad = {2}
    dataset.prepare_data(2)
    assert len(messages) == 1


@pytest.mark.parametrize('context', ['fork', pytest.param('spawn', marks=pytest.mark.slow)])
def test_workers_share_the_count(context):
    dataset = Numbers(30, {2, 9}, bad_samples='skip')
    loader = DataLoader(dataset, num_workers=2, multiprocessing_context=context)
    assert len(list(loader)) == 30
    assert dataset.bad_indices == [2, 9]


def test_copies_and_subsets_count_for_themselves(messages):
    dataset = Numbers(30, {2}, bad_samples='skip')
    dataset.prepare_data(2)
    assert dataset.get_subset(10).bad_indices == []
    clone = copy.deepcopy(dataset)
    clone.bad = {3}
    clone.prepare_data(3)
    assert dataset.bad_indices == [2]


def test_negative_index_counts_as_the_same_sample(messages):
    dataset = Numbers(30, {29}, bad_samples='skip')
    dataset.prepare_data(-1)
    assert dataset.bad_indices == [29]


def test_lazy_data_set_can_be_pickled():
    dataset = Numbers(3, (), bad_samples='skip', lazy_init=True)
    dataset.pipeline.transforms = []
    assert pickle.loads(pickle.dumps(dataset)).bad_indices == []


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(bad_samples='ignore'), "must be one of .*'skip'.*'ignore'"),
        (dict(max_bad_share=10), r'must be in \[0, 1\], but got 10'),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Numbers(3, (), **settings)


@pytest.mark.parametrize('policy', ['raise', 'skip'])
def test_a_loop_over_the_dataset_ends_unless_samples_may_be_skipped(policy):
    dataset = Numbers(4, set(), bad_samples=policy)
    assert [each for each, _ in zip(dataset, range(6))] == [0, 1, 2, 3, 0, 1][
        : 4 + 2 * (policy == 'skip')
    ]
