"""Tasks of the inferencer over a pool."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_models as tiny
import torch
from infer_results import differences, members_of, rows_of
from made_runs import scene
from parity import ROOT, data_folder
from PIL import Image
from tiny_inference import tiny_task

from mmsapiens import build_model
from mmsapiens.checkpoints import write_checkpoint
from mmsapiens.cli.main import run as mmsapiens_run
from mmsapiens.io import read_map
from mmsapiens.io.shards import Manifest, ShardIndex

TASKS = ('pose-17', 'seg-28', 'depth', 'normal')


@pytest.fixture(scope='session')
def networks(tmp_path_factory):
    """Options that give four tasks the heads of a tiny model."""
    path = tmp_path_factory.mktemp('networks') / 'tiny.pth'
    model = build_model('sapiens-tiny', TASKS)
    generator = torch.Generator().manual_seed(0)
    weights = model.state_dict()
    weights = {k: 0.1 * torch.randn(v.shape, generator=generator) for k, v in weights.items()}
    write_checkpoint(weights, path)
    words = [word for task in TASKS for word in ('--weights', f'{task}={path}')]
    return ['--tasks', ','.join(TASKS), *words, '--device', 'cpu', '--people', 'image']


@pytest.fixture(scope='session')
def images(tmp_path_factory):
    """A folder of photographs and other images, one turned by EXIF and one cut off."""
    folder = tmp_path_factory.mktemp('images')
    for path in sorted((data_folder() / 'coco_sample').glob('*.jpg'))[:2]:
        small = cv2.resize(cv2.imread(str(path)), None, fx=0.3, fy=0.3)
        cv2.imwrite(str(folder / path.name), small)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(scene(1, (60, 90))[..., ::-1]).save(folder / 'turned.jpg', exif=exif)
    cv2.imwrite(str(folder / 'same.png'), scene(2, (50, 70)))
    cv2.imwrite(str(folder / 'same.jpg'), scene(3, (70, 50)))
    (folder / 'cut.jpg').write_bytes(tiny.encode(scene(4, (80, 90)))[:700])
    return folder


@pytest.fixture(scope='session')
def tars(images, tmp_path_factory):
    """The same images in three tar files, with `.json`."""
    folder = tmp_path_factory.mktemp('tars')
    files = sorted(images.iterdir())
    for shard in range(3):
        members = []
        for path in files[shard * 2 : shard * 2 + 2]:
            members.append((path.name, path.read_bytes()))
            facts = json.dumps(dict(url=f'https://example.org/{path.name}')).encode()
            members.append((f'{path.stem}.json', facts))
        (folder / f'a{shard % 2}').mkdir(exist_ok=True)
        tiny.write_tar(folder / f'a{shard % 2}' / f'{shard:06d}.tar', members)
    return folder


def annotate(pool, out, words, *more):
    from human_curation.cli import main

    command = ['annotate', str(pool), '--out', str(out), *words, '--batch-size', '1']
    return main([*command, '--engine', 'processes', '--workers', '1', *more])


@pytest.fixture(scope='session')
def labeled(tars, networks, tmp_path_factory):
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp('labeled') / 'out'
    assert annotate(tars, out, networks) == 0
    return out


@pytest.fixture(scope='session')
def inferred(images, networks, tmp_path_factory):
    """What `mmsapiens infer` makes of the same images."""
    out = tmp_path_factory.mktemp('inferred') / 'out'
    words = ['--outputs', 'keypoints,maps', '--map-format', 'png', '--batch-size', '1', '--quiet']
    assert mmsapiens_run(['infer', str(images), *networks, *words, '--out', str(out)]) == 1
    return out


def contents_of(out):
    """What a run made, without its times."""
    made = {path: path.read_bytes() for path in out.rglob('*') if path.suffix in ('.tar', '.json')}
    rows = {path: pq.read_table(path).to_pylist() for path in out.rglob('*.parquet')}
    return {str(path.relative_to(out)): made for path, made in {**made, **rows}.items()}


def test_results_are_those_of_infer(labeled, inferred):
    def name_of(row):
        file = Path(row['url']).name
        return 'same_png' if file == 'same.png' else Path(file).stem

    found, counts = differences(labeled, inferred, TASKS[:1], TASKS[1:], name_of)
    assert found == []
    assert counts == dict(images=5, people=5, maps=15)
    assert [row['key'] for row in rows_of(labeled) if row['error']] == ['cut']


def test_files_are_beside_those_of_the_pool(labeled):
    labels = {str(path.relative_to(labeled)) for path in labeled.rglob('labels/**/*.parquet')}
    assert labels == {f'labels/a{n % 2}/{n:06d}.parquet' for n in range(3)}
    manifest = Manifest.loads((labeled / 'maps/shards.json').read_bytes(), '')
    assert dict(zip(manifest.names, manifest.counts)) == {
        'a0/000000.tar': 6, 'a0/000002.tar': 6, 'a1/000001.tar': 3,
    }  # fmt: skip
    index = ShardIndex.loads((labeled / 'maps/a1/000001.tar.index.json').read_bytes(), '')
    content = (labeled / 'maps/a1/000001.tar').read_bytes()
    for name, offset, size in zip(index.names, index.offsets, index.sizes):
        assert content[offset : offset + size] == members_of(labeled)['a1/000001.tar', name]
    schema = pq.read_schema(labeled / 'labels/a0/000000.parquet')
    assert json.loads(schema.metadata[b'pose-17'])['keypoint_names'][0] == 'nose'


def test_the_same_command_makes_nothing_again(labeled, tars, networks, capsys):
    before = {path: path.stat().st_mtime_ns for path in labeled.rglob('*.parquet')}
    assert annotate(tars, labeled, networks) == 0
    assert '3 units: 3 were done' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in labeled.rglob('*.parquet')} == before
    assert annotate(tars, labeled, [*networks, '--map-format', 'exr']) == 2
    assert "map_format: 'png', now 'exr'" in capsys.readouterr().err


def test_a_run_that_was_killed_goes_on(labeled, tars, networks, tmp_path):
    out = tmp_path / 'out'
    path = f'{ROOT}{os.pathsep}{ROOT / "projects/human_curation"}'
    command = [sys.executable, '-m', 'human_curation', 'annotate', str(tars), '--out', str(out)]
    command += [*networks, '--batch-size', '1', '--engine', 'processes', '--workers', '1']
    driver = subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=path))
    while not list(out.rglob('labels/**/*.parquet')):
        assert driver.poll() is None
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    done = {path: path.stat().st_mtime_ns for path in out.rglob('labels/**/*.parquet')}
    (out / 'maps/a1').mkdir(parents=True, exist_ok=True)
    (out / 'maps/a1/.000001.tar.abcdefgh.partial').write_bytes(b'half')
    assert annotate(tars, out, networks) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert contents_of(out) == contents_of(labeled)
    assert not list(out.rglob('*.partial'))


@pytest.mark.slow
def test_two_nodes_of_which_one_is_lost(labeled, tars, networks, tmp_path):
    pytest.importorskip('ray')
    out = tmp_path / 'out'
    command = [sys.executable, str(ROOT / 'tests/annotate_on_nodes.py'), str(tars)]
    command += ['--out', str(out), *networks, '--batch-size', '1']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'a node was lost' in done.stdout
    assert contents_of(out) == contents_of(labeled)
    assert not list(out.rglob('*.partial'))


def test_a_folder_has_labels_by_number(images, networks, inferred, tmp_path):
    out = tmp_path / 'out'
    assert annotate(images, out, networks, '--per-unit', '4') == 0
    assert sorted(path.name for path in (out / 'labels').iterdir()) == [
        '000000.parquet', '000001.parquet',
    ]  # fmt: skip
    members = {name: content for (_, name), content in members_of(out).items()}
    names = {row['key']: row['depth'] for row in rows_of(out)}
    assert names['same.jpg'] == 'same.depth.png' and names['cut.jpg'] is None
    assert members[names['turned.jpg']] == (inferred / 'depth/turned.png').read_bytes()


def test_a_model_of_ones_own_labels_a_parquet_pool(networks, tmp_path):
    config, weights = tiny_task('seg-28', tmp_path)
    rows = [dict(key=f'k{n}', bytes=tiny.encode(scene(n, (40, 60))), url=None) for n in range(2)]
    pool = tmp_path / 'pool.parquet'
    pq.write_table(pa.Table.from_pylist([*rows, dict(key='none', bytes=None)]), pool)
    words = ['--tasks', 'mine', '--config', f'mine={config}', '--weights', f'mine={weights}']
    assert annotate(pool, tmp_path / 'out', [*words, '--map-format', 'exr']) == 0
    found = rows_of(tmp_path / 'out')
    assert [row['mine'] for row in found] == ['k0.mine.png', 'k1.mine.png', None]
    assert 'nothing' in found[2]['error'] and found[0]['box_scores'] == [1.0]
    labels = members_of(tmp_path / 'out')['000000.tar', 'k0.mine.png']
    assert read_map('k0', 'seg_map', content=labels).shape == (40, 60)


def test_a_unit_that_cannot_be_read_is_passed_over(tars, networks, tmp_path, capsys):
    pool = shutil.copytree(tars, tmp_path / 'pool')
    path = Path(pool, 'a1/000001.tar')
    path.write_bytes(path.read_bytes()[:2000])
    out = tmp_path / 'out'
    assert annotate(pool, out, networks, '--max-bad-share', '0.5') == 0
    assert '1 passed over' in capsys.readouterr().out
    assert not (out / 'labels/a1/000001.parquet').exists()
    assert not list(out.rglob('*.partial')) and not (out / 'maps/a1/000001.tar').exists()
    assert json.loads((out / 'bad_units.jsonl').read_text())['unit'] == 'a1/000001.tar'


@pytest.fixture(scope='session')
def judged(pool, models_file, tmp_path_factory):
    """A run over the pool of this folder, which finds people."""
    from human_curation.cli import main

    out = tmp_path_factory.mktemp('judged') / 'out'
    words = ['run', str(pool), '--out', str(out), '--models', str(models_file)]
    assert main([*words, '--engine', 'inline']) == 0
    return out


@pytest.mark.parametrize('of', ['pool', 'shards'])
def test_boxes_are_those_of_a_run(judged, pool, networks, tmp_path, of):
    words = [*networks[:4], '--device', 'cpu', '--tasks', 'pose-17', '--people', str(judged)]
    out = tmp_path / 'out'
    assert annotate(pool if of == 'pool' else judged / 'images', out, words) == 0
    verdicts = pq.read_table(judged / 'verdicts').to_pylist()
    if of == 'shards':
        verdicts = [row for row in verdicts if row['verdict'] == 'kept']
    expected = {}
    limit = json.loads((judged / 'curation.json').read_bytes())['limits']['person']
    for row in verdicts:
        scores = np.float32(row['box_scores'] or [])
        boxes = np.float32(row['boxes'] or []).reshape(-1, 4)[scores >= limit]
        key = row['key'] if of == 'pool' else Path(row['name']).stem
        expected[key] = boxes.ravel().tolist()
    rows = [row for row in rows_of(out) if row['error'] is None]
    assert sum(len(row['boxes']) for row in rows) > 0
    assert [row['boxes'] for row in rows] == [expected[row['key']] for row in rows]
    assert all(len(row['pose-17']) == len(row['boxes']) // 4 * 34 for row in rows)


def test_boxes_of_another_pool_are_refused(judged, tars, networks, tmp_path, capsys):
    words = [*networks[:4], '--device', 'cpu', '--tasks', 'pose-17', '--people', str(judged)]
    assert annotate(tars, tmp_path / 'out', words) == 2  # too many bad units
    assert 'has judged other images' in capsys.readouterr().err


def test_two_tar_files_of_one_name_are_refused(tmp_path, networks, capsys):
    for name in ('a.tar', 'a.tar.gz'):
        tiny.write_tar(tmp_path / name, [])
    assert annotate(tmp_path, tmp_path / 'out', networks) == 2
    assert 'two tar files for the name a' in capsys.readouterr().err


@pytest.mark.parametrize(
    'words, told',
    [
        (['--tasks', 'pose-18'], 'pose-18'),
        (['--people', 'boxes.json'], "or the folder of a run, but got 'boxes.json'"),
        (['--weights', 'a', '--weights', 'b'], 'must be TASK=FILE, but got'),
    ],
)
def test_wrong_arguments_are_told(words, told, tars, tmp_path, capsys):
    assert annotate(tars, tmp_path / 'out', words) == 2
    assert told in capsys.readouterr().err
