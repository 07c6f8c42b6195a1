"""Defects of stock packages on current torch, numpy, scipy, matplotlib and Python."""

import json
from types import ModuleType

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData
from torch import nn

from mmsapiens.compat import remedies

FLIP = [dict(type='HorizontalFlip', p=1.0)]


def sample():
    """An image (4, 6, 3) whose columns are numbered, with all keys that loading gives."""
    columns = np.tile(np.arange(6, dtype=np.uint8), (4, 1))
    return dict(
        img=np.dstack([columns] * 3), img_path='a.jpg', img_shape=(4, 6), ori_shape=(4, 6), img_id=7
    )


def test_albu_of_mmseg_takes_a_whole_sample():
    from mmseg.datasets.transforms import Albu

    labels = np.tile(np.arange(6, dtype=np.uint8), (4, 1))
    result = Albu(FLIP)(dict(sample(), gt_seg_map=labels, seg_fields=['gt_seg_map']))
    assert result['img'][0, :, 0].tolist() == result['gt_seg_map'][0].tolist() == [5, 4, 3, 2, 1, 0]
    assert result['img_path'] == 'a.jpg'


def test_albumentations_of_mmpretrain_take_a_whole_sample():
    from mmpretrain.datasets.transforms import Albumentations

    result = Albumentations(FLIP)(dict(sample(), gt_label=3))
    assert result['img'][0, 0, 0] == 5 and result['gt_label'] == 3


def test_albu_of_mmdet_takes_a_whole_sample():
    from mmdet.datasets.transforms import Albu
    from mmdet.structures.bbox import HorizontalBoxes

    boxes = HorizontalBoxes(torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    params = dict(type='BboxParams', format='pascal_voc', label_fields=['gt_bboxes_labels'])
    result = Albu(FLIP, bbox_params=params)(
        dict(sample(), gt_bboxes=boxes, gt_bboxes_labels=np.array([4]))
    )
    torch.testing.assert_close(result['gt_bboxes'].tensor, torch.tensor([[4.0, 1, 6, 3]]))
    assert result['gt_bboxes_labels'].tolist() == [4]


@pytest.mark.parametrize(
    'lines',
    ['import os\nx = os.sep', 'import os.path as osp\nx = osp.sep', 'from os.path import sep as x'],
)
def test_pure_python_config_imports_frozen_modules(tmp_path, lines):
    path = tmp_path / 'config.py'
    path.write_text(
        f'from mmengine.dataset import BaseDataset\n{lines}\nd = dict(type=BaseDataset)'
    )
    assert Config.fromfile(path, lazy_import=True).x == '/'


def test_retrieval_metrics_of_mmpretrain():
    from mmpretrain.evaluation import RetrievalAveragePrecision, RetrievalRecall

    at = dict(pred_indices=True, target_indices=True)
    assert RetrievalRecall.calculate([[0, 1, 2]], [[1]], topk=(1, 2), **at) == [0, 100]
    assert RetrievalAveragePrecision.calculate([[0, 1, 2]], [[1]], 3, **at) == 50


def test_video_instance_metric_of_mmdet_sums_up():
    from mmdet.evaluation.functional import ytviseval

    assert np.ones(2).astype(dtype=ytviseval.np.float).dtype == float


def test_names_that_left_numpy_are_there_for_one_module_alone():
    module = ModuleType('metrics')
    remedies.fix_numpy_names(module)
    assert module.np.in1d([1, 2], [2]).tolist() == [False, True] and module.np.float is float
    assert module.np.sum is np.sum and module.np.linalg is np.linalg
    assert 'float' not in vars(np)


def test_cross_entropy_of_mmseg_weights_classes_and_ignores():
    from mmseg.models.losses import CrossEntropyLoss

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 4, 5), generator=generator)
    weights = torch.tensor([1.0, 2.0, 3.0])
    loss = CrossEntropyLoss(class_weight=weights.tolist())
    whole = nn.functional.cross_entropy(logits, labels, weights)
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), whole)
    labels[:, 1] = 255
    rest = nn.functional.cross_entropy(logits, labels, weights, ignore_index=255)
    torch.testing.assert_close(loss(logits, labels, ignore_index=255), rest)
    # As stock: a class to be ignored counts in the mean, unless it is told otherwise.
    labels[:, 1] = 0
    counted = loss(logits, labels, ignore_index=0)
    others = CrossEntropyLoss(class_weight=weights.tolist(), avg_non_ignore=True)
    share = weights[labels][labels != 0].sum() / weights[labels].sum()
    torch.testing.assert_close(counted, others(logits, labels, ignore_index=0) * share)


