"""Bad annotations."""

import json
import logging
import os
from pathlib import Path

from mmengine.logging import MMLogger

from . import Warned, row
from .builders import annotation, coco, dataset, train

WHOLE_BODY = [20, 20, 2] * 133


def warning_of(function):
    """Raise Warned with what a function logs, if it does."""
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        function()
    finally:
        logger.removeHandler(handler)
    if records:
        raise Warned('\n'.join(records))


@row('A01')
def missing_file():
    train()


@row('A02')
def not_json():
    coco()
    Path('people.json').write_text('version https://git-lfs.github.com/')
    dataset()


@row('A03')
def not_coco():
    coco()
    Path('people.json').write_text('[{"keypoints": []}]')
    dataset()


@row('A04')
def keypoints_133_into_17():
    coco([annotation(keypoints=WHOLE_BODY)])
    train()


@row('A05')
def keypoints_133_into_17_of_stock_dataset():
    coco([annotation(keypoints=WHOLE_BODY)])
    # Our own dataset, here for validation, would refuse it earlier.
    train(
        "train_dataloader['dataset'] = dict(people, type='CocoDataset')", options=['--no-validate']
    )


@row('A06')
def dataset_133_into_head_17():
    people = annotation(segmentation=[])
    for part, count in (
        ('foot_kpts', 6),
        ('face_kpts', 68),
        ('lefthand_kpts', 21),
        ('righthand_kpts', 21),
    ):
        people[part] = [20, 20, 2] * count
    coco([people])
    train(
        "train_dataloader['dataset'] = dict(people, _delete_=True,"
        " type='CocoWholeBodyDataset', data_mode='topdown',"
        ' pipeline={{_base_.train_pipeline}})'
    )


@row('A07')
def missing_images():
    coco()
    os.remove('1.jpg')
    train()


@row('A08')
def wrong_data_prefix():
    coco()
    train("train_dataloader['dataset'] = dict(people, data_prefix=dict(img='a/'))")


@row('A09')
def box_outside():
    coco([annotation(), annotation(id=8, bbox=[100, 4, 30, 40])])
    warning_of(dataset)


@row('A10')
def box_of_zero_size():
    coco([annotation(), annotation(id=9, bbox=[4, 4, 0, 40])])
    warning_of(dataset)


@row('A11')
def box_of_three_numbers():
    coco([annotation(bbox=[4, 4, 30])])
    dataset()


@row('A12')
def nobody_with_keypoints():
    coco([annotation(num_keypoints=0, keypoints=[0] * 51)])
    train()


@row('A13')
def nobody_left_by_filter():
    coco()
    dataset(filter_cfg=dict(bbox_score_thr=2.0))


@row('A14')
def nobody_in_stock_validation_set():
    coco([])
    os.rename('people.json', 'nobody.json')
    coco()
    train(
        "val_dataloader['dataset'] = dict(people, type='CocoDataset',"
        " ann_file='nobody.json', bbox_file=None, serialize_data=False)"
    )


@row('A15')
def missing_bbox_file():
    coco()
    dataset(bbox_file='detections.json', test_mode=True)


@row('A16')
def bbox_file_is_no_list():
    coco()
    Path('detections.json').write_text('{"detections": []}')
    dataset(bbox_file='detections.json', test_mode=True)


@row('A17')
def bbox_file_of_other_images():
    coco()
    box = dict(image_id=5, category_id=1, bbox=[1, 1, 9, 9], score=1.0)
    Path('detections.json').write_text(json.dumps([box]))
    dataset(bbox_file='detections.json', test_mode=True)


@row('A18')
def flat_detection():
    coco()
    box = dict(image_id=1, category_id=1, bbox=[1, 1, 0, 9], score=1.0)
    Path('detections.json').write_text(json.dumps([box]))
    train("val_dataloader['dataset'] = dict(people, bbox_file='detections.json')")


@row('A19')
def image_without_width():
    coco(width=None)
    Path('1.jpg').unlink()
    dataset()


@row('A20')
def one_sided_swap():
    coco()
    Path('mine.py').write_text(
        "points = {i: dict(name=f'point {i}', swap='') for i in range(17)}\n"
        "points[1]['swap'] = 'point 2'\n"
        "dataset_info = dict(dataset_name='mine', keypoint_info=points,"
        ' skeleton_info={}, joint_weights=[1.0] * 17, sigmas=[0.1] * 17)'
    )
    train("train_dataloader['dataset'] = dict(people, metainfo=dict(from_file='mine.py'))")


@row('A21')
def missing_val_annotations():
    coco()
    train("val_dataloader['dataset'] = dict(people, ann_file='val.json')")
