"""Datasets of figures with planted faults of every kind.

An edit takes the folder of a good dataset of three samples, whose folders are those of
`dense_figures`, and breaks the sample `0001`.
"""

import io
import json
import shutil
from dataclasses import dataclass

import cv2
import numpy as np
from dense_figures import write_figures

SIZE_HW = (64, 48)
NAME = '0001'
FIELD_FOLDERS = {
    'images': '.png',
    'masks': '.png',
    'labels': '.png',
    'depths': '.npy',
    'normals': '.npy',
}


def write_good(folder, task, count=3):
    """Figures in the folders that a task needs."""
    write_figures(folder, count, SIZE_HW)
    needed = {
        'parsing': ('images', 'labels'),
        'depth': ('images', 'masks', 'depths'),
        'normal': ('images', 'masks', 'normals'),
    }[task]
    for name in set(FIELD_FOLDERS) - set(needed):
        shutil.rmtree(folder / name)
    return folder


def path_of(folder, kind):
    return folder / kind / (NAME + FIELD_FOLDERS[kind])


def empty(kind):
    return lambda folder: path_of(folder, kind).write_bytes(b'')


def cut(kind):
    def edit(folder):
        path = path_of(folder, kind)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return edit


def remove(kind):
    return lambda folder: path_of(folder, kind).unlink()


def remove_folder(kind):
    return lambda folder: shutil.rmtree(folder / kind)


def overwrite(kind, content):
    return lambda folder: path_of(folder, kind).write_bytes(content)


def change_array(kind, change):
    """Change an npy file; with a mask, that of the sample."""

    def edit(folder):
        path = path_of(folder, kind)
        mask = cv2.imread(str(path_of(folder, 'masks')), 0) > 0
        np.save(path, change(np.load(path), mask), allow_pickle=True)

    return edit


def change_image(kind, change):
    def edit(folder):
        path = str(path_of(folder, kind))
        cv2.imwrite(path, change(cv2.imread(path, cv2.IMREAD_UNCHANGED)))

    return edit


def rename(kind, suffix):
    """Store an image in another format, without the first one."""

    def edit(folder):
        path = path_of(folder, kind)
        cv2.imwrite(str(path.with_suffix(suffix)), cv2.imread(str(path), -1))
        path.unlink()

    return edit


def copy_as(kind, name):
    return lambda folder: shutil.copy(path_of(folder, kind), folder / kind / name)


def set_pixels(value, number=1):
    """Set human pixels of an array."""

    def change(array, mask):
        rows, columns = np.nonzero(mask)
        array[rows[:number], columns[:number]] = value
        return array

    return change


def set_corner(value):
    def change(image):
        image[:3, :3] = value
        return image

    return change


def make_constant(array, mask):
    array[mask] = 2
    return array


def nan_mask():
    buffer = io.BytesIO()
    np.save(buffer, np.full(SIZE_HW, np.nan))
    return buffer.getvalue()


def smaller(array, mask=None):
    return np.ascontiguousarray(array[:-1])


def empty_all(folder):
    for path in folder.glob('*/*.*'):
        path.unlink()


def copy_image(folder):
    shutil.copy(folder / 'images/0000.png', path_of(folder, 'images'))


@dataclass(frozen=True)
class Planted:
    """A fault: how it is made, what the checker and the loader say.

    `refusal` is a part of the message of the dataset or its pipeline; None if training goes on
    with such a sample.
    """

    kind: str
    task: str
    edit: object
    refusal: str | None = None
    at_build: bool = False


