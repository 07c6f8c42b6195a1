"""Inference with models of the second generation, with random weights."""

import json

import numpy as np
import pytest
import torch

from mmsapiens import SapiensInferencer, build_model
from mmsapiens.checkpoints import model_metadata, write_checkpoint
from mmsapiens.inference.features import FeatureExtractor
from mmsapiens.inference.networks import build_network
from mmsapiens.inference.task_network import Options
from mmsapiens.io import read_map
from mmsapiens.models.tasks import SAPIENS2_TASKS
from mmsapiens.structures.results import ImageResult

SIZE_HW = (90, 50)
FACTOR = 256 / 90
"""How many times as large the image becomes."""


@pytest.fixture(scope='module')
def image():
    return np.random.default_rng(0).integers(0, 255, (*SIZE_HW, 3), dtype=np.uint8)


def predict_scale(model, scale):
    """Let a model predict this scale for each image."""
    last = model.heads['pointmap'].scale_final_layer[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, scale)


def file_of(task, folder, scale=None, model='sapiens2-tiny', name=None):
    """A checkpoint of one task; with the ``scale`` that is predicted for each image."""
    torch.manual_seed(0)
    built = build_model(model, task)
    if scale is not None:
        predict_scale(built, scale)
    prefix = 'head' if built.tasks[task].is_pose else 'decode_head'
    weights = {k.replace(f'heads.{task}', prefix): v for k, v in built.state_dict().items()}
    meta = dict(mmsapiens=model_metadata(built))
    return write_checkpoint(weights, folder / (name or f'{task}.safetensors'), meta)


@pytest.fixture(scope='module')
def inferencer():
    torch.manual_seed(0)
    made = SapiensInferencer('sapiens2-tiny', list(SAPIENS2_TASKS), random_weights=True)
    predict_scale(made.networks['pointmap'].model, 1.5)
    return made


