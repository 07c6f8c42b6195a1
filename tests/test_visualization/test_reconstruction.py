import numpy as np
import pytest
import torch
from mae_models import tiny_mae

from mmsapiens.visualization.reconstruction import Style, draw_sweep, draw_triplets, to_images

MEAN, STD = torch.tensor([120.0, 110.0, 100.0]), torch.tensor([60.0, 50.0, 40])


@pytest.fixture
def pixels(generator):
    return torch.randint(0, 256, (2, 3, 64, 64), generator=generator)


@pytest.fixture
def inputs(pixels):
    return (pixels - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return tiny_mae().eval()


def test_normalization_is_undone(pixels, inputs):
    images = to_images(inputs, MEAN, STD)
    assert images.dtype == np.uint8
    expected = pixels.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(images, expected)


def test_triplet_shows_original_gray_and_visible_pixels(model, pixels, inputs):
    noise = torch.arange(16.0).expand(2, -1)  # the first 4 patches are kept
    result = model.reconstruct(inputs, noise=noise)
    image = draw_triplets(result, Style(MEAN, STD))
    # gaps of 4, a label of 20 above the first row
    assert image.shape == (4 + 84 + 4 + 64 + 4, 3 * 68 + 4, 3)
    original = pixels[0].permute(1, 2, 0).numpy()
    tiles = [image[24:88, x : x + 64] for x in (4, 72, 140)]
    np.testing.assert_array_equal(tiles[0], original)
    np.testing.assert_array_equal(tiles[1][:16], original[:16])
    assert (tiles[1][16:] == 128).all()
    np.testing.assert_array_equal(tiles[2][:16], original[:16])
    all_predicted = draw_triplets(result, Style(MEAN, STD, False))
    assert (all_predicted[24:40, 140:204] != original[:16]).any()


def test_sweep_hides_more_and_more(model, inputs):
    noise = torch.arange(16.0).expand(2, -1)
    results = {
        ratio: model.reconstruct(inputs, noise=noise, mask_ratio=ratio)
        for ratio in (0.25, 0.5, 0.75)
    }
    image = draw_sweep(results, Style(MEAN, STD))
    assert image.shape == (4 + 88 + 3 * 68, 4 * 68 + 4, 3)
    gray = [(image[24:88, x : x + 64] == 128).all(axis=2).mean() for x in (72, 140, 208)]
    assert gray == pytest.approx([0.25, 0.5, 0.75], abs=0.01)
    with pytest.raises(ValueError, match='must not be empty'):
        draw_sweep({}, Style(MEAN, STD))
