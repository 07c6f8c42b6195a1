"""Whole datasets: determinism, restarts, shards, annotation files."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from synthetic_humans.report import check_folder
from synthetic_humans.run import Job, run
from synthetic_humans.settings import Settings

SMALL = Settings((96, 72), seed=11, people=(1, 2))
COUNT = 5


def digest(root):
    """Path -> hash of the content, of all files."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


@pytest.fixture(scope='module')
def finished(template, tmp_path_factory):
    """A finished dataset."""
    root = tmp_path_factory.mktemp('finished')
    run(Job(root, COUNT, SMALL, val_share=0.4))
    return root


def test_labels_of_a_data_set_pass_the_checks(finished):
    names = [path.stem for path in (finished / 'samples').iterdir()]
    report = check_folder(finished, sorted(names))
    assert report.normal_median < 10  # coarse pixels: wide differences
    assert report.on_part > 0.97
    assert not [f for f in report.faults if 'differ' in f or 'unit' in f]
    assert 'Upper_Clothing' in report.text()


def test_check_finds_a_flipped_normal_map(finished, tmp_path):
    import shutil

    shutil.copytree(finished, tmp_path / 'set')
    path = next((tmp_path / 'set/normals').iterdir())
    np.save(path, np.load(path) * np.array([1, -1, 1], np.float32))
    report = check_folder(tmp_path / 'set', [path.stem])
    assert not report.passed
    assert 'normals disagree' in report.text()


def test_more_workers_give_the_same_files(finished, tmp_path):
    run(Job(tmp_path, COUNT, SMALL, val_share=0.4), workers=2)
    assert digest(tmp_path) == digest(finished)


def test_shards_together_give_the_same_files(finished, tmp_path):
    for part in (1, 0):
        assert not (tmp_path / 'index.jsonl').exists()
        run(Job(tmp_path, COUNT, SMALL, shard=(part, 2), val_share=0.4))
    assert digest(tmp_path) == digest(finished)


def test_killed_run_continues(finished, tmp_path, project):
    command = [
        sys.executable, str(project / 'render.py'), '--out', str(tmp_path),
        '--num', str(COUNT), '--size', '96x72', '--seed', '11',
        '--people', '1-2', '--val-share', '0.4', '--sheet', '0',
        '--device', 'cpu',
    ]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.time() + 120
    while time.time() < deadline and child.poll() is None:
        if len(list(tmp_path.glob('samples/*.json'))) >= 2:
            break
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL) if child.poll() is None else None
    child.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob('samples/*.json')}
    assert len(before) >= 2
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path) == digest(finished)
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())


def test_finished_run_changes_nothing(finished):
    before = {p: p.stat().st_mtime_ns for p in finished.rglob('*.*')}
    assert run(Job(finished, COUNT, SMALL, val_share=0.4)) == {}
    after = {p: p.stat().st_mtime_ns for p in finished.rglob('*.*')}
    assert before == after


def test_other_settings_in_the_same_folder_raise(finished):
    other = Settings((96, 72), seed=12, people=(1, 2))
    with pytest.raises(ValueError, match='other .*settings'):
        run(Job(finished, COUNT, other, val_share=0.4))
    assert not (finished / '.unfinished').exists()


def test_folders_from_before_there_was_a_choice_of_yaw_continue(tmp_path):
    usual, frontal = (
        Job(tmp_path, COUNT, replace(SMALL, yaw=yaw)).identity() for yaw in ('mixed', 'frontal')
    )
    assert 'yaw' not in usual['settings']
    assert frontal['settings']['yaw'] == 'frontal'


def test_index_and_split_list_every_image(finished):
    lines = (finished / 'index.jsonl').read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert len(entries) == COUNT
    for split in ('train', 'val'):
        names = (finished / f'splits/{split}.txt').read_text().split()
        assert names == [e['name'] for e in entries if e['split'] == split]
    subjects = [s for entry in entries for s in entry['subjects']]
    assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize('ending', ['', '_train', '_val'])
