"""Every config builds; shrunk, it trains and predicts one batch."""

import re

import numpy as np
import pytest
import torch
from dense_figures import draw_figure
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from parity import ROOT, Case

from mmsapiens.models.archs import SAPIENS2_ARCHS, SAPIENS_ARCHS

FOLDER = ROOT / 'configs'
CONFIGS = [
    str(path.relative_to(FOLDER))
    for path in sorted(FOLDER.rglob('*.py'))
    if '_base_' not in path.parts
]
POSE = [name for name in CONFIGS if name.startswith('pose/')]
DENSE = [name for name in CONFIGS if name.startswith('dense/')]
FINE_TUNED = POSE + DENSE
FURTHER = [name for name in CONFIGS if re.search(r'-(0.6b|0.8b|1b|2b|5b)_', name)]
SECOND = [name for name in FINE_TUNED if 'sapiens2-' in name]
ARCHS = {**SAPIENS_ARCHS, **SAPIENS2_ARCHS}
TINY_SIZE_HW = (64, 48)


def load(name):
    cfg = Config.fromfile(FOLDER / name)
    init_default_scope(cfg.default_scope)
    return cfg


def shrink_pose(cfg):
    """Two layers of width 32 on images of 64x48."""
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
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
        conv_kernel_sizes=(1, 1),
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
    """What a pose dataset gives for one person of a random image."""
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

    return Compose([step for step in steps if 'Load' not in step['type']])(results)


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
        [run_pipeline(cfg.train_pipeline, person(num_keypoints, meta)) for _ in range(2)]
    )
    optim_wrapper = Runner.build_optim_wrapper(_Stub(model), cfg.optim_wrapper)
    losses = model.train_step(batch, optim_wrapper)
    assert losses['loss'].isfinite()

    batch = pseudo_collate([run_pipeline(cfg.val_pipeline, person(num_keypoints, meta))])
    (sample,) = model.eval().test_step(batch)
    assert sample.pred_instances.keypoints.shape == (1, num_keypoints, 2)


class _Stub:
    """The one thing that `Runner.build_optim_wrapper` reads."""

    def __init__(self, model):
        self.model = model


def head_of(cfg):
    return cfg.model.get('head') or cfg.model.decode_head


@pytest.mark.parametrize('name', FINE_TUNED)
def test_model_of_full_size_builds(name):
    from mmengine.registry import MODELS

    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    arch = ARCHS[cfg.model.backbone.arch]
    assert head_of(cfg).in_channels == arch['embed_dims']
    assert model.backbone.embed_dims == arch['embed_dims']


@pytest.mark.parametrize('name', FINE_TUNED)
def test_name_says_what_the_config_does(name):
    cfg = load(name)
    fields = re.fullmatch(
        r'(?P<family>sapiens2?)-(?P<size>[\w.]+)_(?P<gpus>\d+)xb(?P<batch>\d+)-'
        r'(?P<length>[\d.]+)(?P<unit>[ek])(-[a-z]+)?_(?P<data>[\w-]+)-(?P<h>\d+)x(?P<w>\d+)\.py',
        name.split('/')[-1],
    )
    assert fields, name
    assert cfg.model.backbone.arch == f'{fields["family"]}_{fields["size"]}'
    assert cfg.train_dataloader.batch_size == int(fields['batch'])
    if fields['unit'] == 'k':
        length = cfg.train_cfg.max_iters
        assert length == 1000 * float(fields['length']) == cfg.param_scheduler[-1].end
        assert not cfg.default_hooks.checkpoint.by_epoch
        assert not cfg.log_processor.by_epoch
        assert cfg.train_dataloader.sampler.type == 'InfiniteSampler'
    else:
        assert cfg.train_cfg.max_epochs == int(fields['length'])
    size = (int(fields['h']), int(fields['w']))
    assert tuple(cfg.model.backbone.img_size) == size
    total = int(fields['gpus']) * int(fields['batch'])
    assert cfg.auto_scale_lr.base_batch_size == total


