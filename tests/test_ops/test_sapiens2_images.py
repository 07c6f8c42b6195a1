"""Pre- and post-processing of the second generation, against the reference."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity import Case

from mmsapiens.classes.class_sets import conversion_table, get_class_set
from mmsapiens.models.heads import MattingHead, PixelShuffleNormalHead
from mmsapiens.models.input_rule import MEAN, STD, InputRule
from mmsapiens.ops.cameras import metric_points
from mmsapiens.ops.compositing import composite, to_linear, to_srgb
from mmsapiens.ops.fit_inputs import fit_and_pad, fitted_padding, smooth, stretch
from mmsapiens.ops.resize_outputs import restore, unflip
from mmsapiens.ops.unit_vectors import unit_vectors
from mmsapiens.structures.fields import SEG_MAP
from mmsapiens.visualization.maps import normals_to_rgb


def images(case):
    for key in case.group('inputs'):
        if key.endswith('_bgr'):
            yield key.removesuffix('_bgr'), case[f'inputs/{key}'].numpy()


def assert_pixels(case, found, name):
    expected = case[f'outputs/{name}'].numpy().astype(int)
    error = np.abs(found.astype(int) - expected)
    assert error.max() <= case.tolerance['uint8_max_abs'], name
    assert error.mean() <= case.tolerance['uint8_mean_abs'], name


def normalized(pixels):
    values = torch.from_numpy(pixels[..., ::-1].copy()).permute(2, 0, 1).float()
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    return (values - mean) / std


def test_whole_images_equal_the_reference():
    case = Case('s2_preprocess')
    size_hw = tuple(case.config['size'])
    size_wh = size_hw[::-1]
    assert (case.config['mean'], case.config['std']) == (list(MEAN), list(STD))
    for name, image in images(case):
        found = {
            'seg': stretch(image, size_wh),
            'matting': stretch(image, size_wh, enlarge='linear'),
            'dense': fit_and_pad(image, size_hw)[0],
            'dense_train': fit_and_pad(image, size_hw, is_rounded=True)[0],
        }
        for task, pixels in found.items():
            if f'outputs/{name}.{task}_uint8' in case.tensors:
                assert_pixels(case, pixels, f'{name}.{task}_uint8')
            key = f'outputs/{name}.{"normal" if task == "dense" else task}_normalised'
            if key in case.tensors:
                exact = case[f'outputs/{name}.{task}_uint8'].numpy()
                case.assert_close(normalized(exact), case[key], 'normalised_')
        padding = case.scalar(f'{name}.padding_left_right_top_bottom')
        assert list(fitted_padding(image.shape[:2], size_hw)) == padding
        rule = InputRule(size_hw, is_fitted=True)
        assert np.array_equal(rule.resize(image), found['dense'])
        rule = InputRule(size_hw, shrink='area', enlarge='cubic')
        assert np.array_equal(rule.resize(image), found['seg'])


def test_transformers_sees_nearly_the_same():
    case = Case('s2_preprocess')
    size_hw = tuple(case.config['size'])
    for kind, task in (('hf_stretch', 'seg'), ('hf_pad', 'normal')):
        worst, mean = case.scalar(f'hf_vs_reference_{task}')
        for name, image in images(case):
            if f'outputs/{name}.{kind}' not in case.tensors:
                continue
            pixels = (
                stretch(image, size_hw[::-1]) if task == 'seg' else fit_and_pad(image, size_hw)[0]
            )
            error = (normalized(pixels) - case[f'outputs/{name}.{kind}']).abs()
            assert error.max() <= worst + 0.05 and error.mean() <= mean + 0.01


def test_crops_of_people_equal_the_reference():
    case = Case('s2_preprocess')
    rule = InputRule(tuple(case.config['size']), enlarge='cubic')
    count = 0
    for name, image in images(case):
        for number in range(2):
            box = case[f'inputs/{name}.box{number}_xyxy'].numpy()
            geometry = np.concatenate(rule.box_geometry(box, image.shape[:2]))
            expected = case[f'outputs/{name}.pose{number}_center_scale'].numpy()
            np.testing.assert_allclose(geometry, expected, rtol=1e-5)
            pixels = rule.crop(image, box)
            assert_pixels(case, pixels, f'{name}.pose{number}_uint8')
            if f'outputs/{name}.hf_pose{number}' in case.tensors:
                error = (normalized(pixels) - case[f'outputs/{name}.hf_pose{number}']).abs()
                worst, mean = case.scalar('hf_vs_reference_pose')
                assert error.max() <= worst + 0.05 and error.mean() <= mean + 0.01
            count += 1
    assert count


@pytest.mark.parametrize('number', [0, 1])
def test_maps_on_the_image_equal_the_reference(number):
    case = Case('s2_postprocess')
    size_hw = tuple(case.config['size'])
    image_hw = tuple(case.config['source_sizes'][number])
    target_hw = tuple(case.config['target_sizes'][number])
    stem = f'sample{number}'
    padding = fitted_padding(image_hw, size_hw)
    assert list(padding) == case.scalar(f'{stem}.padding_left_right_top_bottom')
    vectors = unit_vectors(padding.cut(case['inputs/normals_raw'][number]), 0)
    plain = restore(vectors, image_hw, lambda maps: maps)
    case.assert_close(plain, case[f'outputs/{stem}.normals'])
    shortest = case.scalar(f'{stem}.smallest_normal_length')
    assert plain.norm(dim=0).min().item() == pytest.approx(shortest, rel=1e-4)
    target = restore(vectors, target_hw, lambda maps: maps)
    case.assert_close(target, case[f'outputs/{stem}.hf_normals_target'])
    ours = restore(vectors, image_hw, PixelShuffleNormalHead.finish)
    torch.testing.assert_close(ours.norm(dim=0), torch.ones(image_hw))
    points = metric_points(case['inputs/pointmap'], case['inputs/scale'])[number]
    points = padding.cut(points)
    found = restore(points, image_hw, lambda maps: maps)
    case.assert_close(found, case[f'outputs/{stem}.pointmap_metric'])
    rows, columns = points.shape[1:]
    if image_hw[0] > rows or image_hw[1] > columns:
        points = smooth(points)
    found = restore(points, image_hw, lambda maps: maps)
    case.assert_close(found, case[f'outputs/{stem}.pointmap_metric_demo'])
    matte = restore(case['inputs/matting'][number], image_hw, MattingHead.finish)
    case.assert_close(matte[3:], case[f'outputs/{stem}.alpha'])
    case.assert_close(matte[:3], case[f'outputs/{stem}.foreground'])
    background = case['inputs/background_rgb'].permute(2, 0, 1)[None].float()
    background = F.interpolate(background, size=image_hw, mode='bilinear')[0] / 255
    found = composite(matte[:3], matte[3:], background, is_linear=False) * 255
    expected = case[f'outputs/{stem}.hf_composite_uint8'].float()
    assert (found.round() - expected).abs().max() <= case.tolerance['uint8_max_abs']


def test_drawn_normals_equal_the_reference():
    case = Case('s2_postprocess')
    vectors = unit_vectors(case['inputs/normals_raw'][0], 0).permute(1, 2, 0).numpy()
    expected = case['outputs/normal_colour_rgb'].numpy().astype(int)
    error = np.abs(normals_to_rgb(vectors).astype(int) - expected)
    assert error.max() <= case.tolerance['uint8_max_abs']


def test_labels_of_29_classes():
    case = Case('s2_postprocess')
    labels, expected = (case[k] for k in ('inputs/labels29', 'outputs/labels29_flipped'))
    pairs = get_class_set('goliath29').flip_pairs
    one_hot = F.one_hot(labels.long(), 29).permute(2, 0, 1)
    assert torch.equal(unflip(one_hot, SEG_MAP, pairs).argmax(0), expected.long())
    table = conversion_table('goliath29', 'goliath28', {'Eyeglass': 'Face_Neck'})
    assert table[:29].tolist() == case.doc['id_28_from_29_eyeglass_as_face']
    assert conversion_table('goliath28', 'goliath29')[:28].tolist() == case.doc['id_29_from_28']
    strict = conversion_table('goliath29', 'goliath28')
    assert strict[2] == 255 and (np.delete(strict[:29], 2) == np.arange(28)).all()
    assert (strict[29:] == 255).all()


def test_light_adds_up():
    values = torch.linspace(0, 1, 100)
    torch.testing.assert_close(to_srgb(to_linear(values)), values, atol=1e-5, rtol=1e-4)
    white, half = torch.ones(3, 1, 1), torch.full((1, 1, 1), 0.5)
    found = composite(white * half, half, torch.zeros(3, 1, 1))
    torch.testing.assert_close(found, to_srgb(torch.full((3, 1, 1), 0.5)))
    alone = composite(torch.rand(3, 4, 4), torch.zeros(1, 4, 4), torch.full((3, 4, 4), 0.3))
    torch.testing.assert_close(alone, torch.full((3, 4, 4), 0.3))


@pytest.mark.parametrize('image_hw', [(644, 480), (1, 5000), (1024, 768), (3, 2)])
def test_fitted_images_come_back(image_hw):
    size_hw = (1024, 768)
    padding = fitted_padding(image_hw, size_hw)
    rows, columns = padding.cut(torch.zeros(size_hw)).shape
    assert rows >= 1 and columns >= 1 and 0 <= padding.right - padding.left <= 1
    image = np.full((*image_hw, 3), 255, dtype=np.uint8)
    pixels, found = fit_and_pad(image, size_hw)
    assert found == padding and (pixels == 255).all(axis=-1).sum() == rows * columns
