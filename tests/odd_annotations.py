"""Annotation files as people and tools write them: a good one, and edits of it."""

import numpy as np

from mmsapiens.keypoints import get_keypoint_set

NAMES = get_keypoint_set('coco').keypoint_names
POINTS = [v for i in range(17) for v in (30 + 2 * i, 20 + 6 * i, 2)]
IMAGES = (1, 2, 3)
SIZE_WH = (100, 140)


def document():
    """Three images with one person each."""
    return dict(
        images=[dict(id=i, file_name=f'{i}.png', width=100, height=140) for i in IMAGES],
        categories=[dict(id=1, name='person')],
        annotations=[
            dict(
                id=i,
                image_id=i,
                category_id=1,
                iscrowd=0,
                bbox=[15, 10, 70, 122],
                area=8540,
                num_keypoints=17,
                keypoints=list(POINTS),
            )
            for i in IMAGES
        ],
    )


def each(**values):
    """Set keys of all annotations; a function is called with the value."""

    def edit(doc):
        for entry in doc['annotations']:
            for key, value in values.items():
                entry[key] = value(entry[key]) if callable(value) else value

    return edit


def without(key):
    return lambda doc: [entry.pop(key) for entry in doc['annotations']]


def first(**values):
    return lambda doc: doc['annotations'][0].update(values)


def category(**values):
    return lambda doc: doc['categories'][0].update(values)


def set_point(*values):
    def edit(doc):
        for entry in doc['annotations']:
            entry['keypoints'][: len(values)] = values

    return edit


def named_in_other_order(doc):
    order = [*range(16, 2, -1), 1, 2, 0]
    doc['categories'][0]['keypoints'] = [NAMES[i].replace('_', ' ').title() for i in order]
    points = np.array(POINTS).reshape(17, 3)[order].ravel().tolist()
    each(keypoints=points)(doc)


def text_everywhere(doc):
    for image in doc['images']:
        image.update({key: str(image[key]) for key in ('id', 'width', 'height')})
    text = dict.fromkeys(('id', 'image_id', 'category_id', 'iscrowd', 'area'), str)
    each(**text, num_keypoints=str, keypoints=lambda points: list(map(str, points)))(doc)


def ids_are_names(doc, names=('frame_1', 'frame_2', 'x')):
    for entry, name in zip(doc['annotations'], names):
        doc['images'][entry['image_id'] - 1]['id'] = name
        entry['image_id'] = name


def second_category(name, **values):
    def edit(doc):
        doc['categories'].append(dict(id=2, name=name))
        doc['annotations'][0].update(category_id=2, **values)

    return edit


def people_are(number, *others):
    def edit(doc):
        doc['categories'] = [dict(id=number, name='Person')]
        doc['categories'] += [dict(id=other, name='bag') for other in others]
        each(category_id=number)(doc)

    return edit


READ = dict(
    ids_are_file_names=each(image_id=lambda number: f'{number}.png'),
    adults_are_people=lambda doc: [
        doc['categories'][0].update(name='adult', supercategory='person'),
        doc['categories'].append(dict(id=2, name='bag', supercategory='thing')),
    ],
    text_everywhere=text_everywhere,
    ids_are_names=ids_are_names,
    ids_with_zeros=lambda doc: ids_are_names(doc, ('1', '01', '001')),
    ids_are_floats=each(image_id=float, id=float, category_id=float),
    ids_missing=without('id'),
    ids_from_zero=each(id=lambda value: value - 1),
    one_id_for_all=each(id=1),
    categories_missing=lambda doc: doc.pop('categories'),
    categories_null=lambda doc: doc.update(categories=None),
    categories_empty=lambda doc: doc['categories'].clear(),
    category_missing=without('category_id'),
    category_of_none=each(category_id=0),
    category_zero=people_are(0, 1),
    category_three=people_are(3, 1, 2),
    area_missing=without('area'),
    area_null=each(area=None),
    area_zero=each(area=0),
    area_text=each(area='large'),
    count_missing=without('num_keypoints'),
    count_null=each(num_keypoints=None),
    crowd_missing=without('iscrowd'),
    crowd_false=each(iscrowd=False),
    crowd_null=each(iscrowd=None),
    box_nested=each(bbox=[[15, 10], [70, 122]]),
    sizes_are_floats=lambda doc: [i.update(width=100.0, height='140.0') for i in doc['images']],
    score_null=each(score=None),
    box_of_text=each(bbox=['15', '10.0', ' 70', '122']),
    points_nested=each(keypoints=np.reshape(POINTS, (17, 3)).tolist()),
    points_in_pairs=each(keypoints=[v for i, v in enumerate(POINTS) if i % 3 < 2]),
    names_in_other_order=named_in_other_order,
    names_are_numbers=category(keypoints=[str(i) for i in range(17)]),
    backslashes=lambda doc: [
        image.update(file_name='a\\' + image['file_name']) for image in doc['images']
    ],
)
"""Read as the good file."""