def test_annotation_files_hold_all_points(ending, finished):
    sizes = {
        'person_keypoints': {'keypoints': 17},
        'coco_wholebody': {
            'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 68,
            'lefthand_kpts': 21, 'righthand_kpts': 21,
        },
        'goliath308': {
            'keypoints': 17, 'foot_kpts': 6, 'face_kpts': 238,
            'lefthand_kpts': 20, 'righthand_kpts': 20,
            'goliath_wholebody_kpts': 308,
        },
    }  # fmt: skip
    images = None
    for vocabulary, fields in sizes.items():
        path = finished / f'annotations/{vocabulary}{ending}.json'
        document = json.loads(path.read_text())
        assert images in (None, document['images'])
        images = document['images']
        ids = {image['id'] for image in images}
        assert document['annotations']
        for annotation in document['annotations']:
            assert annotation['image_id'] in ids
            x, y, w, h = annotation['bbox']
            assert 0 <= x < x + w <= 72 and 0 <= y < y + h <= 96
            for name, count in fields.items():
                assert len(annotation[name]) == 3 * count
    for image in images:
        assert (finished / 'images' / image['file_name']).exists()


def test_pose_data_sets_read_the_files(finished):
    pytest.importorskip('mmpose')
    from mmengine.registry import init_default_scope
    from mmpose.datasets.datasets import CocoDataset, CocoWholeBodyDataset

    from mmsapiens.pose.datasets import Goliath308Dataset

    init_default_scope('mmpose')
    for kind, vocabulary, count in (
        (CocoDataset, 'person_keypoints', 17),
        (CocoWholeBodyDataset, 'coco_wholebody', 133),
        (Goliath308Dataset, 'goliath308', 308),
    ):
        dataset = kind(
            ann_file=f'annotations/{vocabulary}.json',
            data_root=str(finished),
            data_prefix=dict(img='images/'),
            pipeline=[],
        )
        assert len(dataset) >= COUNT - 1
        assert dataset[0]['keypoints'].shape == (1, count, 2)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'shard': (2, 2)}, '`shard` must be'),
        ({'count': 0}, '`count` must be'),
        ({'val_share': 2}, '`val_share` must be'),
    ],
)
def test_bad_jobs_raise(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Job(**{'out': tmp_path, 'count': 1, 'settings': SMALL, **change})


def test_contact_sheet_shows_five_panels(finished):
    from synthetic_humans.contact_sheet import make_contact_sheet

    names = sorted(path.stem for path in (finished / 'samples').iterdir())
    sheet = make_contact_sheet(finished, names[:3], width=72, columns=2)
    assert sheet.shape == (2 * 5 * 96, 2 * 72, 3)


def test_scans_make_a_data_set(tmp_path):
    import trimesh

    (tmp_path / 'scans').mkdir()
    for name in 'ab':
        mesh = trimesh.creation.capsule(height=1.2, radius=0.3)
        mesh.export(str(tmp_path / f'scans/{name}.ply'))
    scans = tuple(sorted((tmp_path / 'scans').iterdir()))
    job = Job(tmp_path / 'set', 6, SMALL, scans=scans, val_share=0.5)
    run(job)
    entries = [json.loads(line) for line in (job.out / 'index.jsonl').read_text().splitlines()]
    by_subject = {}
    for entry in entries:
        by_subject.setdefault(entry['subjects'][0], set()).add(entry['split'])
    assert len(by_subject) == 2
    assert all(len(splits) == 1 for splits in by_subject.values())
    assert {entry['view'] for entry in entries} == set(SMALL.views)
    assert not (job.out / 'labels').exists()
    assert not (job.out / 'annotations').exists()


@pytest.mark.parametrize(
    ('field', 'shape'),
    [('seg_map', (96, 72)), ('depth_map', (96, 72)), ('normal_map', (96, 72, 3))],
)
def test_dense_data_set_reads_the_split(field, shape, finished):
    pytest.importorskip('mmseg')
    from mmsapiens.dense.datasets import DenseFolderDataset

    counts = []
    for split in ('train', 'val'):
        dataset = DenseFolderDataset(
            fields=(field, 'human_mask'),
            vocabulary='goliath28' if field == 'seg_map' else None,
            data_root=str(finished),
            ann_file=f'splits/{split}.txt',
            pipeline=[],
        )
        counts.append(len(dataset))
        path = dataset[0][f'{field}_path']
        if path.endswith('.npy'):
            assert np.load(path).shape == shape
    assert sum(counts) == COUNT


@pytest.mark.parametrize(
    ('vocabulary', 'name'),
    [
        ('coco', 'person_keypoints'),
        ('coco_wholebody', 'coco_wholebody'),
        ('goliath308', 'goliath308'),
    ],
)
def test_validator_finds_no_fault(vocabulary, name, finished):
    pytest.importorskip('mmpose')
    from mmsapiens.pose.datasets import validation

    faults = validation.validate_file(
        str(finished / f'annotations/{name}.json'),
        vocabulary,
        folder=validation.ImageFolder(str(finished / 'images')),
    )
    assert list(faults) == []
