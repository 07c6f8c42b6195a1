"""Exact values of the drawing functions, and parity with the reference."""

import numpy as np
import pytest
import torch
from parity import Case

from mmsapiens.ops.depth_alignment import align_depth
from mmsapiens.ops.unit_vectors import angles_deg
from mmsapiens.visualization.colors import NO_TARGET, apply_color_map, color_values, spread_palette
from mmsapiens.visualization.maps import (
    WRONG,
    color_depth,
    draw_parts,
    draw_pseudo_normals,
    draw_wrong_parts,
    normal_ball,
    normals_to_rgb,
)
from mmsapiens.visualization.panels import (
    PAPER,
    class_legend,
    color_bar,
    fit_text,
    font_size,
    text_width,
)

PALETTE = [(50, 50, 50), (200, 0, 0), (0, 100, 0)]


def difference(image, expected):
    """Greatest difference of an RGB image and a BGR tensor."""
    return np.abs(image[..., ::-1].astype(int) - expected.numpy()).max()


def test_parts_match_the_reference():
    case = Case('lite_seg_postprocess')
    image = case['inputs/image'].numpy()[..., ::-1]
    labels = case['outputs/labels'].numpy()
    palette = case.doc['scalars']['palette_rgb']
    drawn = draw_parts(image, labels, palette, with_background=True)
    panel = np.concatenate([image, drawn], axis=1)
    limit = case.tolerance['overlay_atol']
    assert difference(panel, case['outputs/overlay']) <= limit


def test_depth_matches_the_reference():
    case = Case('lite_depth_postprocess')
    depth = case['outputs/depth_map'].numpy()
    mask = case['inputs/mask'].numpy()
    levels = apply_color_map(np.arange(256)[None] / 255, 'inferno')[0]
    step = np.abs(np.diff(levels.astype(int), axis=0)).max()
    color = color_depth(depth, mask)
    # One of the 256 levels, as the tolerance's note says.
    assert difference(color, case['outputs/colour']) <= step


def test_pseudo_normals_match_the_reference():
    case = Case('lite_depth_postprocess')
    depth = case['outputs/depth_map'].numpy()
    mask = case['inputs/mask'].numpy()
    drawn = draw_pseudo_normals(depth, mask, as_reference=True)
    limit = case.tolerance['normal_atol']
    assert difference(drawn, case['outputs/normal_from_depth']) <= limit


@pytest.mark.parametrize('masked', [True, False])
def test_normals_match_the_reference(masked):
    case = Case('lite_normal_postprocess')
    normals = case['outputs/normal_map'].numpy()
    mask = case['inputs/mask'].numpy() if masked else None
    name = 'picture_masked' if masked else 'picture_unmasked'
    limit = case.tolerance['picture_atol']
    drawn = normals_to_rgb(normals, mask)
    assert difference(drawn, case[f'outputs/{name}']) <= limit


def test_parts_are_mixed_by_opacity():
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    labels = np.array([[0, 1, 2, 255]])
    drawn = draw_parts(image, labels, PALETTE, opacity=0.25)
    assert drawn[0].tolist() == [[100, 100, 100], [125, 75, 75], [75, 100, 75], [100, 100, 100]]
    drawn = draw_parts(image, labels, PALETTE, with_background=True)
    assert drawn[0, 0].tolist() == [75, 75, 75]
    assert image.min() == 100


def test_wrong_parts_are_red_and_ignored_ones_do_not_count():
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    pred, gt = np.array([[0, 1, 2, 2]]), np.array([[0, 1, 1, 255]])
    drawn, share = draw_wrong_parts(image, pred, gt)
    assert share == pytest.approx(1 / 3)
    assert drawn[0].tolist() == [[50] * 3, [50] * 3, [*WRONG], [*NO_TARGET]]
    assert np.isnan(draw_wrong_parts(image, pred, np.full_like(gt, 255))[1])


def test_near_is_bright_and_the_background_gray():
    depth = np.array([[1.0, 2.0, 3.0, -1.0, np.nan, np.inf]])
    drawn = color_depth(depth, np.array([[1, 1, 1, 0, 1, 1]]))
    ends = apply_color_map(np.array([[1.0, 0.0]]), 'inferno')[0]
    assert (drawn[0, 0] == ends[0]).all() and (drawn[0, 2] == ends[1]).all()
    assert drawn[0, :3].sum(axis=-1).tolist() == sorted(drawn[0, :3].sum(axis=-1), reverse=True)
    assert (drawn[0, 3:] == NO_TARGET).all()


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('value', [0.0, np.nan, np.inf])
@pytest.mark.parametrize('masked', [0, 1, None])
@pytest.mark.parametrize('shape', [(5, 4), (1, 1)])
def test_degenerate_depth_is_drawn(value, masked, shape):
    depth = np.full(shape, value, dtype=np.float32)
    mask = None if masked is None else np.full(shape, masked)
    for draw in (color_depth, draw_pseudo_normals, color_values):
        assert draw(depth, mask).shape == (*shape, 3)
    if masked == 0 or not np.isfinite(value):
        assert (color_depth(depth, mask) == NO_TARGET).all()


