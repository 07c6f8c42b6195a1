"""Which files a task has."""

import pytest
import torch
from parity import ROOT

from mmsapiens import build_model
from mmsapiens.checkpoints import model_metadata, write_checkpoint
from mmsapiens.inference.model_files import check_tasks, find_files, named_weights, weights_by_task
from mmsapiens.models.tasks import TASKS


@pytest.fixture
def weights(tmp_path):
    return write_checkpoint(dict(a=torch.zeros(1)), tmp_path / 'depth.pth')


@pytest.mark.parametrize(
    'tasks, configs, error, text',
    [
        (['pose-18'], {}, KeyError, "'pose-17'.*but got 'pose-18'"),
        (['hair'], {'skin': 'a.py'}, KeyError, "a checkpoint or a config of yours.*'hair'"),
        ([], {}, ValueError, 'at least one'),
        (['depth', 'depth'], {}, ValueError, 'different tasks'),
    ],
)
def test_wrong_tasks_are_refused(tasks, configs, error, text):
    with pytest.raises(error, match=text):
        check_tasks(tasks, configs=configs)


def test_tasks_may_be_one_or_of_ones_own():
    assert check_tasks('depth') == ['depth']
    assert check_tasks(['hair'], configs={'hair': 'a.py'}) == ['hair']


def test_files_of_the_caller(weights, tmp_path):
    files = find_files('depth', 'tiny', None, weights)
    assert files.weights == weights
    assert files.config is None
    with pytest.raises(ValueError, match="nothing was released of 'tiny'"):
        find_files('depth', 'tiny')
    with pytest.raises(ValueError, match=r'needs weights.*depth=FILE'):
        find_files('depth', '1b', ROOT / 'configs' / TASKS['depth'].config_of('tiny'))
    with pytest.raises(FileNotFoundError, match=r"'depth', .*no.py, does not"):
        find_files('depth', '1b', tmp_path / 'no.py', weights)
    with pytest.raises(FileNotFoundError, match='none at'):
        find_files('depth', '1b', None, tmp_path / 'no.pth')
    assert find_files('depth', 'tiny', allow_random=True).weights is None


def test_every_file_of_a_folder_is_used_or_told(tmp_path, caplog):
    model = build_model('sapiens-tiny', 'normal', img_size=(64, 48))
    head = {k.replace('heads.normal', 'decode_head'): v for k, v in model.state_dict().items()}
    meta = dict(mmsapiens=model_metadata(model))
    write_checkpoint(head, tmp_path / 'depth.pth')  # looked into when it is loaded
    write_checkpoint(head, tmp_path / 'mine.pth', meta)
    write_checkpoint(head, tmp_path / 'detector.pth')
    (tmp_path / 'damaged.pth').write_bytes(b'PK')
    found = dict(depth=tmp_path / 'depth.pth', normal=tmp_path / 'mine.pth')
    assert named_weights(tmp_path, None) == (['depth', 'normal'], found)
    assert 'so they are not used: damaged.pth, detector.pth' in caplog.text
    write_checkpoint(head, tmp_path / 'other.pth', meta)
    with pytest.raises(ValueError, match=r"mine.pth and other.pth in .* are both for 'normal'"):
        named_weights(tmp_path, None)


def test_weights_may_be_a_mapping_a_file_or_a_folder(weights, tmp_path):
    found = {'depth': weights}
    tasks = ['pose-308', 'depth']
    assert weights_by_task(None, tasks, '1b') == {}
    assert weights_by_task(found, tasks, '1b') == found
    assert weights_by_task(weights, ['depth'], '1b') == found
    assert weights_by_task(tmp_path, tasks, '1b') == found
    released = tmp_path / 'sapiens_0.3b_goliath_best_goliath_AP_573.pth'
    weights.rename(released)
    assert weights_by_task(tmp_path, tasks, '0.3b') == {'pose-308': released}
    with pytest.raises(KeyError, match=r"got \['normal'\]"):
        weights_by_task({'normal': 'a'}, tasks, '1b')
    with pytest.raises(ValueError, match='which of .* is for'):
        weights_by_task(released, tasks, '1b')
    with pytest.raises(FileNotFoundError, match='no file named by one'):
        weights_by_task(tmp_path, ['depth'], '1b')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        weights_by_task(tmp_path / 'no', tasks, '1b')