UNLABELLED = dict(
    visibility_below_0=set_point(30, 20, -1),
    visibility_null=set_point(30, 20, None),
    visibility_nan=set_point(30, 20, float('nan')),
    point_null=set_point(None, None, None),
    point_nan=set_point(float('nan'), 20, 2),
    point_infinite=set_point(30, 1e400, 2),
    point_of_400_digits=set_point(30, 10**400, 2),
)
"""The first point of each is not labelled."""

LEFT_OUT = dict(
    box_missing=lambda doc: doc['annotations'][0].pop('bbox'),
    box_null=first(bbox=None),
    box_empty=first(bbox=[]),
    box_of_nulls=first(bbox=[None] * 4),
    box_nan=first(bbox=[float('nan'), 10, 70, 122]),
    image_of_none=first(image_id=99),
    image_missing=lambda doc: doc['annotations'][0].pop('image_id'),
    image_is_a_list=first(image_id=[1]),
    points_missing=lambda doc: doc['annotations'][0].pop('keypoints'),
    points_null=first(keypoints=None),
    points_empty=first(keypoints=[], num_keypoints=0, bbox=[0, 0, 0, 0]),
    count_zero=first(num_keypoints=0),
    nothing_labelled=first(keypoints=[v * (i % 3 < 2) for i, v in enumerate(POINTS)]),
    other_category=second_category('bag', keypoints=None),
    other_skeleton=second_category('hand', keypoints=[3, 3, 2] * 21),
    dog_with_17_points=second_category('dog'),
    no_object=lambda doc: doc['annotations'].__setitem__(0, None),
)
"""The first of three people takes no part, and is named."""

REFUSED = dict(
    box_of_three=(first(bbox=[1, 2, 3]), r'annotation 1 must have a `bbox`.*\[1, 2, 3\]'),
    box_is_an_object=(first(bbox=dict(x=15, y=10)), "annotation 1 must have a `bbox`.*'x': 15"),
    points_are_objects=(first(keypoints=[dict(x=1)] * 17), 'annotation 1 must have numbers'),
    box_of_words=(first(bbox=list('abcd')), 'annotation 1 must have a `bbox`'),
    boxes_in_shares=(each(bbox=[0.1, 0.1, 0.5, 0.8]), '`bbox` that must be in pixels'),
    points_in_shares=(
        each(keypoints=[v / 200 if i % 3 < 2 else v for i, v in enumerate(POINTS)]),
        '`keypoints` must be in pixels',
    ),
    points_of_words=(first(keypoints=['a'] * 51), 'annotation 1 must have numbers .*`keypoints`'),
    points_no_list=(first(keypoints=8), 'annotation 1 must have numbers .*`keypoints`.*8'),
    too_few_points=(first(keypoints=POINTS[:-3]), 'annotation 1 must have 17 keypoints.*48'),
    crowd_of_words=(first(iscrowd='maybe'), "annotation 1 must have `iscrowd`.*'maybe'"),
    count_of_words=(first(num_keypoints='all'), "annotation 1 must have .*`num_keypoints`.*'all'"),
    names_of_h36m=(
        category(keypoints=['pelvis', 'right_hip', 'right_knee', *map(str, range(14))]),
        "category 'person' must have the `keypoints` nose.*pelvis",
    ),
    one_id_for_two_images=(
        lambda doc: doc['images'][1].update(id=1),
        'image 1 must be one image.*1.png and 2.png',
    ),
    one_id_for_two_categories=(
        lambda doc: doc['categories'].append(dict(id=1, name='bag')),
        "category 1 must be one.*'person' and 'bag'",
    ),
    image_without_name=(
        lambda doc: doc['images'][1].pop('file_name'),
        'image 1 must have `id` and',
    ),
    image_without_id=(lambda doc: doc['images'][1].pop('id'), 'image 1 must have `id` and'),
    width_of_words=(
        lambda doc: doc['images'][1].update(width='w'),
        "image 2 must give `width`.*'w'",
    ),
    no_images=(lambda doc: doc.pop('images'), "keys .'images', 'annotations'."),
    annotations_null=(lambda doc: doc.update(annotations=None), 'annotations: NoneType'),
    categories_no_list=(lambda doc: doc.update(categories=8), '`categories` must be a list'),
    order_of_label_studio=(
        lambda doc: [named_in_other_order(doc), doc.update(info=dict(contributor='Label Studio'))],
        'model_index',
    ),
)
"""Name of a contradiction -> the edit, and what the error names."""