PLANTED = {
    'folder-missing': Planted(
        'missing_folder', 'depth', remove_folder('depths'), 'there is no folder .*depths', True
    ),
    'folders-empty': Planted('no_samples', 'depth', empty_all, 'found no sample in .*images', True),
    'image-missing': Planted(
        'missing_image', 'parsing', remove('images'), 'no image of the name 0001', True
    ),
    'label-missing': Planted(
        'missing_map', 'parsing', remove('labels'), 'no map of the name 0001', True
    ),
    'depth-missing': Planted(
        'missing_map', 'depth', remove('depths'), 'no map of the name 0001', True
    ),
    'mask-missing': Planted(
        'missing_map', 'normal', remove('masks'), 'no map of the name 0001', True
    ),
    'two-suffixes': Planted(
        'several_files',
        'depth',
        copy_as('images', '0001.jpg'),
        '0001.jpg, 0001.png have one name',
        True,
    ),
    'image-empty': Planted('empty_file', 'parsing', empty('images'), 'is an empty file'),
    'depth-empty': Planted('empty_file', 'depth', empty('depths'), 'is an empty file'),
    'label-empty': Planted('empty_file', 'parsing', empty('labels'), 'is an empty file'),
    'image-cut': Planted('damaged_image', 'depth', cut('images'), 'was cut short'),
    'image-text': Planted(
        'damaged_image', 'normal', overwrite('images', b'<html>'), 'cannot be decoded'
    ),
    'image-twice': Planted('duplicate_image', 'depth', copy_image),
    'label-jpeg': Planted('jpeg_map', 'parsing', rename('labels', '.jpg'), 'is a JPEG'),
    'mask-jpeg': Planted('jpeg_map', 'depth', rename('masks', '.jpg'), 'is a JPEG'),
    'depth-pickled': Planted(
        'pickled_map',
        'depth',
        change_array('depths', lambda array, mask: array.astype(object)),
        'pickled objects are never loaded',
    ),
    'depth-cut': Planted('damaged_map', 'depth', cut('depths'), 'no whole npy'),
    'label-cut': Planted('damaged_map', 'parsing', cut('labels'), 'was cut short'),
    'mask-text': Planted('damaged_map', 'depth', overwrite('masks', b'text'), 'starts with'),
    'depth-channels': Planted(
        'wrong_shape',
        'depth',
        change_array('depths', lambda array, mask: np.dstack([array, array, array * 2])),
        r'must have the shape \(H, W\)',
    ),
    'normal-channels': Planted(
        'wrong_shape',
        'normal',
        change_array('normals', lambda array, mask: array[..., :2]),
        r'must have the shape \(H, W, 3\)',
    ),
    'normal-bytes': Planted(
        'wrong_type',
        'normal',
        change_array('normals', lambda array, mask: array.astype(np.int8)),
        'floating point numbers',
    ),
    'depth-nan': Planted('infinite_values', 'depth', change_array('depths', set_pixels(np.nan))),
    'normal-nan': Planted('zero_normal', 'normal', change_array('normals', set_pixels(np.nan))),
    'depth-infinite': Planted(
        'infinite_values', 'depth', change_array('depths', set_pixels(np.inf))
    ),
    'depth-negative': Planted(
        'negative_depth',
        'depth',
        change_array('depths', lambda array, mask: -array),
        'Negate z of a camera',
    ),
    'mask-nan': Planted('nan_values', 'depth', overwrite('masks', nan_mask()), 'NaN or infinite'),
    'mask-colors': Planted(
        'gray_mask',
        'depth',
        change_image('masks', lambda p: np.dstack([p, p // 2, set_corner(9)(p.copy())])),
        'has several colors',
    ),
    'label-one-color': Planted(
        'color_labels',
        'parsing',
        change_image('labels', lambda p: np.dstack([p, p, set_corner(9)(p.copy())])),
        'colors of no class',
    ),
    'depth-size': Planted('size_differs', 'depth', change_array('depths', smaller), 'high'),
    'label-size': Planted('size_differs', 'parsing', change_image('labels', smaller), 'high'),
    'label-unknown': Planted(
        'unknown_label', 'parsing', change_image('labels', set_corner(200)), '200'
    ),
    'label-16-bits': Planted(
        'unknown_label',
        'parsing',
        change_image('labels', lambda p: set_corner(999)(p.astype('u2'))),
        'from 0 to 254',
    ),
    'label-background': Planted(
        'unlabelled_image', 'parsing', change_image('labels', np.zeros_like)
    ),
    'mask-empty': Planted(
        'empty_mask', 'depth', change_image('masks', np.zeros_like), 'no human pixel'
    ),
    'mask-full': Planted('full_mask', 'parsing', lambda folder: add_masks(folder, full=True)),
    'mask-gray': Planted('gray_mask', 'depth', change_image('masks', lambda p: p // 2)),
    'labels-outside': Planted(
        'labels_outside_mask', 'parsing', lambda folder: add_masks(folder, full=False)
    ),
    'depth-constant': Planted('constant_depth', 'depth', change_array('depths', make_constant)),
    'depth-zero': Planted('not_positive_depth', 'depth', change_array('depths', set_pixels(0))),
    'depth-background': Planted(
        'background_in_depth', 'depth', change_array('depths', set_pixels(1e5))
    ),
    'depth-far': Planted('infinite_values', 'depth', change_array('depths', set_pixels(1e10))),
    'normal-zero': Planted('zero_normal', 'normal', change_array('normals', set_pixels(0))),
    'normal-shifted': Planted(
        'shifted_normals',
        'normal',
        change_array('normals', lambda array, mask: (array + 1) / 2),
        'stored as',
    ),
    'normal-long': Planted(
        'not_unit_normal', 'normal', change_array('normals', set_pixels((0, 0, 1.4)))
    ),
    'normal-opencv': Planted(
        'normals_face_away',
        'normal',
        change_array('normals', lambda a, mask: a * np.float32([1, -1, -1])),
    ),
}
"""Name -> what is planted."""


def add_masks(folder, full):
    """Masks beside labels: of everybody, but for one of the samples."""
    (folder / 'masks').mkdir()
    for path in (folder / 'labels').iterdir():
        mask = (cv2.imread(str(path), 0) > 0).astype(np.uint8) * 255
        if path.stem == NAME:
            mask[: len(mask) // 2] = 255 if full else 0
            mask[len(mask) // 2 :] = 255 if full else mask[len(mask) // 2 :]
        cv2.imwrite(str(folder / 'masks' / path.name), mask)


def write_metainfo(path, **changes):
    """A file of classes and pairs for `--metainfo`."""
    doc = dict(classes=['Background', 'Left_Hand', 'Right_Hand', 'Hair'], flip_pairs=[[1, 2]])
    path.write_text(json.dumps({**doc, **changes}))
    return str(path)
