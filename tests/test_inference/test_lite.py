"""`mode='lite'` gives the numbers of the reference's small demos."""

import numpy as np
import pytest
import torch
from parity import Case
from tiny_inference import ARCH, people, tiny_task

from mmsapiens import build_model
from mmsapiens.engine.mmdet_detector import nms
from mmsapiens.inference.lite import LiteRule
from mmsapiens.inference.networks import build_network
from mmsapiens.inference.task_network import Options, to_array
from mmsapiens.models.heads import HEADS
from mmsapiens.models.input_rule import InputRule
from mmsapiens.models.tasks import TASKS
from mmsapiens.ops.udp_decoding import decode_udp_heatmaps
from mmsapiens.structures.fields import get_field
from mmsapiens.structures.results import Image
from mmsapiens.visualization.maps import color_depth, draw_parts, normals_to_rgb


def lite_model(task, size_hw):
    model = build_model(ARCH, task, img_size=size_hw).eval()
    model.use_rule(LiteRule(size_hw))
    return model


def normalized(model, sample):
    return model.normalize(torch.from_numpy(sample)[None])[0]


def test_an_image_is_prepared_as_there():
    case = Case('lite_preprocess')
    model = lite_model('depth', tuple(case.config['shape_h_w']))
    torch.testing.assert_close(
        normalized(model, model.prepare('depth', case['inputs/image'].numpy())),
        case['outputs/tensor'],
        atol=case.tolerance['atol'],
        rtol=0,
    )


def test_people_are_cropped_as_there():
    case = Case('lite_pose')
    model = lite_model('pose-17', tuple(case.config['shape_h_w']))
    for index, box in enumerate(case['inputs/boxes'].numpy()):
        crop = normalized(model, model.prepare('pose-17', case['inputs/image'].numpy(), box))
        difference = (crop - case['outputs/crops'][index]).abs()
        assert difference.max() <= case.tolerance['crop_max_abs']
        assert difference.mean() <= case.tolerance['crop_mean_abs']


def test_boxes_are_widened_as_there():
    case = Case('lite_pose')
    size_hw = case['inputs/image'].shape[:2]
    for index, box in enumerate(case['inputs/boxes'].numpy()):
        rule = LiteRule((64, 48), box_padding=case.config['padding'])
        center, scale = rule.box_geometry(box, size_hw)
        case.assert_close(torch.as_tensor(center), case['outputs/centers'][index])
        case.assert_close(torch.as_tensor(scale), case['outputs/scales'][index])


def test_heatmaps_are_decoded_as_there():
    case = Case('lite_pose')
    height, width = case.config['shape_h_w']
    rule = LiteRule((height, width), box_padding=case.config['padding'])
    points, scores = decode_udp_heatmaps(case['inputs/heatmaps'], (width, height), border='stock')
    size_hw = case['inputs/image'].shape[:2]
    for index, box in enumerate(case['inputs/boxes'].numpy()):
        in_image = rule.to_image(points[index].numpy(), box, size_hw)
        for found, name in ((points[index], 'keypoints_input_frame'), (in_image, 'keypoints')):
            expected = case[f'outputs/{name}'][index]
            found = torch.as_tensor(found).view_as(expected)
            case.assert_close(found, expected, 'keypoints_')
        expected = case['outputs/scores'][index]
        case.assert_close(scores[index].view_as(expected), expected, 'scores_')


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
    head = HEADS[next(task.head for task in TASKS.values() if task.field == field)]
    return to_array(LiteRule((64, 48)).restore(maps, size_hw, head.finish, row), row)


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
    _, weights = tiny_task(task, tmp_path)
    network = build_network(task, None, weights, Options(mode='lite'), model=ARCH)
    assert not network.flip_test
    frame = Image(np.zeros((30, 50, 3), dtype=np.uint8), 'a', 'a.png')
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(TASKS[task].channels, 8, 6, generator=generator)
    result = network.finish(frame, people(), [values])
    maps = torch.nn.functional.interpolate(values[None], (30, 50), mode='bilinear')[0]
    if task == 'seg-28':
        assert (result.values == maps.argmax(dim=0).numpy()).mean() > 0.999
    elif task == 'depth':
        np.testing.assert_allclose(result.values, maps[0].numpy(), atol=1e-5)
    else:
        expected = maps / (maps.norm(dim=0) + 1e-5)
        np.testing.assert_allclose(result.values, expected.permute(1, 2, 0).numpy(), atol=1e-5)


def test_the_default_crops_without_squeezing():
    """A circle in a wide image stays one; the small demo squeezes it."""
    import cv2

    image = np.zeros((60, 160, 3), dtype=np.uint8)
    cv2.circle(image, (80, 30), 15, (255, 255, 255), -1)
    ratios = {}
    for rule in (InputRule((64, 48)), LiteRule((64, 48))):
        crop = rule.crop(image, np.array((60, 5, 100, 55)))[..., 0] > 127
        width, height = crop.any(axis=0).sum(), crop.any(axis=1).sum()
        ratios[type(rule)] = width / height
    assert ratios[InputRule] == pytest.approx(1, abs=0.08)
    assert ratios[LiteRule] < 0.5
