import numpy as np
import pytest
import torch
from mmpose.codecs import UDPHeatmap
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import KEYPOINT_CODECS
from parity import Case

from mmsapiens.ops import udp_decoding, udp_encoding
from mmsapiens.ops.udp_decoding import (
    BORDERS,
    NO_PEAK,
    blur_matrix,
    blurred_maximum,
    decode_udp_heatmaps,
    top_by_matrices,
)
from mmsapiens.pose import BatchedUDPHeatmap

SIZES = dict(input_size=(192, 256), heatmap_size=(48, 64))
# Heatmap pixels; the codecs differ in the order of float operations.
TOLERANCE = 1e-3


@pytest.fixture
def stock():
    return UDPHeatmap(**SIZES, sigma=3)


@pytest.fixture
def ours():
    """Ours with the numbers of stock, also at the border of the map."""
    return BatchedUDPHeatmap(**SIZES, sigma=3, border='stock')


def people(count=20, spread=0.3, seed=0):
    """Keypoints inside and outside the input, and their visibility."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-spread, 1 + spread, (1, count, 2)) * (192, 256)
    visible = (rng.random((1, count)) > 0.2).astype(np.float32)
    return points.astype(np.float32), visible


def in_heatmap_pixels(keypoints):
    return keypoints / SIZES['input_size'] * (np.array((48, 64)) - 1)


@pytest.mark.parametrize('name', ['A', 'B'])
def test_encoding_equals_the_reference(name):
    case = Case('pose_codec')
    cfg = dict(case.config[name], type='mmsapiens.BatchedUDPHeatmap')
    codec = KEYPOINT_CODECS.build(cfg)
    keypoints = case[f'inputs/encode{name}.keypoints'].numpy()
    visible = case[f'inputs/encode{name}.visible'].numpy()
    for index in range(len(keypoints)):
        rows = slice(index, index + 1)
        encoded = codec.encode(keypoints[rows], visible[rows])
        for key, stored in (('heatmaps', 'heatmaps'), ('keypoint_weights', 'weights')):
            case.assert_close(
                torch.as_tensor(encoded[key]), case[f'outputs/encode{name}.{stored}'][index]
            )


def test_decoding_equals_the_reference():
    case = Case('pose_codec')
    codec = KEYPOINT_CODECS.build(dict(case.config['B'], type='BatchedUDPHeatmap', border='stock'))
    keypoints, scores = codec.batch_decode(case['inputs/decodeB.heatmaps'])
    expected = case['outputs/decodeB.scores'].nan_to_num(0).numpy()
    np.testing.assert_allclose(np.stack(scores), expected, atol=case.tolerance['scores_atol'])
    stable = case['outputs/decodeB.stable'].bool().numpy()
    assert stable.any()
    np.testing.assert_allclose(
        np.stack(keypoints)[:, 0][stable],
        case['outputs/decodeB.keypoints'].numpy()[:, 0][stable],
        atol=case.tolerance['decode_keypoints_atol'],
    )


@pytest.mark.parametrize('seed', range(5))
def test_encoding_equals_stock(stock, ours, seed):
    keypoints, visible = people(200, seed=seed)
    expected = stock.encode(keypoints, visible)
    encoded = ours.encode(keypoints, visible)
    np.testing.assert_allclose(encoded['heatmaps'], expected['heatmaps'], atol=1e-6)
    for key, value in expected.items():
        assert encoded[key].dtype == value.dtype
        assert encoded[key].shape == value.shape
    np.testing.assert_array_equal(encoded['keypoint_weights'], expected['keypoint_weights'])


def border_people():
    """Keypoints at and around corners and edges, in pixels of the input."""
    columns = [-60, -40, -37, -1, 0, 1, 35, 96, 155, 190, 191, 192, 228, 260]
    rows = [-60, -38, -36, 0, 2, 37, 128, 219, 254, 255, 256, 291, 295, 330]
    points = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(1, -1, 2)
    return points.astype(np.float32), np.ones(points.shape[:2], np.float32)


def test_windows_at_the_border_equal_stock(stock, ours):
    keypoints, visible = border_people()
    expected = stock.encode(keypoints, visible)
    encoded = ours.encode(keypoints, visible)
    np.testing.assert_allclose(encoded['heatmaps'], expected['heatmaps'], atol=1e-6)
    np.testing.assert_array_equal(encoded['keypoint_weights'], expected['keypoint_weights'])


def test_all_keypoints_are_visible_by_default(ours):
    keypoints, _ = people(spread=0)
    assert (ours.encode(keypoints)['keypoint_weights'] == 1).all()


def test_maps_drawn_on_the_device_are_the_same(ours):
    keypoints, visible = people(200)
    late = BatchedUDPHeatmap(**SIZES, sigma=3, encode_on_device=True)
    shipped = late.encode(keypoints, visible)
    assert set(shipped) == {'heatmap_keypoints', 'keypoint_weights'}
    drawn = late.draw(
        torch.as_tensor(shipped['heatmap_keypoints']), torch.as_tensor(shipped['keypoint_weights'])
    )
    expected = ours.encode(keypoints, visible)['heatmaps']
    np.testing.assert_allclose(drawn[0].numpy(), expected, atol=1e-5)


def test_product_of_rows_and_columns_gives_the_same_maps(ours):
    keypoints, visible = people(200)
    encoded = ours.encode(keypoints, visible)
    drawn = udp_encoding._draw_whole_maps(
        torch.from_numpy(keypoints / ours.scale_factor),
        torch.from_numpy(encoded['keypoint_weights']),
        ours.heatmap_size,
        ours.sigma,
    )
    np.testing.assert_allclose(drawn[0].numpy(), encoded['heatmaps'], atol=1e-5)


@pytest.mark.parametrize('noise', [0.0, 0.02])
def test_decoding_equals_stock_on_peaked_maps(stock, ours, noise):
    keypoints, visible = people(100)
    heatmaps = stock.encode(keypoints, visible)['heatmaps']
    rng = np.random.default_rng(1)
    heatmaps += rng.normal(0, noise, heatmaps.shape).astype(np.float32)
    expected, scores = stock.decode(heatmaps)
    actual, our_scores = ours.decode(heatmaps)
    peaked = scores[0] > 0.5
    assert peaked.sum() > 20
    difference = in_heatmap_pixels(actual - expected)[0][peaked]
    assert abs(difference).max() < TOLERANCE
    np.testing.assert_array_equal(our_scores, scores)


def test_decoding_equals_stock_where_the_logarithm_is_clipped(stock, ours):
    # A peak of a few thousandths, one above 50, and a sharp one beside a broad hill that the blur
    # makes the higher one.
    rows, columns = np.mgrid[:64, :48]
    bell = np.exp(-((columns - 20.3) ** 2 + (rows - 30.6) ** 2) / 18)
    heatmaps = np.stack([0.004 * bell, 80 * bell, 0.9 * bell])
    heatmaps[2, 10, 10] = 1
    heatmaps[2, 10, 11] = 0.4
    heatmaps = heatmaps.astype(np.float32)
    expected, _ = stock.decode(heatmaps)
    actual, _ = ours.decode(heatmaps)
    difference = in_heatmap_pixels(actual - expected)
    assert abs(difference).max() < TOLERANCE


@pytest.mark.parametrize('kernel', [3, 11, 17])
def test_blur_kernel_is_a_parameter(kernel):
    stock = UDPHeatmap(**SIZES, sigma=3, blur_kernel_size=kernel)
    ours = BatchedUDPHeatmap(**SIZES, sigma=3, blur_kernel_size=kernel, border='stock')
    heatmaps = stock.encode(people(spread=0)[0])['heatmaps']
    difference = in_heatmap_pixels(ours.decode(heatmaps)[0] - stock.decode(heatmaps)[0])
    assert abs(difference).max() < TOLERANCE


@pytest.mark.parametrize('kernel', [1, 3, 11, 65])
@pytest.mark.parametrize('blur', [blurred_maximum, top_by_matrices])
def test_whole_maps_are_blurred_with_zeros_around(kernel, blur):
    maps = torch.rand(5, 24, 40, generator=torch.Generator().manual_seed(0))
    taps = blur_matrix(kernel, maps.device)[0, :kernel]
    window = torch.outer(taps, taps)[None, None]
    expected = torch.nn.functional.conv2d(maps[:, None], window, padding=kernel // 2)
    torch.testing.assert_close(blur(maps, kernel), expected.flatten(1).amax(1))


def test_maps_that_are_blurred_are_taken_a_few_at_a_time(ours, monkeypatch):
    noise = np.random.default_rng(0).random((20, 64, 48), dtype=np.float32)
    expected = ours.decode(noise * 1e-4)
    monkeypatch.setattr(udp_decoding, 'BLURRED_AT_ONCE', 3)
    for one, other in zip(ours.decode(noise * 1e-4), expected):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_flip_test_equals_stock(stock, ours, dtype):
    generator = torch.Generator().manual_seed(0)
    plain = torch.from_numpy(stock.encode(people(spread=0)[0])['heatmaps'])
    flip_indices = torch.randperm(len(plain), generator=generator).argsort()
    mirrored = plain.roll(1, dims=1).flip(-1)[flip_indices.argsort()]
    plain, mirrored = plain[None].to(dtype), mirrored[None].to(dtype)
    restored = flip_heatmaps(
        mirrored.float(),
        flip_mode='heatmap',
        flip_indices=flip_indices.tolist(),
        shift_heatmap=False,
    )
    mean = (plain.float() + restored) * 0.5
    expected, scores = stock.decode(mean[0].numpy())
    (actual,), (our_scores,) = ours.batch_decode(plain, mirrored, flip_indices.tolist())
    assert abs(in_heatmap_pixels(actual - expected)).max() < TOLERANCE
    np.testing.assert_allclose(our_scores, scores, rtol=1e-6)


def special_maps():
    """Maps without a peak, by name."""
    maps = {
        'empty': torch.zeros(64, 48),
        'negative': torch.full((64, 48), -0.5),
        'nan': torch.zeros(64, 48),
    }
    maps['nan'][3, 4] = float('nan')
    maps['nan'][5, 5] = 1
    return maps


@pytest.mark.parametrize('name', list(special_maps()))
def test_map_without_a_peak_gives_the_corner_and_its_maximum(ours, name):
    heatmap = special_maps()[name]
    with_peak = torch.zeros(64, 48)
    with_peak[30, 20] = 1
    points, scores = ours.batch_decode(torch.stack([heatmap, with_peak])[None])
    pixels = in_heatmap_pixels(points[0][0])
    np.testing.assert_allclose(pixels[0], [NO_PEAK, NO_PEAK])
    expected = {'empty': 0, 'negative': -0.5, 'nan': 0}[name]
    assert scores[0][0, 0] == expected
    np.testing.assert_allclose(pixels[1], [20, 30], atol=1e-6)


def test_constant_map_gives_a_finite_point(ours):
    points, scores = ours.decode(np.full((1, 64, 48), 0.2, dtype=np.float32))
    assert np.isfinite(points).all()
    assert scores[0, 0] == pytest.approx(0.2)


@pytest.mark.parametrize('x, y', [(0, 0), (47, 63), (0, 40), (20, 0)])
def test_peaks_at_the_border_equal_stock(stock, ours, x, y):
    rows, columns = np.mgrid[:64, :48]
    bell = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    heatmaps = bell[None].astype(np.float32)
    difference = ours.decode(heatmaps)[0] - stock.decode(heatmaps)[0]
    assert abs(in_heatmap_pixels(difference)).max() < TOLERANCE


def bells(points, size_wh, sigma):
    """Heatmaps as the network is trained to give them, (1, N, H, W), points in their pixels."""
    weights = torch.ones(1, len(points))
    return udp_encoding.draw_batch(torch.tensor(points)[None].float(), weights, size_wh, sigma)


def border_points(width, height, reach=7.0, step=0.25):
    """Every place at the four borders and in the corners, at fractions of a pixel."""
    depths = np.arange(-1, reach, step)
    middle = np.full_like(depths, 0.3)
    sides = [(depths, height / 2 + middle), (width - 1 - depths, height / 2 + middle)]
    sides += [(width / 2 + middle, depths), (width / 2 + middle, height - 1 - depths)]
    sides += [(depths, depths + 0.4), (width - 1 - depths, height - 1.4 - depths)]
    return np.concatenate([np.stack(side, axis=1) for side in sides])


# Heatmaps of networks with inputs 192, 256 and 768 wide, and of the released models.
@pytest.mark.parametrize('kernel', [1, 3, 11, 17])
@pytest.mark.parametrize('size_wh, sigma', [((48, 64), 2), ((64, 64), 3), ((192, 256), 6)])
def test_peaks_at_the_border_are_found(size_wh, sigma, kernel):
    points = border_points(*size_wh)
    last_wh = size_wh[0] - 1, size_wh[1] - 1
    found, scores = decode_udp_heatmaps(bells(points, size_wh, sigma), last_wh, kernel)
    np.testing.assert_allclose(found[0], points, atol=1e-3)
    assert (scores > 0.8).all()


@pytest.mark.parametrize('kernel, off', [(11, [-2.0, 9.8, 14.7]), (17, [-2.0, 12.3, 16.7])])
def test_stock_is_off_at_the_border(kernel, off):
    # Pixels of an input 768 wide, as docs/inference.md says.
    points = np.array([[x * 191 / 767, 100.0] for x in (2, 3, 12)])
    maps = bells(points, (192, 256), 6)
    stock = UDPHeatmap((768, 1024), (192, 256), sigma=6, blur_kernel_size=kernel)
    np.testing.assert_allclose(stock.decode(maps[0].numpy())[0][0, :, 0], off, atol=0.06)
    found, _ = decode_udp_heatmaps(maps, (768, 1024), kernel, border='stock')
    np.testing.assert_allclose(found[0, :, 0], off, atol=0.06)
    found, _ = decode_udp_heatmaps(maps, (768, 1024), kernel)
    np.testing.assert_allclose(found[0, :, 0] * 767 / 768, [2, 3, 12], atol=1e-3)


def test_the_border_rule_leaves_the_inner_peaks_as_they_are():
    rng = np.random.default_rng(0)
    points = rng.uniform(6.6, (40.4, 56.4), (100, 2))
    maps = bells(points, (48, 64), 2) + torch.from_numpy(rng.normal(0, 0.02, (1, 100, 64, 48)))
    fitted, stock = (decode_udp_heatmaps(maps, (192, 256), border=way)[0] for way in BORDERS)
    assert torch.equal(fitted, stock)


def test_noise_moves_peaks_at_the_border_less_than_zeros_do():
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(0, 5, 300), rng.uniform(12, 116, 300)], axis=1)
    maps = 0.6 * bells(points, (96, 128), 6)
    maps += torch.from_numpy(rng.normal(0, 0.02, maps.shape)).float()
    errors = {}
    for way in BORDERS:
        found, _ = decode_udp_heatmaps(maps, (95, 127), border=way)
        errors[way] = np.median(np.linalg.norm(found[0].numpy() - points, axis=1))
    assert errors['fit'] < 0.15 < 0.6 < errors['stock']


def test_a_few_pixels_at_the_border_are_no_parabola():
    maps = torch.zeros(1, 4, 64, 48)
    maps[0, 0, 0, 0] = 1  # a single pixel
    maps[0, 1, :, 0] = 1  # a line
    maps[0, 2] = 0.2  # constant
    maps[0, 3, 0, 20] = 80
    points, _ = decode_udp_heatmaps(maps, (47, 63))
    np.testing.assert_allclose(points[0], [[0, 0], [0, 0], [0, 0], [20, 0]], atol=1e-6)


def test_encoding_then_decoding_gives_the_points_back(ours):
    keypoints, _ = people(spread=0)
    keypoints = keypoints.clip(20, 170)
    decoded, scores = ours.decode(ours.encode(keypoints)['heatmaps'])
    # Decoding multiplies by w where encoding divides by w - 1, as in stock.
    back = decoded * (np.array(SIZES['input_size']) - 1)
    back = back / SIZES['input_size']
    np.testing.assert_allclose(back, keypoints, atol=0.15)
    assert (scores > 0.9).all()


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(sigma=0), '`sigma` must be positive'),
        (dict(blur_kernel_size=4), 'must be odd and positive, but got 4'),
        (dict(border='zeros'), "`border` must be one of .*'fit', 'stock'.*but got 'zeros'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BatchedUDPHeatmap(**SIZES, **settings)


def test_two_people_at_once_are_refused(ours):
    keypoints = np.zeros((2, 5, 2), dtype=np.float32)
    with pytest.raises(ValueError, match='one person at a time, but got 2'):
        ours.encode(keypoints)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(heatmaps=torch.zeros(3, 64, 48)), r'must be \(B, K, H, W\)'),
        (dict(mirrored=torch.zeros(1, 3, 64, 40)), 'the shape of `heatmaps`'),
        (dict(flip_indices=[0, 1]), 'must have 3 entries, but got 2'),
        (dict(flip_indices=None), 'must have 3 entries, but got None'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change, message):
    arguments = dict(
        heatmaps=torch.zeros(1, 3, 64, 48),
        input_size_wh=(192, 256),
        mirrored=torch.zeros(1, 3, 64, 48),
        flip_indices=[0, 2, 1],
    )
    with pytest.raises(ValueError, match=message):
        decode_udp_heatmaps(**{**arguments, **change})


@pytest.mark.gpu
def test_cuda_gives_the_same(ours):
    heatmaps = torch.from_numpy(ours.encode(people(spread=0)[0])['heatmaps'])
    indices = list(range(len(heatmaps)))[::-1]
    pair = heatmaps[None], heatmaps[None].flip(-1)
    expected = decode_udp_heatmaps(pair[0], (192, 256), 11, pair[1], indices)
    on_gpu = [maps.cuda() for maps in pair]
    actual = decode_udp_heatmaps(on_gpu[0], (192, 256), 11, on_gpu[1], indices)
    for a, b in zip(actual, expected):
        torch.testing.assert_close(a.cpu(), b, atol=1e-3, rtol=0)


@pytest.mark.gpu
def test_cuda_blurs_the_same():
    maps = torch.rand(5, 24, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(blurred_maximum(maps.cuda(), 11).cpu(), blurred_maximum(maps, 11))


def test_configs_in_older_checkpoints_build():
    cfg = dict(type='mmsapiens.BatchedUDPHeatmap', reuse_memory=True, encode_on_device=False)
    codec = KEYPOINT_CODECS.build(dict(cfg, input_size=(192, 256), heatmap_size=(48, 64)))
    assert codec.border == 'fit'
