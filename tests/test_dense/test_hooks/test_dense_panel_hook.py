import random
from contextlib import nullcontext
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules
from torch import nn

from mmsapiens.dense import DenseDataPreprocessor
from mmsapiens.dense.hooks import DensePanelHook, predict_inputs, steps_done, to_image
from mmsapiens.dense.visualization import DenseVisualizer
from mmsapiens.engine.preserve_state import is_sharded, preserve_state

SIZE = (32, 24)


class NoisyModel(nn.Module):
    """Predicts noise, so that it draws random numbers everywhere."""

    def __init__(self):
        super().__init__()
        self.data_preprocessor = DenseDataPreprocessor(size=(48, 32))
        self.layers = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout2d(0.5))
        self.layers[0].eval()  # frozen, as of a partly frozen backbone
        self.calls = []

    def predict(self, inputs, samples):
        self.calls.append((self.layers[1].training, torch.is_grad_enabled()))
        self.layers(inputs)
        random.random(), np.random.rand()
        for one in samples:
            pred = torch.rand(1, *one.metainfo['ori_shape'])
            one.set_data(dict(pred_depth_map=PixelData(data=pred)))
        return samples


def batch(count=2, size_hw=SIZE, ori_shape=(99, 77)):
    """Red images in BGR with a depth."""
    inputs, samples = [], []
    for index in range(count):
        image = torch.zeros(3, *size_hw, dtype=torch.uint8)
        image[2] = 255
        meta = dict(ori_shape=ori_shape, flip=True, img_path=f'/a/{index}.jpg')
        meta['flip_direction'] = 'horizontal'
        one = SegDataSample(metainfo=meta)
        depth = torch.rand(1, *size_hw)
        one.set_data(dict(gt_depth_map=PixelData(data=depth)))
        inputs.append(image)
        samples.append(one)
    return dict(inputs=inputs, data_samples=samples)


def runner(tmp_path, model=None, iteration=0):
    visualizer = DenseVisualizer(
        'hook', vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path)
    )
    return SimpleNamespace(
        model=model or NoisyModel(),
        visualizer=visualizer,
        iter=iteration,
        optim_wrapper=SimpleNamespace(optim_context=lambda _: nullcontext()),
    )


def written(tmp_path):
    return sorted(path.name for path in tmp_path.rglob('*.png'))


def test_training_is_drawn_every_interval(tmp_path):
    hook = DensePanelHook(interval=3, max_samples=1)
    run = runner(tmp_path)
    hook.before_run(run)
    hook.before_train(run)
    for iteration in range(7):
        run.iter = iteration
        hook.after_train_iter(run, iteration, batch())
    assert written(tmp_path) == ['train_0_3.png', 'train_0_6.png']


def test_red_stays_red(tmp_path):
    hook = DensePanelHook(interval=1)
    hook.after_train_iter(runner(tmp_path), 0, batch())
    hook.after_val_iter(runner(tmp_path), 0, batch(), outputs(batch()))
    paths = list(tmp_path.rglob('*.png'))
    assert len(paths) == 4
    for path in paths:
        assert cv2.imread(str(path))[100, 100].tolist() == [0, 0, 255]


def random_states():
    return (
        random.getstate(),
        [str(part) for part in np.random.get_state()],
        torch.get_rng_state().tolist(),
    )


def test_training_goes_on_as_if_nothing_had_happened(tmp_path):
    model, data = NoisyModel(), batch()
    model.layers[0].weight.grad = torch.ones(3)
    before = random_states()
    modes = [module.training for module in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    DensePanelHook(interval=1).after_train_iter(runner(tmp_path, model), 0, data)
    assert model.calls == [(False, False)]
    assert random_states() == before
    assert [module.training for module in model.modules()] == modes
    assert torch.is_grad_enabled()
    assert model.layers[0].weight.grad.tolist() == [1, 1, 1]
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])
    sample = data['data_samples'][0]
    assert 'pred_depth_map' not in sample
    assert sample.gt_depth_map.shape == SIZE
    assert sample.ori_shape == (99, 77)


def test_state_is_restored_after_an_error():
    model = NoisyModel()
    before = random_states()
    with pytest.raises(RuntimeError, match='boom'), preserve_state(model):
        torch.rand(1)
        raise RuntimeError('boom')
    assert model.training and random_states() == before


def test_predictions_have_the_size_of_their_inputs():
    data = batch(3)
    results = predict_inputs(NoisyModel().eval(), data, 2)
    assert len(results) == 2
    for result, sample in zip(results, data['data_samples']):
        assert result.pred_depth_map.shape == SIZE
        assert result.gt_depth_map is sample.gt_depth_map


