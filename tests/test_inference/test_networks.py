"""Networks of inference give the numbers of the stock test pipeline."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, MODELS, DefaultScope
from tiny_inference import ARCH, make_image, people, tiny_task

from mmsapiens.checkpoints import load_checkpoint
from mmsapiens.inference.networks import build_network
from mmsapiens.inference.task_network import Options, TaskNetwork
from mmsapiens.models.tasks import TASKS

BOXES = [(10, 5, 50, 55), (30, 20, 79, 59), (-5, -5, 20, 70)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('networks')


def stock_model(config, weights):
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    load_checkpoint(model, weights)
    return cfg, model.eval()


def stock_answer(cfg, model, sample):
    """What the test step of a config says about a sample."""
    dataset = cfg.test_dataloader.dataset
    steps = dataset.pipeline
    if cfg.default_scope == 'mmseg':
        steps = cfg.test_pipeline
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        pipeline = Compose(steps)
    with torch.no_grad():
        return model.test_step(pseudo_collate([pipeline(sample)]))[0]


def metainfo(cfg):
    dataset = dict(cfg.test_dataloader.dataset, pipeline=[], lazy_init=True, test_mode=True)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return DATASETS.build(dataset).metainfo


def write(frame, folder):
    import cv2

    path = folder / f'{frame.name}.png'
    cv2.imwrite(str(path), frame.image)
    return str(path)


def results_of(network, frames, persons):
    samples = [
        network.prepare(frame, some, index)
        for frame, some in zip(frames, persons)
        for index in range(network.count(some))
    ]
    outputs = network.forward(samples)
    results = []
    for frame, some in zip(frames, persons):
        own = [outputs.pop(0) for _ in range(network.count(some))]
        results.append(network.finish(frame, some, own))
    return results


@pytest.mark.parametrize('task', ['pose-17', 'pose-308'])
@pytest.mark.parametrize('flip_test', [True, False])
def test_pose_equals_the_test_step(task, flip_test, folder):
    config, weights = tiny_task(task, folder)
    frames = [make_image(seed=1), make_image(90, 70, seed=2), make_image(seed=3)]
    persons = [people(*BOXES), people(BOXES[1]), people()]
    network = build_network(task, config, weights, Options(flip_test=flip_test))
    results = results_of(network, frames, persons)
    assert results[2].keypoints.shape == (0, len(results[0].scores[0]), 2)

    cfg, model = stock_model(config, weights)
    model.test_cfg['flip_test'] = flip_test
    for frame, some, result in zip(frames, persons, results):
        assert result.vocabulary == TASKS[task].output
        for row, box in enumerate(some.boxes):
            answer = stock_answer(
                cfg,
                model,
                dict(
                    metainfo(cfg),
                    img_path=write(frame, folder),
                    bbox=box[None],
                    bbox_score=np.ones(1, dtype=np.float32),
                ),
            ).pred_instances
            np.testing.assert_allclose(result.scores[row], answer.keypoint_scores[0], rtol=1e-4)
            np.testing.assert_allclose(
                result.keypoints[row],
                answer.keypoints[0],
                atol=0.02,
                rtol=2e-3,  # far steps of refinement, on random maps
            )


@pytest.mark.parametrize('task', ['seg-28', 'depth', 'normal'])
@pytest.mark.parametrize('flip_test', [True, False])
def test_maps_equal_the_test_step(task, flip_test, folder):
    config, weights = tiny_task(task, folder)
    frames = [make_image(seed=1), make_image(33, 120, seed=2)]
    persons = [people(), people(BOXES[0])]
    network = build_network(task, config, weights, Options(flip_test=flip_test))
    results = results_of(network, frames, persons)

    cfg, model = stock_model(config, weights)
    model.test_cfg['flip_test'] = flip_test
    row = model.decode_head.row
    for frame, result in zip(frames, results):
        pairs = metainfo(cfg).get('flip_pairs', ())
        answer = stock_answer(
            cfg, model, dict(img_path=write(frame, folder), flip_label_pairs=pairs)
        )
        expected = answer.get(row.pred_name).data.numpy()
        assert result.field == row.name
        assert result.values.shape[:2] == frame.size_hw
        assert result.values.dtype == row.dtype
        if row.is_labels:
            assert (result.values == expected[0]).mean() > 0.999
            assert len(result.classes) == len(result.palette) == 28
        elif row.channels == 1:
            np.testing.assert_allclose(result.values, expected[0], rtol=1e-4, atol=1e-5)
        else:
            # Short vectors, scaled to length 1, multiply the rounding of the processor.
            error = np.abs(result.values - expected.transpose(1, 2, 0))
            assert error.max() <= 1e-3 and np.quantile(error, 0.999) <= 1e-4


def test_half_precision_is_near(folder):
    config, weights = tiny_task('depth', folder)
    frame = make_image(seed=1)
    exact, half = (
        results_of(
            build_network('depth', config, weights, Options(dtype=dtype)), [frame], [people()]
        )[0].values
        for dtype in ('float32', 'bfloat16')
    )
    assert half.dtype == np.float32
    difference = np.abs(exact - half).max()
    assert 0 < difference < 0.1 * np.ptp(exact)


def test_means_keep_their_digits_in_half_precision(folder):
    config, weights = tiny_task('depth', folder)
    network = build_network('depth', config, weights, Options(dtype='bfloat16'))
    mean = network.model.mean
    assert mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])


def test_pose_without_a_config_of_the_right_kind(folder):
    cfg = Config(dict(default_scope='mmpretrain', model=dict()))
    with pytest.raises(ValueError, match=r"'mmpose', 'mmseg'.*'mmpretrain'"):
        build_network('x', cfg, None)
    with pytest.raises(FileNotFoundError, match='missing.py does not exist'):
        build_network('x', folder / 'missing.py', None)


@pytest.mark.parametrize(
    'options, error, text',
    [
        (dict(dtype='half'), KeyError, "bfloat16.*but got 'half'"),
        (dict(mode='fast'), ValueError, "'default', 'lite'.*'fast'"),
        (dict(device='cuda:77'), ValueError, "on this machine, but got 'cuda"),
        (dict(device='tpu'), ValueError, "but got 'tpu'"),
        (dict(mode='lite', flip_test=True), ValueError, 'have none'),
    ],
)
def test_wrong_options_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        Options(**options)


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('mode', ['default', 'lite'])
def test_a_config_changes_nothing(task, mode, folder):
    config, weights = tiny_task(task, folder)
    frames, persons = [make_image(seed=1)], [people(*BOXES)]
    options = Options(mode=mode)
    with_config, without = (
        results_of(network, frames, persons)[0]
        for network in (
            build_network(task, config, weights, options),
            build_network(task, None, weights, options, model=ARCH),
        )
    )
    for name, value in vars(with_config).items():
        other = getattr(without, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
        else:
            assert value == other


def test_a_stock_head_runs(folder):
    config, _ = tiny_task('pose-17', folder)
    cfg = Config.fromfile(config)
    cfg.model.head = dict(
        type='HeatmapHead',
        in_channels=32,
        out_channels=17,
        deconv_out_channels=(8, 8),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss'),
        decoder=dict(type='UDPHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=2),
    )
    frame, some = make_image(seed=1), people(*BOXES)
    torch.manual_seed(0)
    network = build_network('pose-17', cfg, None)
    (result,) = results_of(network, [frame], [some])
    assert result.keypoints.shape == (3, 17, 2)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(cfg.model).eval()
    for row, box in enumerate(some.boxes):
        given = dict(
            metainfo(cfg),
            img_path=write(frame, folder),
            bbox=box[None],
            bbox_score=np.ones(1, dtype=np.float32),
        )
        answer = stock_answer(cfg, model, given).pred_instances
        np.testing.assert_allclose(result.keypoints[row], answer.keypoints[0], atol=0.02)


def test_a_pipeline_of_another_kind_runs_as_in_its_host(folder):
    config, weights = tiny_task('depth', folder)
    cfg, model = stock_model(config, weights)
    for step in cfg.test_pipeline:
        if step.type == 'Resize':
            step.keep_ratio = True
    network = build_network('depth', cfg, weights)
    assert type(network) is not TaskNetwork
    frame = make_image(33, 120, seed=2)
    (result,) = results_of(network, [frame], [people()])
    answer = stock_answer(cfg, model, dict(img_path=write(frame, folder)))
    np.testing.assert_allclose(result.values, answer.pred_depth_map.data[0], atol=1e-5)


def test_all_tasks_run_without_hosts(folder):
    """As a new process, from a photograph to results."""
    files = {task: str(tiny_task(task, folder)[1]) for task in ('pose-17', 'seg-28', 'normal')}
    code = f"""