@pytest.mark.parametrize('name', POSE)
def test_pose_settings_agree_with_each_other(name):
    cfg = load(name)
    assert cfg.custom_imports.imports == ['mmsapiens']
    codec = cfg.model.head.decoder
    steps = {step['type'].split('.')[-1]: step for step in [*cfg.train_pipeline, *cfg.val_pipeline]}
    assert steps['TopdownAffine']['input_size'] == codec['input_size']
    assert steps['GenerateTarget']['encoder'] == codec
    height, width = cfg.model.backbone.img_size
    assert tuple(codec['input_size']) == (width, height)
    assert tuple(codec['heatmap_size']) == (width // 4, height // 4)
    assert cfg.val_dataloader.dataset.pipeline == cfg.val_pipeline
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline


@pytest.mark.parametrize('name', FURTHER)
def test_further_sizes_take_ten_lines(name):
    if '0.3b' in name or 'tiny' in name or 'matting' in name:
        return
    lines = (FOLDER / name).read_text().splitlines()
    longest = 14 if name in SECOND else 10
    assert sum(bool(line.strip()) for line in lines) <= longest


def all_steps(pipeline):
    """Also those that others apply."""
    for step in pipeline:
        yield step
        inner = step.get('transforms', ()) if step.type == 'RandomApply' else ()
        yield from [inner] if isinstance(inner, dict) else inner


def shrink_dense(cfg):
    """Two layers of width 32 on images of 64x48."""
    height, width = TINY_SIZE_HW
    cfg.model.data_preprocessor.size = TINY_SIZE_HW
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
        img_size=TINY_SIZE_HW,
        init_cfg=None,
    )
    head = cfg.model.decode_head
    head.update(in_channels=32, conv_out_channels=(8,))
    if 'upsample_channels' in head or 'Shuffle' in head.type:
        head.update(upsample_channels=(8, 8, 8, 8))
        if head.type.endswith('PointMapHead'):
            head.update(grid_hw=(4, 3), scale_channels=(8,), scale_hidden=(8,))
    else:
        is_full = head.type.endswith('DepthHead')
        deconvs = 4 if is_full else len(head.get('deconv_out_channels', '...'))
        head.update(deconv_out_channels=(8,) * deconvs)
    for pipeline in (cfg.train_pipeline, cfg.val_pipeline, cfg.test_pipeline):
        for step in all_steps(pipeline):
            if 'scale' in step:
                step.scale = (width, height)
            for key in ('crop_size', 'size_hw'):
                if key in step:
                    step[key] = TINY_SIZE_HW
            if step.type.endswith('RandomBackground'):
                step.prob = 0.0  # without a folder of images
    return cfg


def figure_sample(size_hw=(96, 80)):
    """What a dense dataset gives, with the maps loaded."""
    figure = draw_figure(0, size_hw)
    return dict(
        img=figure.image,
        img_path='figure.jpg',
        img_shape=size_hw,
        ori_shape=size_hw,
        gt_human_mask=figure.mask,
        gt_depth_map=figure.depth_m,
        gt_normal_map=figure.normals,
        gt_seg_map=np.minimum(figure.labels, 19),
        gt_albedo_map=figure.image[..., ::-1].astype(np.float32) / 255,
        gt_matte_map=np.dstack([figure.normals * 0.4 + 0.5, figure.mask]).astype(np.float32),
        intrinsics=np.array([[100.0, 0, 40], [0, 100, 48], [0, 0, 1]]),
        flip_label_pairs=[(5, 14)],
    )


@pytest.mark.parametrize('name', DENSE)
def test_dense_config_trains_predicts_and_evaluates(name):
    from mmseg.registry import DATASETS, METRICS, MODELS

    cfg = shrink_dense(load(name))
    assert DATASETS.get(cfg.train_dataloader.dataset.type)
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    has_camera = any(step.type.endswith('LoadCamera') for step in cfg.train_pipeline)
    samples = [figure_sample() for _ in range(2)]
    if not has_camera:
        for each in samples:
            del each['intrinsics']
    batch = pseudo_collate([run_pipeline(cfg.train_pipeline, each) for each in samples])
    optim_wrapper = Runner.build_optim_wrapper(_Stub(model), cfg.optim_wrapper)
    losses = model.train_step(batch, optim_wrapper)
    assert losses['loss'].isfinite()
    assert losses['loss'] > 0

    # In validation the image is resized, its maps are not.
    truth = {k for k in figure_sample() if k[:3] == 'gt_' or k == 'intrinsics'}
    image = {k: v for k, v in figure_sample().items() if k not in truth}
    steps = [s for s in cfg.val_pipeline if 'Load' not in s.type]
    resized = run_pipeline(steps[:1], image)
    maps = {k: v for k, v in figure_sample().items() if k in truth}
    batch = pseudo_collate([run_pipeline(steps[1:], {**resized, **maps})])
    (sample,) = model.eval().test_step(batch)
    pred = sample.get(model.decode_head.row.pred_name)
    assert pred.shape == (96, 80)
    metric = METRICS.build(cfg.val_evaluator)
    metric.dataset_meta = dict(
        classes=[str(i) for i in range(cfg.model.decode_head.get('num_classes', 0))]
    )
    metric.process(batch, [sample.to_dict()])
    figures = metric.evaluate(1)
    best = cfg.default_hooks.checkpoint.save_best
    assert best in figures
    batch = pseudo_collate([run_pipeline(cfg.test_pipeline, dict(image))])
    assert model.test_step(batch)


