from types import SimpleNamespace

import pytest
from dense_figures import write_figures
from torch import nn

from mmsapiens.dense import (
    BodyParts28Dataset,
    DenseDataCheckHook,
    DenseFolderDataset,
    DepthHead,
    ParsingHead,
)

SMALL = dict(deconv_out_channels=(4,), conv_out_channels=(4,))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return str(write_figures(tmp_path_factory.mktemp('a'), 2, (32, 24)))


def runner(head, dataset):
    model = nn.Module()
    model.decode_head = head
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(
        model=model,
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        val_loop=object(),
    )


def check_all(head, dataset):
    hook = DenseDataCheckHook()
    for name in ('before_train', 'before_val', 'before_test'):
        getattr(hook, name)(runner(head, dataset))


def test_fitting_data_pass(folder):
    check_all(ParsingHead(8, 28, **SMALL), BodyParts28Dataset(data_root=folder))
    check_all(DepthHead(8, **SMALL), DenseFolderDataset(data_root=folder))


def test_other_number_of_classes_is_refused(folder):
    with pytest.raises(ValueError, match='BodyParts28Dataset.*28, but got 20'):
        check_all(ParsingHead(8, 20, **SMALL), BodyParts28Dataset(data_root=folder))


def test_missing_map_is_refused(folder):
    dataset = DenseFolderDataset(data_root=folder, fields=('human_mask',))
    with pytest.raises(ValueError, match="Add 'depth_map' to `fields`"):
        check_all(DepthHead(8, **SMALL), dataset)


def test_wrapped_data_sets_are_looked_into(folder):
    inner = DenseFolderDataset(data_root=folder, fields=('human_mask',))
    wrapped = SimpleNamespace(datasets=[SimpleNamespace(dataset=inner)])
    with pytest.raises(ValueError, match='must have `depth_map_path`'):
        check_all(DepthHead(8, **SMALL), wrapped)


def test_other_models_pass():
    check_all(nn.Identity(), None)
