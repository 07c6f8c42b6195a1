"""Annotation files with planted faults of every kind.

An edit takes an image, its annotation, the document and the folder of the images, and changes
them.
"""

import copy
import json

import cv2
import numpy as np
from annotated_people import SIZE_WH, keypoint_fields, make_document, write_document

from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from mmsapiens.pose.datasets.faults import read_points

NAN, INF = float('nan'), float('inf')


def edit_keypoints(vocabulary, **changes):
    """Change keypoints by name, and the groups that repeat them."""

    def edit(image, annotation, doc, folder):
        described = get_keypoint_set(vocabulary)
        points, _ = read_points(annotation, described)
        for name, values in changes.items():
            index = described.keypoint_names.index(name)
            points[index] = values
        annotation.update(keypoint_fields(points, vocabulary))

    return edit


def exchange(vocabulary, *groups):
    """Exchange left and right of some names or groups."""

    def edit(image, annotation, doc, folder):
        described = get_keypoint_set(vocabulary)
        points, _ = read_points(annotation, described)
        old = points.copy()
        for index, name in enumerate(described.keypoint_names):
            chosen = name.split('_', 1)[-1] in groups or any(
                index in described.groups.get(group, ()) for group in groups
            )
            if chosen:
                points[index] = old[described.flip_indices[index]]
        annotation.update(keypoint_fields(points, vocabulary))

    return edit


def set_entry(section, **values):
    """Change an image or an annotation."""

    def edit(image, annotation, doc, folder):
        (image if section == 'images' else annotation).update(values)

    return edit


def remove_entry(key):
    return lambda image, annotation, doc, folder: annotation.pop(key)


def reuse_image_id(image, annotation, doc, folder):
    image['id'] = annotation['image_id'] = doc['images'][0]['id']


def reuse_person(image, annotation, doc, folder):
    first = copy.deepcopy(doc['annotations'][0])
    annotation.update(first, id=annotation['id'])


def remove_file(image, annotation, doc, folder):
    (folder / image['file_name']).unlink()


def damage_file(image, annotation, doc, folder):
    (folder / image['file_name']).write_bytes(b'not an image')


def replace_file(image, annotation, doc, folder):
    cv2.imwrite(str(folder / image['file_name']), np.zeros((9, 8, 3)))


def shorten_field(field):
    return lambda image, annotation, doc, folder: annotation[field].pop()


def planted_faults(vocabulary):
    """Kind, section and edit of each fault; one image and person each."""
    image, person = 'images', 'annotations'
    points = vocabulary
    shoulder_to = {
        kind: edit_keypoints(points, left_shoulder=values)
        for kind, values in {
            'non_finite_keypoint': (NAN, 40, 2),
            'wrong_visibility': (66, 40, 3),
            'keypoint_at_origin': (0, 0, 2),
            'keypoint_outside': (SIZE_WH[0] + 2, 40, 2),
        }.items()
    }

    def move_box(image, annotation, doc, folder):
        annotation.update(bbox=[15.0, 60.0, 20.0, 20.0], area=100.0)

    faults = [
        ('duplicate_image_id', image, reuse_image_id),
        ('image_without_name', image, set_entry(image, file_name=None)),
        ('image_without_size', image, set_entry(image, width=0)),
        ('image_without_size', image, set_entry(image, height='tall')),
        ('missing_image', image, remove_file),
        ('unreadable_image', image, damage_file),
        ('wrong_image_size', image, replace_file),
        ('duplicate_annotation_id', person, set_entry(person, id=1000)),
        ('malformed_entry', person, set_entry(person, id=None)),
        ('unknown_image', person, set_entry(person, image_id=5)),
        ('unknown_image', person, set_entry(person, image_id=[5])),
        ('unknown_category', person, set_entry(person, category_id=7)),
        ('wrong_iscrowd', person, set_entry(person, iscrowd=2)),
        ('wrong_box', person, set_entry(person, bbox=[1, 2, 3])),
        ('non_finite_box', person, set_entry(person, bbox=[1, 2, 3, INF])),
        ('empty_box', person, set_entry(person, bbox=[50, 50, -5, 9])),
        ('box_outside', person, set_entry(person, bbox=[15, 10, 90, 122])),
        ('wrong_area', person, set_entry(person, area=0)),
        ('wrong_area', person, remove_entry('area')),
        ('area_exceeds_box', person, set_entry(person, area=20000)),
        (
            'missing_keypoints',
            person,
            remove_entry(list(get_keypoint_set(points).annotation_fields)[0]),
        ),
        ('wrong_num_keypoints', person, set_entry(person, num_keypoints=3)),
        ('keypoint_far_from_box', person, move_box),
        ('duplicate_person', person, reuse_person),
        ('swapped_face', person, exchange(points, 'eye', 'ear')),
        ('swapped_face', person, exchange(points, 'ear')),
        *((kind, person, edit) for kind, edit in shoulder_to.items()),
    ]
    for field in get_keypoint_set(points).annotation_fields:
        faults += [
            ('wrong_keypoint_count', person, shorten_field(field)),
            ('wrong_keypoint_value', person, set_entry(person, **{field: 8})),
        ]
    trunk = ('shoulder', 'elbow', 'hip', 'knee')
    if points == 'coco':
        trunk += ('wrist', 'ankle')
    else:
        hands, feet = ('left_hand', 'right_hand'), ('foot',)
        faults += [
            ('swapped_hands', person, exchange(points, *hands)),
            ('swapped_feet', person, exchange(points, *feet)),
        ]
    faults.append(('swapped_body', person, exchange(points, *trunk)))
    if points == 'goliath308':
        other = [1.0] * 18
        faults.append(('contradictory_group', person, set_entry(person, foot_kpts=other)))
    return faults


def write_broken(folder, vocabulary):
    """A file with all planted faults, and where they are."""
    faults = planted_faults(vocabulary)
    doc = make_document(vocabulary, 1 + len(faults))
    path = write_document(folder, doc)
    places = []
    for index, (kind, section, edit) in enumerate(faults, 1):
        edit(doc['images'][index], doc['annotations'][index], doc, folder)
        entry = doc[section][index]
        places.append((kind, f'{section}[{index}] (id {entry["id"]})'))
    doc['categories'].append(dict(id=2, name='dog', keypoints=['tail']))
    places.append(('wrong_names', 'categories[1] (id 2)'))
    doc['annotations'].append('nobody')
    places.append(('malformed_entry', f'annotations[{len(faults) + 1}]'))
    if vocabulary == 'goliath308':
        doc['info'] = dict(goliath_info=dict(foot_keypoint_ids=[1, 2]))
        key = 'info.goliath_info.foot_keypoint_ids'
        places.append(('wrong_groups', key))
    places.append(('refused', 'file'))
    with open(path, 'w') as file:
        json.dump(doc, file)
    return path, places
