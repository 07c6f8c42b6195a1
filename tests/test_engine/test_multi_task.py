import shutil

import numpy as np
import pytest
import torch
from annotated_people import make_document, write_document
from dense_figures import write_figures
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner
from parity import ROOT

import mmsapiens
from mmsapiens.checkpoints.checkpoint_io import read_meta
from mmsapiens.checkpoints.metadata import read_facts
from mmsapiens.engine.multi_task import (
    MultiTaskDataset,
    MultiTaskModel,
    TaskBatchSampler,
    combine_tasks,
)
from mmsapiens.registry import MODELS

CONFIG = ROOT / 'configs/multitask/sapiens-tiny_2xb8-300e_four-tasks-256x192.py'
TASKS = ['pose-308', 'seg-28', 'depth', 'normal']
SMALLER = {(192, 256): (48, 64), (256, 192): (64, 48), (48, 64): (12, 16)}


def shrink(value, key=''):
    """A config with a quarter of the sizes, and narrow heads."""
    if isinstance(value, dict):
        return {name: shrink(each, name) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        if key in ('deconv_out_channels', 'conv_out_channels'):
            return (8,) * len(value)
        is_size = len(value) == 2 and all(isinstance(each, int) for each in value)
        known = SMALLER.get(tuple(value)) if is_size else None
        return known or type(value)(shrink(each) for each in value)
    return value


def write_data(folder):
    """Figures and annotated people where the renderer would put them."""
    write_figures(folder, 4, (64, 48))
    names = sorted(path.stem for path in (folder / 'images').iterdir())
    for name in ('splits', 'annotations'):
        (folder / name).mkdir()
    for split in ('train', 'val'):
        (folder / f'splits/{split}.txt').write_text('\n'.join(names))
        written = write_document(folder / 'images', make_document('goliath308', 3))
        shutil.move(written, folder / f'annotations/goliath308_{split}.json')
    return folder


def make_config(data, work_dir):
    """The tiny config of four tasks, smaller, on data in a folder."""
    text = Config.fromfile(CONFIG).pretty_text.replace("'data/humans/", f"'{data}/")
    cfg = Config(shrink(Config.fromstring(text, '.py').to_dict()))
    cfg.param_scheduler = None
    batches = dict(batch_sizes=dict.fromkeys(TASKS, 2), num_batches=8)
    cfg.merge_from_dict(
        dict(
            work_dir=str(work_dir),
            train_cfg=dict(max_epochs=1, val_interval=1),
            train_dataloader=dict(batch_sampler=batches),
            default_hooks=dict(checkpoint=dict(interval=1)),
            log_level='ERROR',
        )
    )
    return cfg


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run of one epoch: runner and metrics."""
    folder = tmp_path_factory.mktemp('multi')
    runner = Runner.from_cfg(make_config(write_data(folder / 'data'), folder / 'run'))
    runner.train()
    return folder, runner, runner.val_loop.run()


def test_metrics_of_each_task_come_from_one_run(trained):
    metrics = trained[2]
    assert {name.partition('/')[0] for name in metrics} == set(TASKS)
    for name in ('pose-308/body/AP', 'seg-28/mIoU', 'depth/depth/abs_rel'):
        assert name in metrics
    assert all(np.isfinite(value) for value in metrics.values())


def test_checkpoint_says_what_all_heads_are_for(trained):
    facts = read_facts(read_meta(trained[0] / 'run/epoch_1.pth'))
    assert {(each.field, each.set, each.channels) for each in facts} == {
        ('keypoints', 'goliath308', 308),
        ('seg_map', 'goliath28', 28),
        ('depth_map', None, 1),
        ('normal_map', None, 3),
    }


def test_core_builds_the_checkpoint_and_computes_the_same(trained):
    folder, runner, _ = trained
    model = mmsapiens.build_model(None, TASKS, checkpoint=folder / 'run/epoch_1.pth')
    images = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        ours = runner.model.eval()(images)
        feats = model.backbone(images)
    assert set(ours) == set(TASKS)
    for name in TASKS:
        torch.testing.assert_close(ours[name], model.heads[name](feats), rtol=0, atol=0)
    results = model([np.zeros((90, 70, 3), np.uint8)])
    assert results['seg-28'][0].shape == (90, 70)


def test_only_encoder_and_head_of_the_batch_learn(trained):
    model = trained[1].model.train()
    model.zero_grad(set_to_none=True)
    batch = next(iter(trained[1].train_dataloader))
    (task,) = set(batch['task'])
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    assert all(name.startswith(f'{task}.') for name in losses)
    model.parse_losses(losses)[0].backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert {name.split('.')[1] for name in learning if name.startswith('heads.')} == {task}
    assert any(name.startswith('backbone.') for name in learning)
    assert not any(name.startswith('single_models') for name in model.state_dict())


def test_uncertainty_weighs_the_losses(trained):
    options = dict(weighting='uncertainty', loss_weights=dict(depth=3.0))
    model = MODELS.build({**trained[1].cfg.model, **options})
    with torch.no_grad():
        model.log_variances['depth'].fill_(2.0)
    losses = model._weighted('depth', dict(loss_silog=torch.tensor(5.0), error=torch.tensor(1.0)))
    assert losses['depth.loss_silog'].item() == pytest.approx(5 * 3 * np.exp(-2))
    assert losses['depth.loss_uncertainty'].item() == 1.0
    assert losses['depth.error'].item() == 1.0


class Numbers:
    """A dataset of numbers."""

    def __init__(self, *values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return dict(value=self.values[index])


def batches_of(dataset, epoch=0, rank=0, world_size=1, **options):
    sampler = DefaultSampler(dataset, seed=3)
    sampler.rank, sampler.world_size = rank, world_size
    sampler.set_epoch(epoch)
    batches = TaskBatchSampler(sampler, 2, **options)
    found = [[dataset[index] for index in batch] for batch in batches]
    assert len(found) == len(batches)
    return [(batch[0]['task'], [sample['value'] for sample in batch]) for batch in found]


def test_batches_are_of_one_task_each_and_go_through_its_samples():
    dataset = MultiTaskDataset(dict(a=Numbers(*range(7)), b=Numbers(*range(100, 140))))
    batches = batches_of(dataset, batch_sizes=dict(b=4), num_batches=300, shares=dict(a=3))
    for task, values in batches:
        assert len(values) == (2 if task == 'a' else 4)
        assert all((value < 100) == (task == 'a') for value in values)
    share = sum(task == 'a' for task, _ in batches) / 300
    assert share == pytest.approx(0.75, abs=0.08)
    seen = [value for task, values in batches if task == 'a' for value in values]
    assert sorted(seen[:7]) == list(range(7)) and sorted(seen[7:14]) == list(range(7))
    assert batches_of(dataset, num_batches=9) == batches_of(dataset, num_batches=9)
    assert batches_of(dataset, 1, num_batches=9) != batches_of(dataset, num_batches=9)
    assert len(batches_of(dataset, batch_sizes=dict(b=4))) == 4 + 10


def test_processes_have_the_same_task_and_other_samples():
    dataset = MultiTaskDataset(dict(a=Numbers(*range(40)), b=Numbers(*range(100, 140))))
    both = [batches_of(dataset, rank=rank, world_size=2) for rank in (0, 1)]
    assert [task for task, _ in both[0]] == [task for task, _ in both[1]]
    assert len(both[0]) == 20
    first = [value for task, values in both[0] + both[1] if task == 'a' for value in values]
    assert len(set(first[:20])) == len(first[:20])


TINY = dict(type='mmsapiens.SapiensViT', arch='sapiens_tiny', img_size=(64, 48))
SINGLE = [
    '../pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
    '../dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py',
    '../pose/coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py',
]


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: MultiTaskModel(TINY, {}), '`models` must have a model for at least one task'),
        (lambda: MultiTaskModel(TINY, dict(a={}), dict(b=1)), r'`loss_weights` must name tasks'),
        (lambda: MultiTaskModel(TINY, dict(a={}), dict(a=-1)), 'must not be negative'),
        (lambda: MultiTaskModel(TINY, dict(a={}), weighting='auto'), "but got 'auto'"),
        (lambda: MultiTaskDataset(dict(a=Numbers())), r"datasets of \['a'\] are empty"),
        (
            lambda: batches_of(MultiTaskDataset(dict(a=Numbers(1))), shares=dict(c=1)),
            r"`shares` must name tasks of \['a'\], but got \['c'\]",
        ),
        (
            lambda: batches_of(MultiTaskDataset(dict(a=Numbers(1))), shares=dict(a=0)),
            '`shares` must be positive',
        ),
        (
            lambda: combine_tasks(dict(a=SINGLE[0], b=SINGLE[2]), CONFIG.parent),
            "`configs` must be of one encoder, but that of 'a'",
        ),
        (
            lambda: combine_tasks(dict(a=SINGLE[0]), CONFIG.parent, shares=dict(b=1)),
            '`shares` must name tasks',
        ),
        (lambda: combine_tasks(dict(a='no.py'), CONFIG.parent), 'no.py does not exist'),
    ],
)
def test_wrong_options_are_named(make, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make()


def test_batch_of_several_tasks_is_refused(trained):
    preprocessor = trained[1].model.data_preprocessor
    for tasks in (['depth', 'normal'], ['albedo'], None):
        with pytest.raises(ValueError, match='`data` must be of one of the tasks'):
            preprocessor(dict(inputs=[], data_samples=[], task=tasks))
    with pytest.raises(ValueError, match="`task` must be one of .*, but got 'albedo'"):
        trained[1].model(torch.zeros(1, 3, 64, 48), mode='predict', task='albedo')
