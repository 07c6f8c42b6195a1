"""Reading checkpoints with the defaults of torch >= 2.6."""

import os
import pickle

import mmengine.runner.checkpoint
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, BaseModule
from mmengine.runner import CheckpointLoader, Runner
from range_server import serve
from safetensors.torch import save_file
from torch import nn

from mmsapiens.checkpoints.allow_list import allow_training_checkpoints

TRUST = 'MMSAPIENS_TRUST_PICKLE'


class Calls:
    """Unpickles as the call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class OneWeight(BaseModel):
    """Loss = the weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, inputs, mode):
        return dict(loss=self.weight * inputs.mean())


@pytest.fixture(autouse=True)
def no_trust(monkeypatch):
    monkeypatch.delenv(TRUST, raising=False)


@pytest.fixture
def save(tmp_path):
    """Save an object with torch; the path."""

    def to_file(thing, **kwargs):
        torch.save(thing, tmp_path / 'file.pth', **kwargs)
        return str(tmp_path / 'file.pth')

    return to_file


@pytest.fixture
def build_runner(tmp_path):
    def build(epochs, **kwargs):
        return Runner(
            model=OneWeight(),
            work_dir=str(tmp_path),
            train_dataloader=dict(
                dataset=[dict(inputs=torch.ones(1))] * 3,
                sampler=dict(type='DefaultSampler', shuffle=False),
                batch_size=1,
                collate_fn=dict(type='default_collate'),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.5)),
            param_scheduler=dict(type='ExponentialLR', gamma=0.5, end=9),
            default_hooks=dict(checkpoint=dict(type=CheckpointHook)),
            default_scope='mmengine',
            experiment_name=f'{tmp_path.name}-{epochs}',
            **kwargs,
        )

    return build


def test_arrays_and_histories_of_a_run_are_read(save):
    path = save(
        dict(
            state_dict=dict(weight=torch.ones(2)),
            meta=dict(dataset_meta=dict(sigmas=np.full(3, 0.5, np.float32))),
            message_hub=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
        )
    )
    loaded = CheckpointLoader.load_checkpoint(path)
    assert loaded['message_hub']['loss'].mean() == 1.5
    assert loaded['meta']['dataset_meta']['sigmas'].tolist() == [0.5] * 3


def test_training_continues_from_a_checkpoint(build_runner, tmp_path):
    build_runner(epochs=1).train()
    resumed = build_runner(epochs=2, resume=True)
    resumed.train()
    assert (resumed.epoch, resumed.iter) == (2, 6)
    # The weight has gone down six steps; the history is that of both runs.
    losses, _ = resumed.message_hub.get_scalar('train/loss').data
    assert len(losses) == 6
    assert all(after < before for before, after in zip(losses, losses[1:]))
    assert resumed.optim_wrapper.get_momentum()['momentum'] == [0.5]
    assert resumed.optim_wrapper.get_lr()['lr'] == [0.1 * 0.5**2]


