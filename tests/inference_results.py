"""Results as networks would give them, made without any."""

import json

import cv2
import numpy as np
from parity import data_folder

from mmsapiens.structures.results import Image, ImageResult, MapResult, People, PoseResult

CLASSES = ('background', 'head', 'torso', 'left_arm', 'right_arm', 'legs')
PALETTE = (
    (50, 50, 50),
    (255, 218, 0),
    (230, 80, 80),
    (60, 170, 90),
    (90, 120, 220),
    (200, 110, 210),
)


def made_frame(name='a', size_hw=(48, 64), **kwargs):
    """An image with a gradient."""
    height, width = size_hw
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, width)
    image[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image(image, name, kwargs.pop('source', f'{name}.png'), **kwargs)


def made_people(boxes):
    """People in boxes x1, y1, x2, y2."""
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return People(array, np.linspace(0.9, 0.5, len(array)), 'detector')


def made_pose(people, count=17, vocabulary='coco'):
    """Keypoints spread over the boxes."""
    spread = np.random.default_rng(0).random((count, 2), np.float32)
    low, high = people.boxes[:, None, :2], people.boxes[:, None, 2:]
    points = low + spread * (high - low)
    scores = np.tile(np.linspace(0.2, 1, count, dtype=np.float32), (1, 1))
    return PoseResult(points, np.repeat(scores, len(people), axis=0), vocabulary)


def made_maps(frame, people):
    """Parts, depth and normals of a body like an egg in each box."""
    height, width = frame.size_hw
    y, x = np.mgrid[:height, :width].astype(np.float32)
    labels = np.zeros((height, width), np.uint8)
    depth = np.full((height, width), 0.3, np.float32)
    normals = np.zeros((height, width, 3), np.float32)
    normals[..., 2] = 1
    for x1, y1, x2, y2 in people.boxes:
        u = (x - (x1 + x2) / 2) / max((x2 - x1) / 2, 1)
        v = (y - (y1 + y2) / 2) / max((y2 - y1) / 2, 1)
        inside = u**2 + v**2 < 1
        w = np.sqrt((1 - u**2 - v**2).clip(0))
        part = np.digitize(v, [-0.6, 0.2]) + 1
        part = np.where(part == 3, 5, part)
        part = np.where((part == 2) & (u < -0.5), 4, part)
        part = np.where((part == 2) & (u > 0.5), 3, part)
        labels[inside] = part[inside]
        depth[inside] = (1 - w)[inside]
        normals[inside] = np.stack([u, -v, w], axis=-1)[inside]
    return {
        'seg-28': MapResult(labels, 'seg_map', CLASSES, PALETTE),
        'depth': MapResult(depth, 'depth_map'),
        'normal': MapResult(normals, 'normal_map'),
    }


def made_result(frame=None, boxes=((10, 5, 40, 45),)):
    """A result of four tasks."""
    frame = frame or made_frame()
    people = made_people(boxes)
    tasks = {'pose-17': made_pose(people), **made_maps(frame, people)}
    return ImageResult(frame, people, tasks)


def annotated_result(number):
    """A photograph with its annotated people and 133 keypoints."""
    folder = data_folder() / 'coco_sample'
    document = json.loads((folder / 'test_coco_wholebody.json').read_text())
    image = cv2.imread(str(folder / f'{number:012d}.jpg'))
    people = [one for one in document['annotations'] if one['image_id'] == number]
    fields = ('keypoints', 'foot_kpts', 'face_kpts', 'lefthand_kpts')
    fields += ('righthand_kpts',)
    points = np.array([sum((one[field] for field in fields), []) for one in people]).reshape(
        len(people), 133, 3
    )
    boxes = np.array([one['bbox'] for one in people], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    frame = Image(image, f'{number:012d}', f'{number:012d}.jpg')
    found = People(boxes, np.ones(len(boxes), np.float32), 'file')
    pose = PoseResult(
        points[..., :2].astype(np.float32),
        (points[..., 2] > 0).astype(np.float32),
        'coco_wholebody',
    )
    return ImageResult(frame, found, {'pose-133': pose, **made_maps(frame, found)})
