"""Options that are wrong are refused before networks are built; those without effect are named."""

import json
from pathlib import Path

import pytest
import torch
from parity import data_folder
from tiny_inference import tiny_task

from mmsapiens.cli.main import run


@pytest.fixture(scope='module')
def photo():
    return str(sorted((data_folder() / 'coco_sample').glob('*.jpg'))[0])


@pytest.fixture(scope='module')
def clip():
    return str(data_folder() / 'person_clip.mp4')


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """Task -> options with a tiny model."""
    folder = tmp_path_factory.mktemp('models')
    found = {}
    for task in ('pose-17', 'depth', 'seg-28'):
        config, weights = tiny_task(task, folder)
        found[task] = ['--config', f'{task}={config}', '--weights', f'{task}={weights}']
    return found


def words_of(models, tasks):
    names = tasks.split(',')
    return ['--tasks', tasks, *(word for name in names for word in models[name]), '-q']


@pytest.fixture
def no_network(monkeypatch):
    """Fails where a network is built or a file fetched."""

    def fail(*args, **kwargs):
        raise AssertionError('a network was built or fetched')

    monkeypatch.setattr('mmsapiens.inference.inferencer.build_network', fail)
    monkeypatch.setattr('mmsapiens.inference.model_files.resolve_checkpoint', fail)
    monkeypatch.setattr('mmsapiens.inference.features.build_encoder', fail)


