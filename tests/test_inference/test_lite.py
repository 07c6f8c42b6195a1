"""`mode='lite'` gives the numbers of the reference's small demos."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import KEYPOINT_CODECS
from parity import Case
from tiny_inference import people, tiny_task

from mmsapiens.engine.mmdet_detector import nms
from mmsapiens.inference.lite import lite_box, lite_restore
from mmsapiens.inference.networks import Options, build_network
from mmsapiens.inference.networks.dense import RawMap, to_array
from mmsapiens.structures.fields import get_field
from mmsapiens.structures.results import Image
from mmsapiens.visualization.depth import color_depth
from mmsapiens.visualization.normals import normals_to_rgb
from mmsapiens.visualization.parts import draw_parts


def frame_of(case):
    return Image(case['inputs/image'].numpy(), 'a', 'a.png')


def lite_network(task, folder, size_hw=None):
    config, weights = tiny_task(task, folder)
    if size_hw:
        height, width = size_hw
        cfg = Config.fromfile(config)
        for step in cfg.get('test_pipeline', []):
            if step['type'] == 'Resize':
                step['scale'] = (width, height)
        if task.startswith('pose'):
            cfg.model.head.decoder.input_size = (width, height)
        cfg.dump(config)
    return build_network(task, config, weights, Options(mode='lite'))


def test_an_image_is_prepared_as_there(tmp_path):
    case = Case('lite_preprocess')
    network = lite_network('depth', tmp_path, case.config['shape_h_w'])
    sample = network.prepare(frame_of(case), people(), 0)
    data = network.model.data_preprocessor(
        dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
    )
    torch.testing.assert_close(
        data['inputs'][0], case['outputs/tensor'], atol=case.tolerance['atol'], rtol=0
    )


def test_people_are_cropped_as_there(tmp_path):
    case = Case('lite_pose')
    network = lite_network('pose-17', tmp_path, case.config['shape_h_w'])
    persons = people(*case['inputs/boxes'].tolist())
    for index in range(len(persons)):
        sample = network.prepare(frame_of(case), persons, index)
        crop = network.model.data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        )['inputs'][0]
        difference = (crop - case['outputs/crops'][index]).abs()
        assert difference.max() <= case.tolerance['crop_max_abs']
        assert difference.mean() <= case.tolerance['crop_mean_abs']


def test_boxes_are_widened_as_there():
    case = Case('lite_pose')
    size_hw = case['inputs/image'].shape[:2]
    for index, box in enumerate(case['inputs/boxes'].numpy()):
        center, scale = lite_box(box, size_hw, case.config['padding'])
        case.assert_close(torch.as_tensor(center), case['outputs/centers'][index])
        case.assert_close(torch.as_tensor(scale), case['outputs/scales'][index])


def test_heatmaps_are_decoded_as_there():
    case = Case('lite_pose')
    height, width = case.config['shape_h_w']
    scale = case.config['heatmap_scale']
    with DefaultScope.overwrite_default_scope('mmpose'):
        codec = KEYPOINT_CODECS.build(
            dict(
                type='mmsapiens.BatchedUDPHeatmap',
                input_size=(width, height),
                heatmap_size=(width // scale, height // scale),
            )
        )
    points, scores = codec.batch_decode(case['inputs/heatmaps'])
    size_hw = case['inputs/image'].shape[:2]
    for index, box in enumerate(case['inputs/boxes'].numpy()):
        center, extent = lite_box(box, size_hw, case.config['padding'])
        in_image = points[index] / (width, height) * extent
        in_image += center - extent / 2
        for found, name in ((points[index], 'keypoints_input_frame'), (in_image, 'keypoints')):
            case.assert_close(torch.as_tensor(found), case[f'outputs/{name}'][index], 'keypoints_')
        case.assert_close(torch.as_tensor(scores[index]), case['outputs/scores'][index], 'scores_')


@pytest.mark.parametrize('threshold', ['0.3', '0.6'])
def test_overlapping_boxes_are_dropped_as_there(threshold):
    case = Case('lite_pose')
    rows = case['inputs/nms_dets']
    kept = nms(rows[:, :4], rows[:, 4], float(threshold))
    assert kept.tolist() == case.doc['scalars'][f'nms_keep_{threshold}']


def restored(case, name, field):
    maps = case[f'inputs/{name}']
    size_hw = tuple(case['inputs/image'].shape[:2])
    row = get_field(field)
    return to_array(lite_restore(maps, row, size_hw), row)


def test_labels_are_those_there():
    case = Case('lite_seg_postprocess')
    labels = restored(case, 'logits', 'seg_map')
    stable = case['outputs/labels_stable'].numpy() > 0
    expected = case['outputs/labels'].numpy()
    assert stable.any()
    assert (labels == expected)[stable].all()
    assert ((labels > 0) == (case['outputs/mask'].numpy() > 0))[stable].all()
    image = case['inputs/image'].numpy()[..., ::-1]
    drawn = draw_parts(image, labels, case.doc['scalars']['palette_rgb'], with_background=True)
    overlay = case['outputs/overlay'].numpy()[:, image.shape[1] :, ::-1]
    difference = np.abs(drawn.astype(int) - overlay)
    assert difference[stable].max() <= case.tolerance['overlay_atol']


def test_depth_is_that_there():
    case = Case('lite_depth_postprocess')
    depth = restored(case, 'depth', 'depth_map')
    case.assert_close(torch.as_tensor(depth), case['outputs/depth_map'])
    mask = case['inputs/mask'].numpy()
    drawn = color_depth(depth, mask)[..., ::-1]
    difference = np.abs(drawn.astype(int) - case['outputs/colour'].numpy())
    # A level of depth more or less is another color of the map.
    assert np.percentile(difference, 99) <= 4


def test_normals_are_those_there():
    case = Case('lite_normal_postprocess')
    normals = restored(case, 'normal', 'normal_map')
    case.assert_close(torch.as_tensor(normals), case['outputs/normal_map'])
    mask = case['inputs/mask'].numpy()
    for name, chosen in (('masked', mask), ('unmasked', None)):
        drawn = normals_to_rgb(normals, chosen)[..., ::-1]
        image = case[f'outputs/picture_{name}'].numpy()
        difference = np.abs(drawn.astype(int) - image)
        assert difference.max() <= case.tolerance['picture_atol']


@pytest.mark.parametrize('task', ['seg-28', 'depth', 'normal'])
def test_a_network_restores_once_and_does_not_flip(task, tmp_path):
    network = lite_network(task, tmp_path)
    assert not network.model.test_cfg['flip_test']
    frame = Image(np.zeros((30, 50, 3), dtype=np.uint8), 'a', 'a.png')
    channels = network.model.decode_head.num_classes
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(channels, 8, 6, generator=generator)
    raw = RawMap(values, dict(ori_shape=(30, 50)), (64, 48))
    result = network.finish(frame, people(), [raw])
    expected = to_array(lite_restore(values, network.row, (30, 50)), network.row)
    np.testing.assert_array_equal(result.values, expected)


def test_the_default_crops_without_squeezing(tmp_path):
    """A circle in a wide image stays one; the small demo squeezes it."""
    import cv2

    image = np.zeros((60, 160, 3), dtype=np.uint8)
    cv2.circle(image, (80, 30), 15, (255, 255, 255), -1)
    frame = Image(image, 'a', 'a.png')
    persons = people((60, 5, 100, 55))
    ratios = {}
    for mode in ('default', 'lite'):
        config, weights = tiny_task('pose-17', tmp_path)
        network = build_network('pose-17', config, weights, Options(mode=mode))
        crop = network.prepare(frame, persons, 0)['inputs'].numpy()[0] > 127
        width, height = crop.any(axis=0).sum(), crop.any(axis=1).sum()
        ratios[mode] = width / height
    assert ratios['default'] == pytest.approx(1, abs=0.08)
    assert ratios['lite'] < 0.5
