"""Every config builds; shrunk, it trains and predicts one batch."""

import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from parity import ROOT

from mmsapiens.models import SAPIENS_ARCHS

FOLDER = ROOT / 'configs'
CONFIGS = [
    str(path.relative_to(FOLDER))
    for path in sorted(FOLDER.rglob('*.py'))
    if '_base_' not in path.parts
]
POSE = [name for name in CONFIGS if name.startswith('pose/')]
FURTHER = [name for name in CONFIGS if re.search(r'-(0.6b|1b|2b)_', name)]
TINY_SIZE_HW = (64, 48)


def load(name):
    cfg = Config.fromfile(FOLDER / name)
    init_default_scope(cfg.default_scope)
    return cfg


def shrink_pose(cfg):
    """Two layers of width 32 on pictures of 64x48."""
    cfg.model.backbone.update(
        arch=dict(
            embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64
        ),
        img_size=TINY_SIZE_HW,
        init_cfg=None,
    )
    height, width = TINY_SIZE_HW
    codec = dict(
        cfg.model.head.decoder,
        input_size=(width, height),
        heatmap_size=(width // 4, height // 4),
        sigma=2,
    )
    cfg.model.head.update(
        in_channels=32,
        deconv_out_channels=(8, 8),
        conv_out_channels=(8, 8),
        decoder=codec,
    )
    for pipeline in (cfg.train_pipeline, cfg.val_pipeline):
        for step in pipeline:
            if step['type'] == 'TopdownAffine':
                step['input_size'] = (width, height)
            if step['type'] == 'GenerateTarget':
                step['encoder'] = codec
    return cfg


def person(num_keypoints, dataset_meta):
    """What a pose data set gives for one person of a random picture."""
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 256, (120, 90, 3), dtype=np.uint8),
        img_id=0,
        id=0,
        img_path='random.jpg',
        img_shape=(120, 90),
        ori_shape=(120, 90),
        bbox=np.array([[10, 10, 80, 110]], dtype=np.float32),
        bbox_score=np.ones(1, dtype=np.float32),
        keypoints=rng.uniform(15, 75, (1, num_keypoints, 2)).astype('f4'),
        keypoints_visible=np.ones((1, num_keypoints), dtype=np.float32),
        **{key: dataset_meta[key] for key in ('flip_indices', 'flip_pairs')},
        upper_body_ids=dataset_meta['upper_body_ids'],
        lower_body_ids=dataset_meta['lower_body_ids'],
        dataset_keypoint_weights=dataset_meta['dataset_keypoint_weights'],
    )


def run_pipeline(steps, results):
    from mmengine.dataset import Compose

    return Compose([step for step in steps if 'Load' not in step['type']])(
        results
    )


@pytest.mark.parametrize('name', POSE)
def test_pose_config_trains_and_predicts(name):
    from mmpose.registry import DATASETS, MODELS

    cfg = shrink_pose(load(name))
    dataset = DATASETS.get(cfg.val_dataloader.dataset.type)
    meta = dataset(test_mode=True, lazy_init=True, pipeline=[]).metainfo
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    num_keypoints = cfg.model.head.out_channels
    assert num_keypoints == meta['num_keypoints']

    batch = pseudo_collate(
        [
            run_pipeline(cfg.train_pipeline, person(num_keypoints, meta))
            for _ in range(2)
        ]
    )
    optim_wrapper = Runner.build_optim_wrapper(_Stub(model), cfg.optim_wrapper)
    losses = model.train_step(batch, optim_wrapper)
    assert losses['loss'].isfinite()

    batch = pseudo_collate(
        [run_pipeline(cfg.val_pipeline, person(num_keypoints, meta))]
    )
    (sample,) = model.eval().test_step(batch)
    assert sample.pred_instances.keypoints.shape == (1, num_keypoints, 2)


class _Stub:
    """The one thing that `Runner.build_optim_wrapper` reads."""

    def __init__(self, model):
        self.model = model


@pytest.mark.parametrize('name', CONFIGS)
def test_model_of_full_size_builds(name):
    from mmpose.registry import MODELS

    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    arch = SAPIENS_ARCHS[cfg.model.backbone.arch]
    assert model.head.in_channels == arch['embed_dims']
    assert model.backbone.embed_dims == arch['embed_dims']


@pytest.mark.parametrize('name', CONFIGS)
def test_name_says_what_the_config_does(name):
    cfg = load(name)
    fields = re.fullmatch(
        r'sapiens-(?P<size>[\w.]+)_(?P<gpus>\d+)xb(?P<batch>\d+)-'
        r'(?P<epochs>\d+)e(-linear)?_(?P<data>[\w-]+)-(?P<h>\d+)x(?P<w>\d+)\.py',
        name.split('/')[-1],
    )
    assert fields, name
    assert cfg.model.backbone.arch == f'sapiens_{fields["size"]}'
    assert cfg.train_dataloader.batch_size == int(fields['batch'])
    assert cfg.train_cfg.max_epochs == int(fields['epochs'])
    size = (int(fields['h']), int(fields['w']))
    assert tuple(cfg.model.backbone.img_size) == size
    total = int(fields['gpus']) * int(fields['batch'])
    assert cfg.auto_scale_lr.base_batch_size == total


@pytest.mark.parametrize('name', CONFIGS)
def test_settings_agree_with_each_other(name):
    cfg = load(name)
    assert cfg.custom_imports.imports == ['mmsapiens']
    codec = cfg.model.head.decoder
    steps = {
        step['type'].split('.')[-1]: step
        for step in [*cfg.train_pipeline, *cfg.val_pipeline]
    }
    assert steps['TopdownAffine']['input_size'] == codec['input_size']
    assert steps['GenerateTarget']['encoder'] == codec
    height, width = cfg.model.backbone.img_size
    assert tuple(codec['input_size']) == (width, height)
    assert tuple(codec['heatmap_size']) == (width // 4, height // 4)
    assert cfg.val_dataloader.dataset.pipeline == cfg.val_pipeline
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline


@pytest.mark.parametrize('name', FURTHER)
def test_further_sizes_take_ten_lines(name):
    if '0.3b' in name or 'tiny' in name:
        return
    lines = (FOLDER / name).read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 10