def test_prediction_lies_over_the_augmented_input(tiny_arch):
    """A mirrored and resized sample is not mirrored back or resized."""
    register_all_modules(init_default_scope=True)
    head = dict(
        type='mmsapiens.DepthHead', in_channels=32, deconv_out_channels=(8,), conv_out_channels=()
    )
    model = MODELS.build(
        dict(
            type='mmsapiens.DenseEstimator',
            data_preprocessor=dict(type='mmsapiens.DenseDataPreprocessor', size=(64, 48)),
            backbone=dict(type='mmsapiens.SapiensViT', arch=tiny_arch, img_size=(64, 48)),
            decode_head=head,
        )
    ).eval()
    data = batch(1)
    with torch.no_grad():
        (result,) = predict_inputs(model, data, 1)
        inputs = model.data_preprocessor(data, training=True)['inputs']
        (plain,) = model.predict(inputs)
    # Padding is at the right and at the bottom.
    expected = plain.pred_depth_map.data[:, : SIZE[0], : SIZE[1]]
    torch.testing.assert_close(result.pred_depth_map.data, expected)


def outputs(data):
    for one in data['data_samples']:
        pred = torch.rand(1, *one.ori_shape)
        one.set_data(dict(pred_depth_map=PixelData(data=pred)))
    return data['data_samples']


def test_evaluation_is_drawn_from_the_first_batch_on(tmp_path):
    hook = DensePanelHook(interval=2, max_samples=1)
    run = runner(tmp_path, iteration=50)
    for index in range(3):
        data = batch()
        hook.after_val_iter(run, index, data, outputs(data))
    hook.after_test_iter(run, 0, data, data['data_samples'])
    assert written(tmp_path) == [
        'test_00000_0_0_50.png',
        'test_00000_1_1_50.png',
        'val_00000_0_0_50.png',
        'val_00002_0_0_50.png',
    ]
    assert not run.model.calls


def test_an_evaluation_needs_no_training_set(tmp_path):
    class OnlyTest:
        _train_loop = dict(type='EpochBasedTrainLoop')

        @property
        def iter(self):
            raise FileNotFoundError('the training set')

    evaluating, training = OnlyTest(), runner(tmp_path, iteration=7)
    assert steps_done(evaluating) == 0
    assert steps_done(training) == 7
    evaluating.visualizer = training.visualizer
    data = batch()
    hook = DensePanelHook()
    hook.after_test_iter(evaluating, 0, data, outputs(data))


def test_images_go_to_a_folder(tmp_path):
    hook = DensePanelHook(out_dir=str(tmp_path / 'new'))
    data = batch(1)
    hook.after_test_iter(runner(tmp_path), 0, data, outputs(data))
    assert (tmp_path / 'new' / 'test_00000_0_0_0.png').is_file()
    assert len(written(tmp_path)) == 1


def test_switches_turn_drawing_off(tmp_path):
    run, data = runner(tmp_path), batch()
    results = outputs(batch())
    off = DensePanelHook(draw=False, interval=1)
    off.after_train_iter(run, 0, data)
    off.after_val_iter(run, 0, data, results)
    off.after_test_iter(run, 0, data, results)
    DensePanelHook(interval=1, in_train=False).after_train_iter(run, 0, data)
    DensePanelHook(in_val=False).after_val_iter(run, 0, data, results)
    assert not written(tmp_path) and not run.model.calls


def test_other_processes_draw_nothing(tmp_path, monkeypatch):
    where = 'mmsapiens.dense.hooks.is_main_process'
    monkeypatch.setattr(where, lambda: False)
    run, data = runner(tmp_path), batch()
    hook = DensePanelHook(interval=1)
    hook.after_train_iter(run, 0, data)
    hook.after_val_iter(run, 0, data, outputs(data))
    assert not written(tmp_path) and not run.model.calls


def test_wrapped_model_is_run_without_its_wrapper(tmp_path):
    from mmengine.model import MMDistributedDataParallel

    inner = NoisyModel()
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapper)
    wrapper.module = inner
    DensePanelHook(interval=1).after_train_iter(runner(tmp_path, wrapper), 0, batch())
    assert len(inner.calls) == 1


def test_sharded_model_is_not_drawn_in_training(tmp_path, monkeypatch):
    where = 'mmsapiens.dense.hooks.is_sharded'
    monkeypatch.setattr(where, lambda _: True)
    run, hook = runner(tmp_path), DensePanelHook(interval=1)
    hook.before_train(run)
    hook.after_train_iter(run, 0, batch())
    assert not run.model.calls
    assert not hook.in_train and hook.in_val


def test_plain_model_is_not_sharded():
    assert not is_sharded(NoisyModel())
    deepspeed = type('MMDeepSpeedEngineWrapper', (nn.Module,), {})
    assert is_sharded(deepspeed())


def test_pixels_turn_from_bgr_to_rgb():
    image = to_image(torch.tensor([300.0, 2.0, -1.0]).view(3, 1, 1))
    assert image.tolist() == [[[0, 2, 255]]]


def test_another_visualizer_is_refused():
    run = SimpleNamespace(visualizer=object())
    with pytest.raises(TypeError, match='DenseVisualizer.*but got object'):
        DensePanelHook().before_run(run)
    DensePanelHook(draw=False).before_run(run)


@pytest.mark.parametrize('name', ['interval', 'max_samples'])
def test_counts_must_be_positive(name):
    with pytest.raises(ValueError, match=f'`{name}` must be above 0'):
        DensePanelHook(**{name: 0})