def test_all_tasks_of_one_name(inferencer, image, tmp_path):
    (found,) = inferencer.stream([image], people='image')
    assert isinstance(found, ImageResult)
    maps = {name: one for name, one in found.tasks.items() if name != 'pose-308'}
    shapes = {name: one.values.shape[2:] for name, one in maps.items()}
    of_three = dict.fromkeys(('normal', 'pointmap', 'albedo'), (3,))
    assert shapes == {'seg-29': (), 'matting': (4,), **of_three}
    assert {one.values.shape[:2] for one in maps.values()} == {SIZE_HW}
    assert {name: one.field for name, one in maps.items()} == {
        'seg-29': 'seg_map',
        'normal': 'normal_map',
        'pointmap': 'point_map',
        'albedo': 'albedo_map',
        'matting': 'matte_map',
    }
    lengths = np.linalg.norm(maps['normal'].values, axis=-1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    for name in ('albedo', 'matting'):
        assert 0 <= maps[name].values.min() < maps[name].values.max() <= 1
    assert len(maps['seg-29'].classes) == 29
    assert inferencer.identity['model'] == 'sapiens2-tiny'


def test_results_do_not_depend_on_the_batch(inferencer, image):
    images = [image, image[:40, ::-1], image]
    together = [one.tasks for one in inferencer.stream(images, people='image')]
    for other, found in zip(images, together):
        (alone,) = inferencer.stream([other], people='image')
        for name, one in found.items():
            if name != 'pose-308':
                expected, tolerance = alone.tasks[name].values, 1e-3
                if one.is_labels:
                    assert (one.values == expected).mean() > 0.99
                else:
                    scale = np.abs(expected).max()
                    assert np.abs(one.values - expected).max() < tolerance * scale


def test_a_folder_can_be_continued(inferencer, image, tmp_path):
    inferencer.run([image], tmp_path / 'out', people='image')
    (path,) = (tmp_path / 'out' / 'matting').glob('*.npy')
    assert read_map(path, 'matte_map').shape == (*SIZE_HW, 4)


def test_points_are_metric_and_the_focal_length_is_of_the_image(image, tmp_path):
    answers = {}
    for scale in (1.0, 2.0):
        path = file_of('pointmap', tmp_path, scale, name=f'{scale}.safetensors')
        network = SapiensInferencer(weights=path)
        assert network.tasks == ('pointmap',)
        (found,) = network.stream([image])
        one = found.tasks['pointmap']
        assert one.focal_length == pytest.approx(768 / scale / FACTOR)
        answers[scale] = one.values
        (document,) = network([image])
        assert document['predictions'][0]['pointmap_focal_length'] == one.focal_length
    np.testing.assert_allclose(answers[1.0], 2 * answers[2.0], rtol=1e-5)


@pytest.mark.parametrize('scale', [0.0, -1.0])
def test_an_unusable_scale_gives_nan(scale, image, tmp_path):
    path = file_of('pointmap', tmp_path, scale)
    inferencer = SapiensInferencer('sapiens2-tiny', weights=path)
    (found,) = inferencer.stream([image])
    assert np.isnan(found.tasks['pointmap'].values).all()
    assert np.isnan(found.tasks['pointmap'].focal_length)
    summary = inferencer.run([image], tmp_path / 'out')
    assert (summary.done, summary.failed) == (1, [])
    (written,) = (tmp_path / 'out' / 'pointmap').glob('*.npy')
    assert np.isnan(np.load(written)).all()
    assert (read_map(written, 'point_map') == 0).all()


def test_people_are_where_a_matte_says(inferencer, image):
    (found,) = inferencer.stream([image], people='image')
    matte = found.tasks['matting']
    del found.tasks['seg-29']
    matte.values[:, :25, 3], matte.values[:, 25:, 3] = 0.9, 0.1
    assert found.human_mask[:, :25].all() and not found.human_mask[:, 25:].any()


@pytest.mark.parametrize(
    'model, tasks, error, text',
    [
        ('sapiens2-2b', 'normal', KeyError, "'sapiens2-1b-4k'.*but got 'sapiens2-2b'"),
        ('sapiens2-1b', 'seg-28', ValueError, "'seg-28' is a task of .*'sapiens2-1b' are .*seg-29"),
        ('sapiens-1b', 'pointmap', ValueError, "'pointmap' is a task of .*sapiens2-0.4b"),
        (None, 'seg-29', ValueError, 'not of sapiens-0.3b, which is taken by default: name one'),
        ('sapiens2-1b', 'albedo', KeyError, 'released, but no weights. Train it'),
        ('sapiens2-0.4b', 'matting', KeyError, "released for 'sapiens2-1b' alone"),
        ('sapiens2-0.4b', ['normal', 'matting'], KeyError, "released for 'sapiens2-1b' alone"),
        ('sapiens2-0.1b', 'normal', KeyError, "one of .*'sapiens2-0.4b', .*'sapiens2-0.1b'"),
        ('sapiens2-tiny', 'normal', ValueError, "nothing was released of 'sapiens2-tiny'"),
    ],
)
def test_wrong_names_are_refused_before_a_download(model, tasks, error, text, monkeypatch):
    monkeypatch.setattr('mmsapiens.inference.model_files.resolve_checkpoint', None)
    with pytest.raises(error, match=text):
        SapiensInferencer(model, tasks)


def test_a_file_of_the_other_generation_is_refused(tmp_path):
    first = file_of('normal', tmp_path, model='sapiens-tiny')
    with pytest.raises(ValueError, match=r"has an encoder .*sapiens_tiny.*'sapiens2-tiny'"):
        SapiensInferencer('sapiens2-tiny', 'normal', weights=first)
    second = file_of('normal', tmp_path)
    with pytest.raises(ValueError, match=r"has an encoder .*sapiens2_tiny.*'sapiens-tiny'"):
        SapiensInferencer('sapiens-tiny', 'normal', weights=second)
    with pytest.raises(ValueError, match='28'):
        SapiensInferencer(tasks='seg-28', weights=file_of('seg-29', tmp_path))


def test_both_generations_from_one_folder(image, tmp_path):
    file_of('depth', tmp_path, model='sapiens-tiny', name='depth.safetensors')
    file_of('pointmap', tmp_path, name='second.safetensors')
    inferencer = SapiensInferencer(weights=tmp_path)
    assert inferencer.tasks == ('depth', 'pointmap')
    assert inferencer.identity['model'] == 'sapiens-tiny, sapiens2-tiny'
    (found,) = inferencer.stream([image])
    assert found.tasks['depth'].values.shape == SIZE_HW
    json.dumps(inferencer.identity)


def test_features_of_the_encoder(image, tmp_path):
    torch.manual_seed(0)
    built = build_model('sapiens2-tiny', 'normal').backbone
    path = write_checkpoint(built.state_dict(), tmp_path / 'sapiens2_tiny_pretrain.safetensors')
    extractor = FeatureExtractor(weights=path, size_hw=(96, 64))
    extractor.run([image], tmp_path / 'out', kinds=('dense', 'mean', 'cls'))
    shapes = {p.parent.name: np.load(p).shape for p in (tmp_path / 'out').rglob('*.npy')}
    assert shapes == dict(dense=(192, 6, 4), mean=(192,), cls=(192,))


def test_the_small_demos_are_of_the_first_generation(tmp_path):
    with pytest.raises(ValueError, match="first generation, but `model` is 'sapiens2-1b'"):
        SapiensInferencer('sapiens2-1b', 'normal', mode='lite')
    with pytest.raises(ValueError, match="first generation, but 'normal' is of .*'sapiens2'"):
        build_network(
            'normal', None, file_of('normal', tmp_path), Options(mode='lite'), model='sapiens2-tiny'
        )
