import cv2
import numpy as np
import pytest
from parity import ROOT
from planted_maps import PLANTED, path_of, write_good

from mmsapiens.classes.class_sets import ClassSet, get_class_set
from mmsapiens.dense.datasets.validation import (
    DENSE_FAULT_KINDS,
    LAYOUTS_OF_TASK,
    NOTES,
    MapChecks,
    check_depth,
    check_labels,
    check_normals,
    check_pairs,
    make_dataset,
    stored_vocabulary,
    validate_dataset,
)

HANDS = ('Background', 'Left_Hand', 'Right_Hand')


def find(folder, task, layout='folders', with_mask=False, **kwargs):
    checks = MapChecks(get_class_set('goliath28') if task == 'parsing' else None)
    dataset = make_dataset(task, str(folder), layout, with_mask=with_mask)
    return validate_dataset(dataset, checks, **kwargs)


def kinds(faults):
    return {fault.kind for fault in faults} - {'absent_class'}


@pytest.mark.parametrize('task', list(LAYOUTS_OF_TASK))
@pytest.mark.parametrize('workers', [1, 3])
def test_good_data_set_has_no_faults(task, workers, tmp_path):
    folder = write_good(tmp_path, task)
    assert not kinds(find(folder, task, workers=workers))


@pytest.mark.parametrize('name', list(PLANTED))
def test_each_planted_fault_is_found_and_nothing_else(name, tmp_path):
    planted = PLANTED[name]
    folder = write_good(tmp_path, planted.task)
    planted.edit(folder)
    with_mask = (folder / 'masks').is_dir()
    faults = find(folder, planted.task, with_mask=with_mask)
    assert kinds(faults) == {planted.kind}
    if planted.kind not in ('missing_folder', 'no_samples'):
        assert all('0001' in f.where for f in faults if f.kind in kinds(faults))


def test_every_kind_is_planted_or_tested_here():
    planted = {each.kind for each in PLANTED.values()}
    here = {'wrong_flip_pairs', 'absent_class'}
    assert planted | here == set(DENSE_FAULT_KINDS)
    assert len(DENSE_FAULT_KINDS) >= 20 and set(DENSE_FAULT_KINDS) >= NOTES


def test_masks_beside_labels_have_no_faults(tmp_path):
    folder = write_good(tmp_path, 'parsing')
    (folder / 'masks').mkdir()
    for path in (folder / 'labels').iterdir():
        mask = (cv2.imread(str(path), 0) > 0).astype(np.uint8)
        cv2.imwrite(str(folder / 'masks' / path.name), mask)
    assert not kinds(find(folder, 'parsing', with_mask=True))


def test_absent_classes_are_noted(tmp_path):
    folder = write_good(tmp_path, 'parsing')
    absent = [f for f in find(folder, 'parsing') if f.kind == 'absent_class']
    names = {fault.where.split(', ')[1] for fault in absent}
    assert 'Tongue' in names and 'Hair' not in names
    assert len(absent) == 15  # of 28; the figures have 12 and background


@pytest.mark.parametrize(
    ('pairs', 'message'),
    [
        ([], 'Left_Hand must be exchanged with right_hand, not none'),
        ([(1, 0)], 'Left_Hand must be exchanged with right_hand, not Backgr'),
        ([(1, 2), (2, 1)], r'\[2, 1\] repeats an id'),
        ([(1, 2), (0, 9)], r'\[0, 9\] is no pair of ids below 3'),
        ([(1, 2), (0, 0)], r'is no pair of two ids'),
    ],
)
def test_pairs_that_contradict_the_names_are_found(pairs, message):
    (fault, *_) = check_pairs(ClassSet('own', HANDS, (), tuple(pairs)))
    assert fault.kind == 'wrong_flip_pairs'
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(fault.message)


def test_order_of_samples_does_not_depend_on_workers(tmp_path):
    folder = write_good(tmp_path, 'depth', count=6)
    for path in (folder / 'depths').iterdir():
        path.write_bytes(b'')
    expected = [f.where for f in find(folder, 'depth')]
    assert expected == sorted(expected) and len(expected) == 6
    assert [f.where for f in find(folder, 'depth', workers=4)] == expected


def test_max_samples_opens_samples_from_all_over(tmp_path):
    folder = write_good(tmp_path, 'depth', count=6)
    for path in (folder / 'depths').iterdir():
        path.write_bytes(b'')
    faults = find(folder, 'depth', max_samples=2)
    assert [f.where[-8:] for f in faults] == ['0000.npy', '0005.npy']


def test_raw_labels_are_held_against_34_classes(tmp_path):
    folder = write_good(tmp_path, 'parsing')
    labels = cv2.imread(str(path_of(folder, 'labels')), 0)
    labels[labels == 22] = 33
    cv2.imwrite(str(path_of(folder, 'labels')), labels)
    assert kinds(find(folder, 'parsing')) == {'unknown_label'}
    dataset = make_dataset('parsing', str(folder), 'body_parts_34')
    checks = MapChecks(get_class_set(stored_vocabulary('body_parts_34')))
    assert not kinds(validate_dataset(dataset, checks))


def test_frame_of_normals_decides_which_face_away():
    normals = np.zeros((4, 4, 3), np.float32)
    normals[..., 2] = -1
    mask = np.ones((4, 4), np.uint8)
    assert [k for k, _ in check_normals(normals, mask, 'opengl')] == ['normals_face_away']
    assert not list(check_normals(normals, mask, 'opencv'))


def test_pixels_outside_the_mask_may_hold_anything():
    mask = np.zeros((4, 4), np.uint8)
    mask[1:3, 1:3] = 1
    for value in (-1e10, 0, np.inf):
        depth = np.full((4, 4), value, np.float32)
        depth[1:3, 1:3] = [[1, 2], [2, 1]]
        assert not list(check_depth(depth, mask))


def test_255_is_no_unknown_label():
    labels = np.array([[0, 1, 2, 255]], np.uint8)
    vocabulary = ClassSet('own', HANDS, (), ((1, 2),))
    assert not list(check_labels(labels, None, vocabulary))
    assert dict(check_labels(labels + 1, None, vocabulary))['unknown_label']


def test_unknown_task_and_layout_are_refused():
    with pytest.raises(KeyError, match='`task` must be one of'):
        make_dataset('matting', '.')
    with pytest.raises(KeyError, match='`layout` for depth must be one of'):
        make_dataset('depth', '.', 'lip')


def test_documentation_explains_every_kind():
    text = (ROOT / 'docs' / 'dense_datasets.md').read_text(encoding='utf-8')
    for kind, meaning in DENSE_FAULT_KINDS.items():
        assert f'| `{kind}` | {meaning} |' in text, kind