def test_checkpoint_of_a_run_needs_no_trust(build_runner, tmp_path):
    build_runner(epochs=1).train()
    allow_training_checkpoints()
    loaded = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    history = loaded['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer)
    assert history.max() == 1


@pytest.mark.parametrize('parent', ['core', '_core'])
def test_dataset_meta_of_any_numpy_loads(save, parent):
    meta = dict(
        sigmas=np.array([0.1, 0.2], np.float32),
        swaps=np.array([[0, 1]]),
        visible=np.array([True]),
        area=np.float64(0.5),
        number=np.int64(7),
    )
    path = save(
        dict(state_dict=dict(weight=torch.ones(1)), meta=meta), _use_new_zipfile_serialization=False
    )
    # numpy 2 renamed the module that arrays are pickled under.
    with open(path, 'r+b') as file:
        content = file.read()
        for name in (b'numpy._core', b'numpy.core'):
            content = content.replace(b'c' + name + b'.', b'cnumpy.' + parent.encode() + b'.')
        file.seek(0)
        file.truncate()
        file.write(content)
    assert b'cnumpy.' + parent.encode() + b'.multiarray' in content
    loaded = CheckpointLoader.load_checkpoint(path)['meta']
    assert list(loaded) == list(meta)
    for key, value in meta.items():
        np.testing.assert_array_equal(loaded[key], value)
        assert loaded[key].dtype == value.dtype


EMPTY = dict(
    floats=np.array([]),
    numbers=np.zeros((0, 2), int),
    text=b'',
    of_config=ConfigDict(label=ConfigDict(a=1)),
    ids=range(3),
    names=frozenset('a'),
)
"""What ``dataset_meta`` may hold: 26 of mmpose's dataset files have an empty array."""


@pytest.mark.parametrize('name', EMPTY)
def test_dataset_meta_without_values_loads(save, name):
    path = save(dict(state_dict={}, meta=dict(dataset_meta={name: EMPTY[name]})))
    loaded = CheckpointLoader.load_checkpoint(path)['meta']['dataset_meta'][name]
    np.testing.assert_equal(loaded, EMPTY[name])
    if isinstance(loaded, np.ndarray):
        assert loaded.shape == EMPTY[name].shape and loaded.dtype == EMPTY[name].dtype


def test_history_without_values_loads(save):
    path = save(dict(state_dict={}, message_hub=dict(loss=HistoryBuffer())))
    history = CheckpointLoader.load_checkpoint(path)['message_hub']['loss']
    assert isinstance(history, HistoryBuffer) and len(history.data[0]) == 0


def test_plain_torch_load_does_not_depend_on_what_was_read_before(save, forks):
    path = save(dict(meta=dict(sigmas=np.array([])), loss=HistoryBuffer([1.0], [1])))
    code = f'import mmsapiens, mmengine.runner, torch; torch.load({path!r})'
    assert forks('', dict(load=code)) == dict(load='done')


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A web server of a folder, and an empty cache of torch.hub."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    (tmp_path / 'hub').mkdir()
    with serve(tmp_path / 'hub') as server:
        yield server


def test_code_in_a_file_of_a_url_does_not_run(hub, tmp_path):
    mark = tmp_path / 'mark'
    torch.save(dict(state_dict=Calls(os.system, f'touch {mark}')), tmp_path / 'hub/model.pth')
    with pytest.raises(ValueError, match=f'model.pth was refused.*set {TRUST}=1'):
        CheckpointLoader.load_checkpoint(f'{hub.address}/model.pth')
    assert not mark.exists()


@pytest.mark.parametrize('scheme', ['', 'torchvision://', 'open-mmlab://', 'mmcls://'])
def test_weights_of_a_url_are_read_once(hub, tmp_path, scheme, monkeypatch):
    saved = dict(state_dict={'backbone.weight': torch.ones(2)}, meta=dict(sigmas=np.array([])))
    torch.save(saved, tmp_path / 'hub/model.pth')
    url = f'{hub.address}/model.pth?download=1'
    for models in ('torchvision', 'external', 'mmcls'):
        name = f'get_{models}_models'
        monkeypatch.setattr(mmengine.runner.checkpoint, name, lambda: dict(model=url))
    for _ in range(2):
        loaded = CheckpointLoader.load_checkpoint(f'{scheme}model' if scheme else url)
        key = 'weight' if scheme == 'mmcls://' else 'backbone.weight'
        assert loaded['state_dict'][key].tolist() == [1, 1]
    assert len(hub.requests) == 1
    assert os.listdir(tmp_path / 'cache/hub/checkpoints') == ['model.pth']


def test_code_in_a_checkpoint_does_not_run(save, tmp_path):
    mark = tmp_path / 'mark'
    path = save(dict(state_dict=Calls(os.system, f'touch {mark}')))
    with pytest.raises(ValueError, match=f'set {TRUST}=1.*system'):
        CheckpointLoader.load_checkpoint(path)
    assert not mark.exists()


def test_code_runs_for_those_who_trust_it(save, tmp_path, monkeypatch):
    mark = tmp_path / 'mark'
    path = save(dict(state_dict=Calls(os.system, f'touch {mark}')))
    monkeypatch.setenv(TRUST, '1')
    assert CheckpointLoader.load_checkpoint(path) == dict(state_dict=0)
    assert mark.exists()


@pytest.mark.parametrize('value', ['0', '', 'yes'])
def test_trust_takes_a_one(save, monkeypatch, value):
    monkeypatch.setenv(TRUST, value)
    with pytest.raises(ValueError, match=TRUST):
        CheckpointLoader.load_checkpoint(save(dict(a=Calls(os.getpid))))


@pytest.mark.parametrize(
    'owner, name',
    [
        (np.ndarray, 'tofile'),
        (torch.Tensor, 'numpy'),
        ('text', 'upper'),
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '_set_default_statistics'),
    ],
)
def test_getattr_reaches_methods_of_history_buffer_only(save, owner, name):
    path = save(dict(a=Calls(getattr, owner, name)))
    with pytest.raises(ValueError, match=TRUST):
        CheckpointLoader.load_checkpoint(path)


def test_getattr_of_history_buffer_loads(save):
    path = save(dict(a=Calls(getattr, HistoryBuffer, 'mean')))
    loaded = CheckpointLoader.load_checkpoint(path)
    assert loaded['a'] is HistoryBuffer.mean


def test_refused_getattr_says_what_it_was_after(save):
    path = save(dict(a=Calls(getattr, np.ndarray, 'tofile')))
    allow_training_checkpoints()
    with pytest.raises(pickle.UnpicklingError, match="attribute 'tofile'"):
        torch.load(path, weights_only=True)


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match='no/such.pth'):
        CheckpointLoader.load_checkpoint('no/such.pth')


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_init_cfg_of_a_stock_module_takes_either_format(tmp_path, suffix):
    class Layer(BaseModule):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.linear = nn.Linear(2, 3)

    source = Layer().state_dict()
    path = str(tmp_path / f'weights{suffix}')
    (save_file if suffix == '.safetensors' else torch.save)(source, path)
    layer = Layer(init_cfg=dict(type='Pretrained', checkpoint=path))
    layer.init_weights()
    for name, tensor in layer.state_dict().items():
        torch.testing.assert_close(tensor, source[name], rtol=0, atol=0)


def test_safetensors_read_as_a_checkpoint(tmp_path):
    path = str(tmp_path / 'weights.safetensors')
    save_file(dict(weight=torch.arange(3)), path)
    loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    assert loaded['state_dict']['weight'].tolist() == [0, 1, 2]
