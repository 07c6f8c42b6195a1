"""Training, figures and checks count the same pixels of people."""

import numpy as np
import pytest
import torch
from dense_figures import write_figures

from mmsapiens.dense import DenseFolderDataset, NormalHead
from mmsapiens.dense.datasets.validation import MapChecks, make_dataset, validate_dataset
from mmsapiens.dense.metrics import NormalAngleMetric, RelativeDepthMetric

VALUES = {
    'depth': (0, -1, np.nan, np.inf, -np.inf, 65535, 1e10),
    'normal': (0, 0.007, 3, np.nan, np.inf, (0.2, 0.3, 0.3)),
}


def step(name, **kwargs):
    return dict(type=f'mmsapiens.{name}', **kwargs)


def dataset(folder, task, *steps):
    fields = (f'{task}_map', 'human_mask')
    pipeline = [
        step('LoadCheckedImage'),
        *(step('LoadDenseTarget', field=field) for field in fields),
        *steps,
        step('PackDenseInputs', with_mask=True),
    ]
    return DenseFolderDataset(
        data_root=str(folder), fields=fields, pipeline=pipeline, missing_depth=(65535,)
    )


@pytest.mark.parametrize('task', list(VALUES))
def test_holes_are_the_same_everywhere(task, tmp_path):
    write_figures(tmp_path, 1, (64, 48))
    path = tmp_path / f'{task}s' / '0000.npy'
    array = np.load(path)
    mask = dataset(tmp_path, task)[0]['data_samples'].gt_human_mask.data[0].numpy() > 0
    rows, columns = (index[::7] for index in np.nonzero(mask))
    for number, value in enumerate(VALUES[task]):
        array[rows[number], columns[number]] = value
    np.save(path, array)
    whole = int(mask.sum()) - len(VALUES[task])

    generate = step(f'Generate{task.title()}Target')
    trained = dataset(tmp_path, task, generate)[0]['data_samples']
    target = trained.get(f'gt_{task}_map').data
    is_depth = task == 'depth'
    targets = target[0] >= 0 if is_depth else NormalHead.valid(None, target[None])[0]
    assert int(targets.sum()) == whole

    evaluated = dataset(tmp_path, task)[0]['data_samples']
    metric = (RelativeDepthMetric if is_depth else NormalAngleMetric)()
    metric.dataset_meta = {}
    evaluated.set_field(evaluated.get(f'gt_{task}_map').clone(), f'pred_{task}_map')
    metric.process({}, [evaluated.to_dict()])
    assert metric.results[0]['lost'] == len(VALUES[task])
    assert torch.isfinite(target).all()

    found = make_dataset(task, str(tmp_path))
    found.missing_depth = (65535,)
    messages = [fault.message for fault in validate_dataset(found, MapChecks())]
    told = sum(int(m.split(' of ')[0]) for m in messages if ' of ' in m and 'human' in m)
    assert told == len(VALUES[task])