REFUSED = {
    'output': (['--outputs', 'csv'], 'must be some of keypoints, maps, masks'),
    'no output': (['--outputs', ','], 'must be some of'),
    'mask': (['--outputs', 'masks', '--tasks', 'depth'], 'masks need a parsing task'),
    'task': (['--tasks', 'hair'], "but got 'hair'"),
    'task twice': (['--tasks', 'depth,depth'], 'different tasks'),
    'show': (['--show', 'normal', '--tasks', 'depth'], '`show` must be one of'),
    'people': (['--people', 'everybody'], 'there is no such file'),
    'fallback': (['--fallback', 'all'], "'all' is not one of"),
    'map format': (['--map-format', 'tif'], "'tif' is not one of"),
    'size': (['--model', 'sapiens-9b'], "but got 'sapiens-9b'"),
    'device': (['--device', 'abacus'], '`device` must be one of'),
    'lite': (['--mode', 'lite', '--flip'], '`flip_test` must be False'),
    'times': (['--start', '5', '--end', '3'], 'end'),
    'weights': (['--weights', 'depth'], 'must be TASK=PATH'),
    'weights of another task': (['--weights', 'hair=a.pth', '--tasks', 'depth'], "['hair']"),
    'no config': (['--config', 'depth=a.py', '--tasks', 'depth'], 'a.py'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_wrong_options_are_refused_before_networks_are_built(
    name, photo, tmp_path, no_network, capsys
):
    words, text = REFUSED[name]
    people = [] if '--people' in words else ['--people', 'image']
    assert run(['infer', photo, *people, '-o', str(tmp_path / 'out'), *words]) == 2
    shown = capsys.readouterr().err
    assert text in shown and 'was not expected' not in shown


def test_wrong_inputs_are_refused_before_networks_are_built(photo, tmp_path, no_network, capsys):
    (tmp_path / 'file').write_text('')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'people.json').write_text('[')
    image = ['--people', 'image']
    for words, text in [
        ([str(tmp_path / 'no.jpg'), *image], 'does not exist'),
        ([str(tmp_path / 'empty'), *image], 'has no images or videos'),
        ([photo, *image, '-o', str(tmp_path / 'file')], 'is a file'),
        ([photo, '--people', str(tmp_path / 'people.json')], 'people.json'),
        (['ftp://a/b.jpg', *image], 'ftp'),
    ]:
        assert run(['infer', *words, *([] if '-o' in words else ['-o', str(tmp_path / 'o')])]) == 2
        assert text in capsys.readouterr().err


def test_a_detector_that_is_not_there_is_told_before_networks_are_built(
    photo, tmp_path, no_network, monkeypatch, capsys
):
    monkeypatch.setenv('MMSAPIENS_HOME', str(tmp_path))
    monkeypatch.setenv('MMSAPIENS_OFFLINE', '1')
    assert run(['infer', photo, '-o', str(tmp_path / 'out')]) == 3
    shown = capsys.readouterr().err
    for way in ('--people FILE', '--people image', '--detector FILE'):
        assert way in shown


def test_kinds_that_a_file_does_not_have_are_refused_before_it_is_loaded(
    photo, models, tmp_path, no_network, capsys
):
    weights = models['depth'][3].partition('=')[2]
    words = ['features', photo, '--weights', weights, '-o', str(tmp_path / 'o'), '-k', 'cls']
    assert run(words) == 2
    assert "must be some of ('dense', 'mean')" in capsys.readouterr().err


def test_results_of_other_options_are_refused_before_released_networks_are_built(
    photo, tmp_path, monkeypatch, capsys
):
    out = tmp_path / 'out'
    common = ['infer', photo, '--tasks', 'depth', '--people', 'image', '-o', str(out)]
    out.mkdir()
    (out / 'manifest.json').write_text(json.dumps(dict(model='another')))
    monkeypatch.setattr('mmsapiens.inference.inferencer.find_files', _no_file)
    monkeypatch.setattr('mmsapiens.inference.inferencer.build_network', None)
    assert run([*common]) == 2
    assert 'has results of other models or options' in capsys.readouterr().err


def _no_file(task, *args):
    from mmsapiens.inference.model_files import ModelFiles

    return ModelFiles(task, None, None)


WITHOUT_EFFECT = {
    'smooth': ('photo', 'pose-17', ['--smooth'], 'no input is a video'),
    'track': ('photo', 'pose-17', ['--track'], 'no input is a video'),
    'track maps': ('clip', 'depth', ['--track'], 'no task is of poses'),
    'smooth maps': ('clip', 'depth', ['--smooth'], 'no task is of poses'),
    'frame-step': ('photo', 'depth', ['--frame-step', '2'], 'no input is a video'),
    'start': ('photo', 'depth', ['--start', '1'], 'no input is a video'),
    'end': ('photo', 'depth', ['--end', '1'], 'no input is a video'),
    'max-frames': ('photo', 'depth', ['--max-frames', '2'], 'no input is a video'),
    'video': ('photo', 'depth', ['--video'], 'no input is a video'),
    'show': ('clip', 'depth', ['--no-video', '--show', 'depth'], 'no video is written'),
    'frame-pictures': ('photo', 'depth', ['--frame-pictures'], 'no input is a video'),
    'no-recursive': ('photo', 'depth', ['--no-recursive'], 'no input is a folder'),
    'people': ('photo', 'depth', ['--people', 'image'], 'no task is of poses'),
    'fallback': ('photo', 'depth', ['--fallback', 'image'], 'no task is of poses'),
    'detector': ('photo', 'depth', ['--detector', 'rtmdet'], 'no task is of poses'),
    'box-threshold': ('photo', 'pose-17', ['--box-threshold', '0.2'], 'people are not detected'),
    'nms-threshold': ('photo', 'pose-17', ['--nms-threshold', '0.2'], 'people are not detected'),
    'max-people': ('photo', 'pose-17', ['--max-people', '2'], 'people are not detected'),
    'map-format': ('photo', 'pose-17', ['--map-format', 'exr'], 'no maps are written'),
    'category': ('photo', 'pose-17', ['--category', '3'], 'no file of people is given'),
    'threshold': ('photo', 'depth', ['--threshold', '0.5'], 'no task is of poses'),
    'model': ('photo', 'depth', ['--model', 'sapiens-tiny'], 'all weights are given'),
}


@pytest.mark.parametrize('name', WITHOUT_EFFECT)
def test_options_without_effect_are_named(name, models, photo, clip, tmp_path, capsys):
    kind, task, words, why = WITHOUT_EFFECT[name]
    given = dict(photo=photo, clip=clip)[kind]
    image = ['--people', 'image'] if task == 'pose-17' else []
    out = ['-o', str(tmp_path / 'out'), '--outputs', 'keypoints,maps']
    assert run(['infer', given, *words_of(models, task), *image, *out, *words]) == 0
    shown = capsys.readouterr().err
    assert f'changes nothing: {why}' in shown and f'--{name.split()[0]}' in shown


def test_options_with_an_effect_are_not_named(models, clip, photo, tmp_path, capsys):
    words = ['--track', '--smooth', '--people', 'image', '--threshold', '0.2', '--show', 'depth']
    words += ['--map-format', 'png', '--max-frames', '2', '--frame-pictures', '--start', '0']
    common = [*words_of(models, 'pose-17,depth'), '-o', str(tmp_path / 'out')]
    assert run(['infer', clip, photo, *common, *words]) == 0
    assert 'changes nothing' not in capsys.readouterr().err


def test_formats_are_of_releases(capsys):
    assert run(['list', 'tasks', '--format', 'pth']) == 0
    assert '--format changes nothing: only releases have formats' in capsys.readouterr().err
    assert run(['list', '--format', 'pth', '--task', 'depth']) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize('form', ['file', 'folder'])
def test_weights_need_no_task_where_there_is_one(form, models, photo, tmp_path, capsys):
    config, weights = (word.partition('=')[2] for word in models['depth'][1::2])
    given = tmp_path / 'my=weights'
    given.mkdir()
    copied = given / 'depth.pth'
    copied.write_bytes(Path(weights).read_bytes())
    given = copied if form == 'file' else given
    words = ['--tasks', 'depth', '--config', f'depth={config}', '--weights', str(given), '-q']
    assert run(['infer', photo, *words, '-o', str(tmp_path / 'out')]) == 0
    manifest = json.loads((tmp_path / 'out/manifest.json').read_text())
    assert manifest['model'] == 'SapiensViT of width 32 with 2 layers'
    assert manifest['tasks']['depth']['weights'] == 'depth.pth'


def test_weights_as_downloads_are_kept(tmp_path):
    from mmsapiens.inference.model_files import weights_by_task
    from mmsapiens.zoo import find_release

    release = find_release('depth', '0.3b')
    path = tmp_path / 'hub' / release.key
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    repository = tmp_path / 'hub' / release.repo
    for folder in (tmp_path, tmp_path / 'hub', repository, path.parent):
        assert weights_by_task(folder, ['depth', 'normal'], '0.3b') == {'depth': path}


def test_memory_that_is_not_enough_is_told(monkeypatch, photo, tmp_path, capsys):
    def fail(*args, **kwargs):
        raise torch.OutOfMemoryError('tried to allocate 20 GiB')

    monkeypatch.setattr('mmsapiens.inference.inferencer.open_source', fail)
    assert run(['infer', photo, '--tasks', 'depth', '-o', str(tmp_path / 'out')]) == 2
    shown = capsys.readouterr().err
    assert 'not enough memory' in shown and '--batch-size' in shown


def test_one_default_model_everywhere():
    import inspect

    import mmsapiens
    from mmsapiens.cli import features, infer
    from mmsapiens.inference.features import FeatureExtractor
    from mmsapiens.models.tasks import DEFAULT_MODEL

    options = {option.name: option for option in features.command.params}
    assert options['model'].default == DEFAULT_MODEL
    options = {option.name: option for option in infer.command.params}
    assert f'or {DEFAULT_MODEL}]' in options['model'].help
    for made in (FeatureExtractor, mmsapiens.build_model):
        assert inspect.signature(made).parameters['model'].default == DEFAULT_MODEL