@pytest.mark.parametrize('name', DENSE)
def test_dense_settings_agree_with_each_other(name):
    cfg = load(name)
    assert cfg.custom_imports.imports == ['mmsapiens']
    size_hw = tuple(cfg.model.backbone.img_size)
    assert tuple(cfg.model.data_preprocessor.size) == size_hw
    for pipeline in (cfg.train_pipeline, cfg.val_pipeline, cfg.test_pipeline):
        steps = list(all_steps(pipeline))
        scales = [step.scale for step in steps if 'scale' in step]
        assert scales or any('size_hw' in step for step in steps)
        assert all(tuple(scale) == size_hw[::-1] for scale in scales)
        assert all(tuple(step.get('size_hw', size_hw)) == size_hw for step in steps)
        for step in all_steps(pipeline):
            assert tuple(step.get('crop_size', size_hw)) == size_hw
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline
    assert cfg.val_dataloader.dataset.pipeline == cfg.val_pipeline
    head = cfg.model.decode_head
    padding = cfg.model.backbone.get('patch_padding', 'corner')
    is_padded = 'lip' in name or 'cihp' in name or 'normal' in name
    assert padding == (2 if is_padded and name not in SECOND else 'corner')
    if 'class_weight' in cfg:
        losses = head.loss_decode
        assert len(cfg.class_weight) == head.num_classes
        assert (losses[0] if name in SECOND else losses).class_weight == cfg.class_weight


RECIPES = {  # Rate of the layers, and largest norm of the gradient
    '0.4b': (0.8, 2.0),
    '0.8b': (0.85, 4.0),
    '1b': (0.9, 4.0),
    '5b': (0.94, 4.0),
}


@pytest.mark.parametrize('name', SECOND)
def test_second_generation_has_the_head_and_the_rates_of_its_size(name):
    from mmsapiens.models.tasks import tasks_of

    cfg = load(name)
    size = name.partition('sapiens2-')[2].partition('_')[0]
    kind = name.split('/')[1]
    tasks = tasks_of('sapiens2')
    task = tasks[dict(goliath308='pose-308', parsing='seg-29').get(kind, kind)]
    head = head_of(cfg)
    for key, channels in task.head_channels(size).items():
        assert tuple(head[key]) == channels, key
    if size == 'tiny':
        return
    rate, norm = RECIPES[size]
    wrapper = cfg.optim_wrapper
    assert wrapper.paramwise_cfg.layer_decay_rate == rate
    assert wrapper.clip_grad.max_norm == (2.0 if (kind, size) == ('pointmap', '0.8b') else norm)
    is_wide = size == '5b' and kind in ('goliath308', 'normal', 'pointmap')
    assert wrapper.optimizer.lr == (1e-4 if is_wide else 5e-4)
    is_full = kind == 'pointmap' or (kind, size) == ('parsing', '0.8b')
    assert wrapper.dtype == ('float32' if is_full else 'bfloat16')
    assert ('strategy' in cfg) == (size == '5b')
    checkpoint = f'checkpoints/sapiens2_{size}_pretrain.safetensors'
    assert cfg.model.backbone.init_cfg.checkpoint == checkpoint


@pytest.mark.parametrize('vocabulary', ['goliath28', 'goliath29', 'lip', 'cihp'])
def test_class_weights_belong_to_the_classes(vocabulary):
    from mmsapiens.classes.class_sets import get_class_set

    names = [n for n in DENSE if vocabulary.replace('goliath', 'parts') in n]
    assert len(names) >= 5
    for name in names:
        classes = get_class_set(vocabulary).metainfo()['classes']
        assert len(load(name).class_weight) == len(classes)


def test_losses_of_the_second_generation_are_those_of_the_reference():
    from mmpose.registry import MODELS as POSE_MODELS
    from mmseg.registry import MODELS as DENSE_MODELS

    case = Case('s2_losses')
    inputs = case.group('inputs')
    name = next(name for name in SECOND if name.startswith('pose') and '-0.4b' in name)
    loss = POSE_MODELS.build(load(name).model.head.loss)
    pose = [inputs[f'pose.{key}'] for key in ('pred', 'target', 'weights')]
    case.assert_close(loss(*pose).item(), case.scalar('pose_mse'), 'loss_')

    name = next(name for name in SECOND if 'parsing' in name and '-0.4b' in name)
    entropy, dice = load(name).model.decode_head.loss_decode
    assert entropy.class_weight == case.doc['losses']['ce_none_weighted']['class_weight']
    parts = inputs['seg.logits'], inputs['seg.labels'].long()
    for part, key in ((entropy, 'ce_none_weighted'), (dice, 'dice_none')):
        found = DENSE_MODELS.build(part)(*parts).item()
        case.assert_close(found, case.scalar(key), 'loss_')
    stock = DENSE_MODELS.build(dict(type='DiceLoss', use_sigmoid=False))
    assert abs(stock(*parts).item() - case.scalar('dice_none')) > 0.005
