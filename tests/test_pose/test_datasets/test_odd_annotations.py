"""Datasets and evaluators on annotation files as people and tools write them."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import odd_annotations as odd
import pytest
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, METRICS
from mmpose.evaluation.metrics import CocoMetric
from PIL import Image

from mmsapiens.pose import PoseDataCheckHook
from mmsapiens.pose.datasets.validation import ImageFolder, validate_file

EXPORTS = Path(__file__).parents[2] / 'annotation_exports'
TOOLS = ('datumaro', 'label_studio', 'sleap_io', 'x_anylabeling', 'x_anylabeling_pairs')
TOOLS += ('roboflow', 'fiftyone', 'supervisely')

pytestmark = [
    pytest.mark.usefixtures('mmpose_scope'),
    pytest.mark.filterwarnings('ignore:The metainfo config'),
]


def write(path, edit=None, document=None):
    document = document or odd.document()
    if edit is not None:
        edit(document)
    path.write_text(json.dumps(document))
    return str(path)


def dataset(path, **changes):
    cfg = dict(
        type='mmsapiens.CheckedCocoDataset',
        ann_file=path,
        data_mode='topdown',
        data_prefix=dict(img='in'),
        test_mode=True,
    )
    return DATASETS.build({**cfg, **changes})


def evaluate(data, metric, move=0.0):
    """AP of predictions that are the annotations, moved by some pixels."""
    metric.dataset_meta = data.metainfo
    for index in range(len(data)):
        info = data.get_data_info(index)
        points = info['keypoints'] + move
        metric.process(
            {},
            [
                dict(
                    **{key: info[key] for key in ('id', 'img_id', 'img_path')},
                    pred_instances=dict(
                        keypoints=points, keypoint_scores=np.ones(points.shape[:2])
                    ),
                    gt_instances=dict(
                        bbox_scores=np.ones(1),
                        bbox_scales=info['bbox'][:, 2:] - info['bbox'][:, :2],
                    ),
                )
            ],
        )
    return metric.evaluate(len(data))['coco/AP']


def metric(path, kind='mmsapiens.CheckedCocoMetric'):
    return METRICS.build(dict(type=kind, ann_file=path))


@pytest.mark.parametrize('name', odd.READ)
def test_training_and_evaluation_read_what_is_meant(tmp_path, name):
    path = write(tmp_path / 'people.json', odd.READ[name])
    data = dataset(path)
    for index in range(3):
        info = data.get_data_info(index)
        np.testing.assert_array_equal(info['keypoints'][0], np.reshape(odd.POINTS, (17, 3))[:, :2])
        assert info['keypoints_visible'].all() and info['img_shape'] == (140, 100)
    assert len(data) == 3
    assert evaluate(data, metric(path)) == pytest.approx(1)


@pytest.mark.parametrize('name', ['area_missing', 'area_zero', 'area_null'])
def test_the_area_counts_as_a_share_of_the_box(tmp_path, name):
    # OKS of 4 pixels, with an area of 0.53 of the box as with that area given.
    odd_path = write(tmp_path / 'odd.json', odd.READ[name])
    given = write(tmp_path / 'given.json', odd.each(area=0.53 * 69 * 122))
    found, wanted = (evaluate(dataset(path), metric(path), move=4) for path in (odd_path, given))
    assert 0 < found < 1 and found == pytest.approx(wanted)


@pytest.mark.parametrize('name', odd.LEFT_OUT)
def test_people_are_left_out_of_both(tmp_path, name):
    path = write(tmp_path / 'people.json', odd.LEFT_OUT[name])
    data = dataset(path)
    assert [data.get_data_info(i)['img_id'] for i in range(len(data))] == [2, 3]
    # The tools of COCO count labelled points, whatever `num_keypoints` says.
    wanted = 67 / 101 if name == 'count_zero' else 1
    assert evaluate(data, metric(path)) == pytest.approx(wanted)


ONE_OF_OTHERS = {'other_category', 'other_skeleton', 'dog_with_17_points'}
"""Files whose first entry is a person."""


@pytest.mark.parametrize('name', sorted(set(odd.LEFT_OUT) - ONE_OF_OTHERS))
def test_a_file_of_which_all_is_left_out_says_why(tmp_path, name):
    def edit(document):
        odd.LEFT_OUT[name](document)
        del document['annotations'][1:]

    with pytest.raises(ValueError, match='no person.*1 of 1 .* left out.*(1|entry 0)'):
        dataset(write(tmp_path / 'people.json', edit))


def test_images_are_asked_for_sizes_that_are_missing(tmp_path):
    document = odd.document()
    for image in document['images']:
        size = image.pop('height'), image.pop('width')  # as it is seen
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new('RGB', size).save(tmp_path / image['file_name'], exif=exif)
    path = write(tmp_path / 'people.json', document=document)
    data = dataset(path, data_prefix=dict(img=str(tmp_path)))
    assert {data.get_data_info(i)['img_shape'] for i in range(len(data))} == {size}
    assert evaluate(data, metric(path)) == 1
    assert validate_file(path, 'coco', folder=ImageFolder(str(tmp_path))) == []


@pytest.mark.parametrize('name', odd.REFUSED)
def test_contradictions_are_refused_by_both(tmp_path, name):
    edit, words = odd.REFUSED[name]
    path = write(tmp_path / 'people.json', edit)
    good = dataset(write(tmp_path / 'good.json'))
    with pytest.raises(ValueError, match=words):
        dataset(path)
    with pytest.raises(ValueError, match=words):
        metric(path).dataset_meta = good.metainfo


@pytest.mark.parametrize('name', odd.UNLABELLED)
def test_points_that_are_not_there_have_no_weight(tmp_path, name):
    path = write(tmp_path / 'people.json', odd.UNLABELLED[name])
    data = dataset(path)
    for index in range(3):
        info = data.get_data_info(index)
        assert info['keypoints_visible'].tolist() == [[0] + [1] * 16]
        assert np.isfinite(info['keypoints']).all()
    assert evaluate(data, metric(path)) == pytest.approx(1)


@pytest.mark.parametrize('tool', TOOLS)
def test_exports_are_trained_on_and_evaluated(tool):
    path = str(EXPORTS / f'{tool}.json')
    data = dataset(path)
    assert [data.get_data_info(i)['keypoints_visible'].sum() for i in (0, 1)] == [17, 16]
    assert len(data) == 2
    assert evaluate(data, metric(path)) == pytest.approx(1)


@pytest.mark.parametrize('ids', [(3, 3, 3), (0, 1, 0)])
def test_detections_of_the_category_of_people(tmp_path, ids):
    path = write(tmp_path / 'people.json', odd.people_are(max(ids), 5))
    rows = [
        dict(image_id=str(i), category_id=c, bbox=[15, 10, 70, 122], score=0.9)
        for i, c in zip(odd.IMAGES, ids)
    ]
    boxes = tmp_path / 'boxes.json'
    boxes.write_text(json.dumps(rows))
    data = dataset(path, bbox_file=str(boxes))
    assert len(data) == sum(each == ids[0] for each in ids)
    truth = odd.POINTS
    data_infos = [data.get_data_info(i) for i in range(len(data))]
    assert all(info['bbox'].tolist() == [[15, 10, 85, 132]] for info in data_infos)
    if ids == (3, 3, 3):
        # Predictions have no category, those of the file have 3.
        points = np.reshape(truth, (17, 3))[None, :, :2].astype(np.float32)
        measured = metric(path)
        measured.dataset_meta = data.metainfo
        for info in data_infos:
            sample = dict(
                **{key: info[key] for key in ('id', 'img_id', 'img_path')},
                pred_instances=dict(keypoints=points, keypoint_scores=np.ones((1, 17))),
                gt_instances=dict(bbox_scores=np.ones(1), bbox_scales=np.full((1, 2), 90)),
            )
            measured.process({}, [sample])
        assert measured.evaluate(3)['coco/AP'] == pytest.approx(1)


def runner(data, evaluator):
    loader = SimpleNamespace(dataset=data)
    return SimpleNamespace(
        model=SimpleNamespace(head=None),
        train_dataloader=loader,
        val_dataloader=loader,
        val_loop=object(),
        val_evaluator=Evaluator([evaluator]),
    )


@pytest.fixture
def images(tmp_path):
    """The dataset of three images, which are there."""
    for number in odd.IMAGES:
        (tmp_path / f'{number}.png').touch()
    return dict(data_prefix=dict(img=str(tmp_path)))


@pytest.mark.parametrize('kind', ['mmsapiens.CheckedCocoMetric', 'CocoMetric'])
@pytest.mark.parametrize('folder', ['', 'train/'])
def test_an_evaluator_of_other_images_is_refused_before_the_first_step(
    tmp_path, images, kind, folder
):
    def rename(document):
        for image in document['images']:
            number = image['id'] if folder else image['id'] + 7
            image['file_name'] = f'{folder}{number}.png'

    data = dataset(write(tmp_path / 'val.json'), **images)
    found = metric(write(tmp_path / 'train.json', rename), kind)
    found.dataset_meta = data.metainfo
    with pytest.raises(ValueError, match='image 1 .*1.png of the predictions is not in .*train'):
        PoseDataCheckHook().before_train(runner(data, found))


def test_stock_evaluators_get_the_file_as_the_dataset_has_it(tmp_path, images):
    path = write(tmp_path / 'people.json', odd.READ['area_missing'])
    data = dataset(path, **images)
    stock = CocoMetric(ann_file=path)
    with pytest.raises(KeyError, match='area'):
        evaluate(data, CocoMetric(ann_file=path))
    PoseDataCheckHook().before_train(runner(data, stock))
    assert evaluate(data, stock) == pytest.approx(1)


def test_people_in_images_that_the_dataset_has_not_are_told(tmp_path, images, caplog):
    from mmengine.logging import MMLogger

    path = write(tmp_path / 'people.json')
    data = dataset(path, indices=1, **images)
    found = metric(path)
    found.dataset_meta = data.metainfo
    logger = MMLogger.get_instance('people', logger_name='people')
    logger.addHandler(caplog.handler)
    PoseDataCheckHook().before_train(runner(data, found))
    logger.removeHandler(caplog.handler)
    assert '2 people of' in caplog.text and 'count as not found: 2, 3' in caplog.text
