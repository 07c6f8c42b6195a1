"""The table of released checkpoints."""

import subprocess
import sys

import pytest
from parity import ROOT

from mmsapiens.models.tasks import SIZES, TASKS
from mmsapiens.zoo import FORMATS, config_path, find_release, releases
from mmsapiens.zoo.paths import config_folder
from mmsapiens.zoo.releases import table


def test_counts_of_the_release():
    counts = {}
    for release in releases():
        key = release.task, release.format
        counts[key] = counts.get(key, 0) + 1
    assert counts.pop(('detector', 'pth')) == 1
    four = {'pretrain', 'pose-17', 'pose-133', 'depth', 'normal'}
    for (task, _), count in counts.items():
        assert count == (4 if task in four else 3)
    assert len(releases()) == 83


def test_every_release_has_one_name():
    rows = releases()
    assert len({row.key for row in rows}) == len(rows)
    assert len({(r.task, r.size, r.format) for r in rows}) == len(rows)
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
        if release.format == 'pth':
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
