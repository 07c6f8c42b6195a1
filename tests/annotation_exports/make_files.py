"""Make the files of this folder with the packages of the tools.

Two images of 100 x 140 pixels with one person each, and a bag in the first. The ankle of the second
person is not labelled. Run with datumaro 1.13.12, label-studio-sdk 2.1.2, labelme2coco 0.2.6,
sleap-io 0.9.5, supervision 0.31.2, supervisely 6.74.51 and X-AnyLabeling 4.2.1 (its wheel
unpacked) installed; ``roboflow.json`` and ``fiftyone.json`` follow their documented layouts::

    python make_files.py FOLDER [TOOL ...]
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_WH = (100, 140)
NAMES = (
    *('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder'),
    *('right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip'),
    *('right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle'),
)
BOX = (15, 10, 70, 122)
BAG = (1, 1, 20, 20)
UNLABELLED = 16


def points_of(image):
    """x, y and visibility of a person (17, 3)."""
    number = np.arange(17)
    points = np.stack([30 + 2 * number, 20 + 6 * number, np.full(17, 2)], axis=1)
    if image == 2:
        points[UNLABELLED] = 0
    return points


def make_datumaro(folder):
    """CVAT writes COCO files through datumaro."""
    import datumaro as dm

    bag, person = 0, 1
    items = []
    for image in (1, 2):
        points = points_of(image)
        notes = [
            dm.Bbox(*BOX, label=person, group=1, id=0),
            dm.Points(
                points[:, :2].ravel().tolist(), points[:, 2].tolist(), label=person, group=1, id=0
            ),
        ]
        if image == 1:
            notes.append(dm.Bbox(*BAG, label=bag, group=2, id=1))
            # A track through a frame in which nothing was set.
            notes.append(dm.Points([0] * 34, [0] * 17, label=person, group=3, id=2))
            notes.append(dm.Bbox(0, 0, 0, 0, label=person, group=3, id=2))
        data = np.zeros((*SIZE_WH[::-1], 3), np.uint8)
        items.append(
            dm.DatasetItem(
                f'{image}', media=dm.Image.from_numpy(data, ext='.png'), annotations=notes
            )
        )
    categories = {
        dm.AnnotationType.label: dm.LabelCategories.from_iterable(['bag', 'person']),
        dm.AnnotationType.points: dm.PointsCategories.from_iterable([(person, list(NAMES))]),
    }
    dataset = dm.Dataset.from_iterable(items, categories=categories)
    out = folder / 'datumaro'
    dataset.export(str(out), 'coco_person_keypoints', save_media=False)
    (found,) = out.rglob('person_keypoints_*.json')
    found.rename(folder / 'datumaro.json')


def make_label_studio(folder):
    """Keypoints in the order of `model_index`; the tool joins all points of an image."""
    from label_studio_sdk.converter import Converter

    labels = ''.join(f'<Label value="{n}" model_index="{i}"/>' for i, n in enumerate(NAMES))
    config = (
        '<View><Image name="image" value="$image"/>'
        f'<KeyPointLabels name="points" toName="image">{labels}</KeyPointLabels>'
        '<RectangleLabels name="boxes" toName="image"><Label value="bag"/></RectangleLabels>'
        '</View>'
    )
    size = dict(original_width=SIZE_WH[0], original_height=SIZE_WH[1])
    tasks = []
    for image in (1, 2):
        path = folder / f'{image}.png'
        Image.new('RGB', SIZE_WH).save(path)
        result = [
            dict(
                **size,
                from_name='points',
                to_name='image',
                type='keypointlabels',
                value=dict(
                    x=x / SIZE_WH[0] * 100, y=y / SIZE_WH[1] * 100, width=1, keypointlabels=[name]
                ),
            )
            for name, (x, y, v) in zip(NAMES, points_of(image).tolist())
            if v
        ]
        if image == 1:
            x, y, w, h = BAG
            value = dict(
                x=x, y=y / 1.4, width=w, height=h / 1.4, rotation=0, rectanglelabels=['bag']
            )
            result.append(
                dict(
                    **size, from_name='boxes', to_name='image', type='rectanglelabels', value=value
                )
            )
        tasks.append(
            dict(id=image, data=dict(image=str(path)), annotations=[dict(id=image, result=result)])
        )
    source = folder / 'tasks.json'
    source.write_text(json.dumps(tasks))
    converter = Converter(config, str(folder), download_resources=False)
    converter.convert_to_coco(str(source), str(folder / 'ls'), is_dir=False)
    document = json.loads((folder / 'ls/result.json').read_text())
    for image in document['images']:
        image['file_name'] = Path(image['file_name']).name
    (folder / 'label_studio.json').write_text(json.dumps(document))


def make_labelme(folder):
    """Rectangles of LabelMe, converted by labelme2coco."""
    import labelme2coco

    source = folder / 'labelme'
    source.mkdir(exist_ok=True)
    for image in (1, 2):
        Image.new('RGB', SIZE_WH).save(source / f'{image}.png')
        shapes = [('person', BOX), *([('bag', BAG)] if image == 1 else [])]
        document = dict(
            version='5.5.0',
            flags={},
            shapes=[
                dict(
                    label=label,
                    points=[[x, y], [x + w, y + h]],
                    group_id=None,
                    shape_type='rectangle',
                    flags={},
                )
                for label, (x, y, w, h) in shapes
            ],
            imagePath=f'{image}.png',
            imageData=None,
            imageHeight=SIZE_WH[1],
            imageWidth=SIZE_WH[0],
        )
        (source / f'{image}.json').write_text(json.dumps(document))
    labelme2coco.convert(str(source), str(folder / 'labelme_coco'))
    (found,) = (folder / 'labelme_coco').glob('*.json')
    document = json.loads(found.read_text())
    for image in document['images']:  # absolute paths of the machine
        image['file_name'] = '/data/labelme/' + Path(image['file_name']).name
    (folder / 'labelme2coco.json').write_text(json.dumps(document))


def make_sleap(folder):
    """Instances of SLEAP."""
    import sleap_io as sio

    skeleton = sio.Skeleton(list(NAMES), name='person')
    frames, names = [], []
    video = sio.Video.from_filename([f'{image}.png' for image in (1, 2)])
    video.backend_metadata['shape'] = (2, *SIZE_WH[::-1], 3)
    for image in (1, 2):
        points = points_of(image).astype(float)
        points[points[:, 2] == 0] = np.nan
        instance = sio.Instance.from_numpy(points[:, :2], skeleton=skeleton)
        frames.append(sio.LabeledFrame(video=video, frame_idx=image - 1, instances=[instance]))
        names.append(f'{image}.png')
    labels = sio.Labels(labeled_frames=frames, videos=[video], skeletons=[skeleton])
    sio.save_coco(labels, str(folder / 'sleap_io.json'), image_filenames=names)


def make_supervision(folder):
    """Boxes of supervision."""
    import supervision as sv

    paths, notes = [], {}
    for image in (1, 2):
        path = str(folder / f'{image}.png')
        Image.new('RGB', SIZE_WH).save(path)
        boxes = [BOX, BAG] if image == 1 else [BOX]
        xyxy = np.array([[x, y, x + w, y + h] for x, y, w, h in boxes], dtype=float)
        notes[path] = sv.Detections(xyxy=xyxy, class_id=np.array([1, 0][: len(boxes)]))
        paths.append(path)
    dataset = sv.DetectionDataset(classes=['bag', 'person'], images=paths, annotations=notes)
    dataset.as_coco(annotations_path=str(folder / 'supervision.json'))


def make_x_anylabeling(folder):
    """Keypoints with and without visibility, as X-AnyLabeling exports poses to COCO."""
    from anylabeling.views.labeling.label_converter import LabelConverter

    for name, has_visible in (('x_anylabeling', True), ('x_anylabeling_pairs', False)):
        config = folder / f'{name}.yaml'
        config.write_text(
            json.dumps(dict(has_visible=has_visible, classes=dict(person=list(NAMES))))
        )
        source = folder / 'xany'
        source.mkdir(exist_ok=True)
        images = []
        for image in (1, 2):
            x, y, w, h = BOX
            corners = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
            shapes = [dict(label='person', shape_type='rectangle', points=corners, group_id=1)]
            shapes += [
                dict(label=label, shape_type='point', points=[[px, py]], group_id=1)
                for label, (px, py, v) in zip(NAMES, points_of(image).tolist())
                if v
            ]
            document = dict(imageWidth=SIZE_WH[0], imageHeight=SIZE_WH[1], shapes=shapes)
            (source / f'{image}.json').write_text(json.dumps(document))
            images.append(str(source / f'{image}.png'))
        out = folder / f'{name}_out'
        out.mkdir(exist_ok=True)
        LabelConverter(pose_cfg_file=str(config)).custom_to_coco(
            images, str(source), str(out), 'pose'
        )
        (found,) = out.glob('*.json')
        found.rename(folder / f'{name}.json')


def make_supervisely(folder):
    """Skeletons of Supervisely; its box includes (0, 0) for a point that is not labelled."""
    import supervisely as sly
    from supervisely.convert.image.coco.coco_helper import create_coco_ann_template, sly_ann_to_coco

    nodes = {n: dict(label=n, loc=[i, i], color='#0000FF') for i, n in enumerate(NAMES)}
    config = dict(nodes=nodes, edges=[])
    person = sly.ObjClass('person', sly.GraphNodes, geometry_config=config)
    meta = sly.ProjectMeta(obj_classes=[person])
    document = create_coco_ann_template(meta)
    for image in (1, 2):
        graph = {
            name: sly.Node(row=y, col=x)
            for name, (x, y, v) in zip(NAMES, points_of(image).tolist())
            if v
        }
        label = sly.Label(sly.GraphNodes(graph), person)
        annotation = sly.Annotation(SIZE_WH[::-1], [label])
        document['images'].append(
            dict(id=image, file_name=f'{image}.png', width=SIZE_WH[0], height=SIZE_WH[1])
        )
        sly_ann_to_coco(annotation, image, dict(person=1), document['annotations'], image - 1)
    (folder / 'supervisely.json').write_text(json.dumps(document, default=int))


MAKERS = dict(
    datumaro=make_datumaro,
    label_studio=make_label_studio,
    labelme=make_labelme,
    sleap=make_sleap,
    supervision=make_supervision,
    supervisely=make_supervisely,
    x_anylabeling=make_x_anylabeling,
)

if __name__ == '__main__':
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    for tool in sys.argv[2:] or MAKERS:
        MAKERS[tool](target)
