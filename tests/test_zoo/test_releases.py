"""The table of released checkpoints."""

import subprocess
import sys

import pytest
from parity import ROOT

from mmsapiens.models.tasks import SIZES, TASKS
from mmsapiens.zoo import FORMATS, config_path, find_release, releases
from mmsapiens.zoo.paths import config_folder, root_path
from mmsapiens.zoo.releases import table


def test_counts_of_the_release():
    counts = {}
    for release in releases():
        if release.family != 'sapiens':
            continue
        key = release.task, release.format
        counts[key] = counts.get(key, 0) + 1
    assert counts.pop(('detector', 'pth')) == 1
    four = {'pretrain', 'pose-17', 'pose-133', 'depth', 'normal'}
    for (task, _), count in counts.items():
        assert count == (4 if task in four else 3)
    assert sum(counts.values()) == 82


def test_every_release_has_one_name():
    rows = releases()
    assert len({row.key for row in rows}) == len(rows)
    assert len({(r.task, r.model, r.format) for r in rows}) == len(rows)
    assert all(row.license in table()['licenses'] for row in rows)
    assert all(row.format in FORMATS for row in rows)


def test_looks_a_release_up():
    release = find_release('pose-17', '2b')
    assert release.file == 'sapiens_2b_coco_best_coco_AP_822.pth'
    assert release.repo == 'noahcao/sapiens-pose-coco'
    assert release.reported_metric['AP'] == 82.2
    assert find_release('pose-17', 'sapiens-2b') == release
    assert find_release('pose-17', 'sapiens_2B') == release
    encoder = find_release('pretrain', '1b', 'encoder')
    assert encoder.file == 'sapiens_1b_epoch_173_clean.pth'
    assert encoder.url.startswith(
        'https://huggingface.co/facebook/sapiens/resolve/main/sapiens_host/'
    )


def test_the_second_generation():
    rows = [row for row in releases() if row.family == 'sapiens2']
    assert len(rows) == 23
    assert {row.license for row in rows} == {'LicenseRef-Sapiens2'}
    assert all(row.sha256 is row.bytes is row.revision is None for row in rows)
    sizes = {'0.4b', '0.8b', '1b', '5b'}
    for task in ('pose-308', 'seg-29', 'normal', 'pointmap'):
        assert {row.size for row in rows if row.task == task} == sizes
    release = find_release('seg-29', 'sapiens2_1B')
    assert release.key == 'facebook/sapiens2-seg-1b/sapiens2_1b_seg.safetensors'
    assert find_release('pose-308', '1b').family == 'sapiens'
    assert find_release('pose-308', 'sapiens2-1b').file == 'sapiens2_1b_pose.safetensors'
    encoder = find_release('pretrain', 'sapiens2-1b-4k')
    assert encoder.file == 'sapiens2_1b_4k_pretrain.safetensors'
    assert encoder.format == 'encoder'


def test_folders_of_the_second_generation(tmp_path, monkeypatch):
    monkeypatch.setenv('SAPIENS_CHECKPOINT_ROOT', str(tmp_path))
    release = find_release('pointmap', 'sapiens2-0.4b')
    assert root_path(release) is None
    (tmp_path / 'pointmap').mkdir()
    path = tmp_path / 'pointmap' / 'sapiens2_0.4b_pointmap.safetensors'
    path.touch()
    assert root_path(release) == path


@pytest.mark.parametrize(
    'words,match',
    [
        (('pose-308', '2b'), 'it was never released. Train it or pass'),
        (('seg-28', '2b'), 'that no table lists'),
        (('seg-lip', '1b'), 'at any size'),
        (('pose-16', '1b'), "`task` must be one of .*'pose-17'"),
        (('pose-17', '7b'), "`size` must be one of .*'0.3b'"),
        (('pose-17', '1b', 'onnx'), "`format` must be one of .*'pth'"),
        (('pose-17', '1b', 'encoder'), '`format` must be one of'),
        (('albedo', 'sapiens2-1b'), 'code and configs of this task were released, but no weights'),
        (('matting', 'sapiens2-5b'), "for 'sapiens2-1b' alone"),
        (('matting', '1b'), "`size` must be one of .*'sapiens2-1b'.* but got '1b'"),
        (('pose-308', 'sapiens2-2b'), "`size` must be .*'1b'.*'sapiens2-5b'.*got 'sapiens2-2b'"),
        (('seg-29', 'sapiens2-1b', 'pth'), "`format` must be one of .*'safetensors'"),
    ],
)
def test_what_was_not_released_is_explained(words, match):
    with pytest.raises(KeyError, match=match):
        find_release(*words)


def test_tasks_of_inference_name_releases():
    for name in set(TASKS) - {'seg-lip', 'seg-cihp'}:
        find_release(name, SIZES[0])


def test_page_lists_every_model():
    text = (ROOT / 'docs/model_zoo.md').read_text(encoding='utf-8')
    for release in releases():
        if release.format == 'pth' or release.family == 'sapiens2':
            row = f'| {release.task} | {release.size} | [{release.file}]('
            assert row + release.url in text


def test_configs_are_found_by_path_and_by_name():
    stem = 'sapiens-0.3b_8xb64-210e_coco-1024x768'
    path = config_path(f'pose/coco/{stem}.py')
    assert path.is_file()
    assert path == config_path(stem) == config_path(f'{stem}.py')
    for task in TASKS.values():
        assert config_path(task.config_of('tiny')).is_file()
    assert (config_folder() / '_base_').is_dir()


def test_unknown_config_names_similar_ones():
    with pytest.raises(FileNotFoundError, match='_coco-1024x768'):
        config_path('sapiens-0.4b_8xb64-210e_coco-1024x768')


def test_imports_neither_torch_nor_the_network():
    code = (
        'import sys, mmsapiens.zoo\n'
        'mmsapiens.zoo.releases()\n'
        "heavy = {'torch', 'mmengine', 'huggingface_hub'}\n"
        'assert not heavy & set(sys.modules)\n'
        'from mmsapiens.zoo import download\n'
        'assert callable(download)\n'
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