def test_3d_visualizer_of_mmpose_draws(tmp_path):
    from mmpose.structures import PoseDataSample
    from mmpose.visualization import Pose3dLocalVisualizer

    visualizer = Pose3dLocalVisualizer()
    visualizer.set_dataset_meta(
        dict(dataset_name='h36m', keypoint_colors=np.full((17, 3), 255), skeleton_links=[(0, 1)])
    )
    points = InstanceData(
        keypoints=np.arange(51.0).reshape(1, 17, 3) / 51, keypoint_scores=np.ones((1, 17))
    )
    people = PoseDataSample(pred_instances=points)
    image = np.zeros((60, 80, 3), np.uint8)
    drawn = visualizer.add_datasample('x', image, people, draw_gt=False, det_data_sample=people)
    assert drawn.ndim == 3 and drawn.shape[2] == 3 and len(np.unique(drawn)) > 2


def test_keypoints_that_are_tensors_are_drawn_as_arrays_are():
    from mmpose.structures import PoseDataSample
    from mmpose.visualization import PoseLocalVisualizer

    visualizer = PoseLocalVisualizer(kpt_color='red')
    keypoints = np.array([[[4.0, 5.0], [12.0, 9.0]]])
    drawn = []
    for convert in (np.asarray, torch.from_numpy):
        points = InstanceData(keypoints=convert(keypoints), keypoint_scores=np.ones((1, 2)))
        people = PoseDataSample(pred_instances=points)
        image = np.zeros((16, 16, 3), np.uint8)
        visualizer.add_datasample('x', image, people, draw_gt=False, draw_bbox=False)
        drawn.append(visualizer.get_image().copy())
    assert drawn[0].any() and np.array_equal(*drawn)


def test_position_biases_of_beit_are_resized():
    from mmpretrain.models.utils.embed import resize_relative_position_bias_table
    from scipy import interpolate

    rows, columns = np.mgrid[-3:4, -3:4].astype(np.float32)
    table = torch.from_numpy(np.stack([rows, 2 * columns], axis=-1)).reshape(49, 2)
    same = resize_relative_position_bias_table(7, 7, table, 2)
    torch.testing.assert_close(same, table, atol=0.1, rtol=0)  # 1.01 times as far apart
    plane = interpolate.interp2d([0, 1, 2], [0, 1], np.array([[0, 1, 2], [5, 6, 7]]), 'linear')
    np.testing.assert_allclose(plane([0.5, 2], [0, 0.5]), [[0.5, 2], [3, 4.5]])


def test_annotations_of_ubody3d_are_read(tmp_path):
    from mmpose.datasets import UBody3dDataset

    entry = dict(
        id=1,
        image_id=1,
        category_id=1,
        keypoints=np.ones((133, 2)).tolist(),
        keypoints_3d=np.ones((133, 3)).tolist(),
        keypoints_valid=[1] * 133,
        bbox=[0, 0, 5, 5],
        camera_param=dict(focal=[1, 1], princpt=[1, 1]),
    )
    image = dict(id=1, file_name='clip/a/1.jpg', width=9, height=9)
    content = dict(images=[image], annotations=[entry], categories=[dict(id=1, name='person')])
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(content))
    dataset = UBody3dDataset(ann_file=str(path), seq_len=1)
    assert dataset[0]['bbox_scores'].tolist() == [1] and dataset[0]['bbox'].shape == (1, 4)


