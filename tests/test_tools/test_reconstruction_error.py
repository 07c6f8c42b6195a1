import pytest
import torch
from mae_models import tiny_mae
from reconstruction_loss import measure_reconstruction


@pytest.fixture
def model():
    torch.manual_seed(0)
    return tiny_mae().eval()


@pytest.fixture
def images(generator):
    return torch.randn(6, 3, 64, 64, generator=generator)


def test_error_is_the_training_loss(model, images):
    errors = measure_reconstruction(model, images.split(4), seed=3)
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(6, 16, generator=generator)
    loss = model.loss(images, None, noise=noise)['loss']
    assert errors.model == pytest.approx(float(loss), rel=1e-5)
    assert errors.num_patches == 6 * 12


def test_mean_patch_is_the_best_constant(model, images):
    images[:] = images.mean(dim=0, keepdim=True).repeat(6, 1, 1, 1)
    images = images.unflatten(3, (4, 16)).unflatten(2, (4, 16))
    images[:] = images[:, :, :1, :, :1].clone()  # all patches are equal
    images = images.flatten(4, 5).flatten(2, 3)
    errors = measure_reconstruction(model, [images])
    assert errors.mean_patch == pytest.approx(0, abs=1e-6)


def test_normalized_noise_has_a_mean_patch_error_of_one(model, images):
    errors = measure_reconstruction(model, [images])
    # Less what the mean of 72 patches fits.
    assert errors.mean_patch == pytest.approx(1 - 1 / 72, abs=2e-3)
    assert errors.explained < 0  # not trained


def test_ratio_may_be_another_one(model, images):
    assert measure_reconstruction(model, [images], 0.5).num_patches == 48


def test_no_images_are_refused(model):
    with pytest.raises(ValueError, match='`batches` must hold an image'):
        measure_reconstruction(model, [])
