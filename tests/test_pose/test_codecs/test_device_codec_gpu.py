import numpy as np
import pytest
import torch

from mmsapiens.pose import BatchedUDPHeatmap

pytestmark = pytest.mark.gpu
DEVICE = 'cuda'
SIZES = dict(input_size=(192, 256), heatmap_size=(48, 64), sigma=2)
KEYPOINTS = 308


@pytest.fixture
def batch():
    """Encoded keypoints of three people, some outside, some not labelled."""
    rng = np.random.default_rng(0)
    codec = BatchedUDPHeatmap(**SIZES, encode_on_device=True)
    people = []
    for _ in range(3):
        points = rng.uniform(-0.1, 1.1, (1, KEYPOINTS, 2)) * (192, 256)
        visible = (rng.uniform(size=(1, KEYPOINTS)) < 0.9).astype('f4')
        people.append(codec.encode(points.astype('f4'), visible))
    return codec, [
        torch.from_numpy(np.concatenate([each[key] for each in people]))
        for key in ('heatmap_keypoints', 'keypoint_weights')
    ]


def test_maps_drawn_on_the_device_equal_those_of_the_host(batch):
    codec, (points, weights) = batch
    expected = codec.draw(points, weights)
    actual = codec.draw(points.to(DEVICE), weights.to(DEVICE))
    assert actual.device.type == DEVICE
    torch.testing.assert_close(actual.cpu(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_decoding_equals_the_cpu(batch, dtype):
    codec, (points, weights) = batch
    maps = codec.draw(points, weights)
    noise = torch.Generator().manual_seed(0)
    maps = (maps + 1e-3 * torch.rand(maps.shape, generator=noise)).to(dtype)
    expected, scores = codec.batch_decode(maps.float())
    actual, actual_scores = codec.batch_decode(maps.to(DEVICE))
    drawn = weights.numpy() > 0.5
    for person in range(3):
        chosen = drawn[person]
        np.testing.assert_allclose(
            actual[person][0, chosen], expected[person][0, chosen], atol=0.02
        )
        np.testing.assert_allclose(actual_scores[person], scores[person], atol=1e-5)