def test_distillers_of_mmpose_find_their_configs(monkeypatch, tmp_path):
    from mmpose.models.distillers import dwpose_distiller

    folder = 'configs/wholebody_2d_keypoint/rtmpose/ubody'
    path = f'{folder}/rtmpose-t_8xb64-270e_coco-ubody-wholebody-256x192.py'
    monkeypatch.chdir(tmp_path)
    assert dwpose_distiller.Config.fromfile(path).model.type == 'TopdownPoseEstimator'
    with pytest.raises(FileNotFoundError, match='configs/none.py'):
        dwpose_distiller.Config.fromfile('configs/none.py')
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs/none.py').write_text('x = 1')
    assert dwpose_distiller.Config.fromfile('configs/none.py').x == 1


def model_with(backbone):
    model = nn.Module()
    model.backbone, model.decode_head = backbone, nn.Linear(2, 2)
    return model


def rates(model, constructor, **paramwise_cfg):
    """Learning rate -> names of parameters."""
    optim_wrapper = dict(
        optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1),
        constructor=constructor,
        paramwise_cfg=paramwise_cfg,
    )
    built = build_optim_wrapper(model, optim_wrapper).optimizer
    names = {id(param): name for name, param in model.named_parameters()}
    return {names[id(p)]: group['lr'] for group in built.param_groups for p in group['params']}


@pytest.mark.parametrize('name', ['LearningRateDecay', 'LayerDecay'])
def test_layer_decay_of_mmseg_takes_our_backbone(tiny_arch, name):
    import mmseg.engine  # noqa: F401
    from mmseg.registry import MODELS

    model = model_with(MODELS.build(dict(type='SapiensViT', arch=tiny_arch, img_size=32)))
    options = dict(num_layers=2, decay_rate=0.5, decay_type='layer_wise')
    if name == 'LayerDecay':
        options = dict(num_layers=2, layer_decay_rate=0.5)
    found = rates(model, f'mmseg.{name}OptimizerConstructor', **options)
    assert found['backbone.pos_embed'] == found['backbone.patch_embed.projection.weight'] == 0.125
    assert found['backbone.layers.0.ln1.weight'] == 0.25
    assert found['backbone.layers.1.attn.qkv.weight'] == 0.5
    assert found['backbone.ln1.bias'] == found['decode_head.weight'] == 1
    with pytest.raises(ValueError, match='`num_layers` .* must be that of the backbone, 2, .* 12'):
        rates(model, f'mmseg.{name}OptimizerConstructor', **{**options, 'num_layers': 12})


def test_layer_decay_of_mmseg_refuses_others_as_before():
    import mmseg.engine  # noqa: F401

    with pytest.raises(NotImplementedError):
        rates(
            model_with(nn.Linear(2, 2)),
            'mmseg.LearningRateDecayOptimizerConstructor',
            num_layers=2,
            decay_rate=0.5,
        )


@pytest.mark.parametrize('num_layers', [2, 12])
def test_layer_decay_of_mmpose_warns_of_another_depth(tiny_arch, num_layers, caplog):
    import mmpose.engine  # noqa: F401
    from mmpose.registry import MODELS

    model = model_with(MODELS.build(dict(type='SapiensViT', arch=tiny_arch, img_size=32)))
    name = 'mmpose.LayerDecayOptimWrapperConstructor'
    logger = MMLogger.get_current_instance()
    with caplog.at_level('WARNING'):
        logger.addHandler(caplog.handler)
        found = rates(model, name, num_layers=num_layers, layer_decay_rate=0.5)
        logger.removeHandler(caplog.handler)
    assert found['backbone.layers.1.ln1.weight'] == 0.5 ** (num_layers - 1)
    assert ('backbone has 2 layers' in caplog.text) == (num_layers == 12)


def test_layer_decay_of_mmpretrain_takes_our_backbone(tiny_arch):
    import mmpretrain.engine  # noqa: F401
    from mmpretrain.registry import MODELS

    backbone = dict(type='SapiensViT', arch=tiny_arch, img_size=32, with_cls_token=True)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(backbone, out_type='cls_token'),
            head=dict(type='LinearClsHead', in_channels=32, num_classes=3),
        )
    )
    constructor = 'mmpretrain.LearningRateDecayOptimWrapperConstructor'
    found = rates(model, constructor, layer_decay_rate=0.5)
    assert found['backbone.cls_token'] == 0.125
    assert found['backbone.layers.1.ffn.layers.1.bias'] == 0.5
    assert found['backbone.ln1.weight'] == found['head.fc.weight'] == 1