def test_relief_of_a_ramp_points_away_from_the_far_side_up_to_the_rim():
    depth = np.repeat(np.arange(20.0)[None], 20, axis=0).astype(np.float32)
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:15, 5:15] = True
    drawn = draw_pseudo_normals(depth, mask)[mask].astype(int)
    # It falls off to the right: x and z positive, y none.
    assert (drawn[:, 0] > 130).all() and (drawn[:, 2] > 130).all()
    assert (np.abs(drawn[:, 1] - 127) <= 1).all()
    up = draw_pseudo_normals(depth.T[::-1].copy(), mask)[mask].astype(int)
    assert (up[:, 1] > 130).all()
    reference = draw_pseudo_normals(depth, mask, as_reference=True)
    assert not reference[5:8, 5:15, :2].any() and reference[9, 9, :2].any()


def test_axes_of_normals_are_red_green_and_blue():
    drawn = normals_to_rgb(np.eye(3)[None])
    assert drawn[0].tolist() == [[255, 127, 127], [127, 255, 127]] + [[127, 127, 255]]
    bad = np.array([[[np.nan, 0, 1], [0, 0, 1]]])
    drawn = normals_to_rgb(bad, background=(9, 9, 9))
    assert drawn[0].tolist() == [[9, 9, 9], [127, 127, 255]]


def test_angles_are_in_degrees():
    pred = np.array([[[0, 0, 2.0], [1, 0, 0], [0, 0, 0]]])
    gt = np.array([[[0, 0, 1.0], [0, 1, 0], [0, 0, 1]]])
    angles = angles_deg(pred, gt, axis=-1)[0]
    np.testing.assert_allclose(angles, [0, 90, np.nan], atol=1e-4)


def test_alignment_finds_scale_and_shift():
    depth = np.arange(12.0).reshape(3, 4)
    mask = depth != 5
    wrong = np.where(mask, depth * -3 + 7, 100)
    aligned = align_depth(wrong, depth, mask)
    np.testing.assert_allclose(aligned[mask], depth[mask], atol=1e-5)
    flat = align_depth(np.ones((3, 4)), depth, mask)
    np.testing.assert_allclose(flat, depth[mask].mean(), rtol=1e-6)


def test_ball_shows_up_as_green():
    ball = normal_ball(41).astype(int)
    assert ball[20, 20].tolist() == [127, 127, 255]
    assert ball[1, 20, 1] > 240 and ball[20, 39, 0] > 240
    assert not ball[0, 0].any()


@pytest.mark.parametrize('width', [150, 400, 1500])
def test_legend_has_names_beside_colors(width):
    size = font_size(width, width)
    legend = class_legend([('Torso', PALETTE[2])], width, size)
    colors = {tuple(color) for color in legend.reshape(-1, 3).tolist()}
    assert PALETTE[2] in colors and PALETTE[1] not in colors
    box = legend[legend.shape[0] // 2, size // 2]
    assert tuple(box) == PALETTE[2]
    # Light text right of the box, with paper between.
    assert (legend[:, size + 2 : size + size // 4] == PAPER).all()
    assert legend[:, size + size // 2 :].max() > 200


def test_legend_without_classes_is_empty():
    assert class_legend([], 100, 12).shape == (0, 100, 3)


def test_names_of_the_legend_do_not_reach_the_next_column():
    entries = [(f'a_rather_long_name_{i}', (200, 0, 0)) for i in range(9)]
    legend = class_legend(entries, 500, 14)
    box = np.all(legend == (200, 0, 0), axis=-1).any(axis=0)
    starts = np.flatnonzero(np.diff(box.astype(int)) == 1)
    assert len(starts) == 1 or (np.diff(starts) > 160).all()
    for start in starts[1:]:
        assert (legend[:, start - 4 : start - 2] == PAPER).all()


def test_text_is_shortened_to_fit():
    text = fit_text('a very long title of a small image', 12, 80)
    assert text.endswith('…') and text_width(text, 12) <= 80
    assert fit_text('x', 12, 1) == ''
    assert fit_text('short', 12, 200) == 'short'


def test_color_bar_runs_between_its_words():
    bar = color_bar('inferno', 'far', 'near', 300, 12)
    assert bar.shape == (19, 300, 3)
    ends = apply_color_map(np.array([[0.0, 1.0]]), 'inferno')[0]
    row = bar[9].tolist()
    assert ends[0].tolist() in row and ends[1].tolist() in row
    assert color_bar('inferno', 'far', 'near', 20, 12).shape == (19, 20, 3)


def test_spread_palette_has_no_color_twice():
    palette = spread_palette(34)
    assert len(set(palette)) == 34
    assert spread_palette(0) == []


@pytest.mark.parametrize(
    ('call', 'match'),
    [
        (lambda x: draw_parts(x, x[..., 0], PALETTE, opacity=2), 'opacity'),
        (lambda x: draw_parts(x, x[:2, :, 0], PALETTE), 'height and width'),
        (lambda x: draw_parts(x, x[..., 0] / 2, PALETTE), 'be integers'),
        (lambda x: color_depth(x), r'shape \(H, W\)'),
        (lambda x: color_depth(x[..., 0], x[:2, :, 0]), '`mask`'),
        (lambda x: normals_to_rgb(x[..., 0]), r'shape \(H, W, 3\)'),
        (lambda x: normals_to_rgb(x, x), '`mask`'),
    ],
)
def test_other_shapes_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call(np.zeros((4, 5, 3), dtype=np.uint8))


def test_unknown_color_map_is_refused():
    with pytest.raises(KeyError, match="inferno.*but got 'jet'"):
        color_values(torch.rand(3, 3).numpy(), color_map='jet')