import sys
for name in ('mmengine', 'mmcv', 'mmpose', 'mmseg', 'mmdet', 'mmpretrain', 'xtcocotools'):
    sys.modules[name] = None
import numpy as np
from mmsapiens.inference.networks import build_network
from mmsapiens.inference.pipeline import Pipeline
from mmsapiens.structures import Image, People
networks = {{
    task: build_network(task, None, path, model={ARCH!r}) for task, path in {files!r}.items()
}}
frame = Image(np.zeros((50, 70, 3), dtype=np.uint8), 'a', 'a.png')
locate = lambda frames: [People.whole_image(frame.size_hw) for frame in frames]
for result in Pipeline(networks, locate).run([frame]):
    print(*result.tasks)
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(files)


def test_a_subset_of_keypoints_has_their_names(folder):
    chosen = [9, 5, 6, 10]
    config, weights = tiny_task(
        'pose-17', folder, **{'model.test_cfg.output_keypoint_indices': chosen}
    )
    frame, some = make_image(seed=1), people(*BOXES)
    (result,) = results_of(build_network('pose-17', config, weights), [frame], [some])
    whole = build_network('pose-17', None, weights, model=ARCH)
    (expected,) = results_of(whole, [frame], [some])
    np.testing.assert_allclose(
        result.keypoints, expected.keypoints[:, chosen], atol=0.02, rtol=2e-3
    )
    names = ('left_wrist', 'left_shoulder', 'right_shoulder', 'right_wrist')
    assert result.vocabulary.keypoint_names == names
    assert result.vocabulary.flip_indices == (3, 2, 1, 0)
    assert result.vocabulary.links == ((1, 2),)
