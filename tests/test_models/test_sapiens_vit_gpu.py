import copy

import pytest
import torch

from mmsapiens.models import SapiensViT
from mmsapiens.models.layers import compile_blocks

pytestmark = pytest.mark.gpu
DEVICE = 'cuda'
# Widths of a head: that of most sizes, and that of 2B, no multiple of 8.
HEADS = {64: 2, 60: 2}


def vit(width, **kwargs):
    torch.manual_seed(0)
    arch = dict(
        embed_dims=HEADS[width] * width,
        num_layers=2,
        num_heads=HEADS[width],
        feedforward_channels=256,
    )
    model = SapiensViT(arch, img_size=(64, 48), **kwargs)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def loss_of(out):
    """Any function; the mean square of normalized numbers is constant."""
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    return (out.float() * weights.to(out.device)).mean()


def step(model, image, device, dtype=torch.float32):
    """Output and gradients of a training step, on the host."""
    model = copy.deepcopy(model).to(device)
    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
        out = model(image.to(device))[0]
    loss_of(out).backward()
    grads = [p.grad.float().cpu() for p in model.parameters()]
    return out.detach().float().cpu(), grads


def relative(actual, expected):
    return (actual - expected).norm() / expected.norm()


@pytest.mark.parametrize('width', HEADS)
@pytest.mark.parametrize('with_cp', [False, True])
def test_float32_equals_the_cpu(width, with_cp, generator):
    model = vit(width, with_cp=with_cp)
    image = torch.randn(2, 3, 64, 48, generator=generator)
    expected = step(model, image, 'cpu')
    actual = step(model, image, DEVICE)
    assert relative(actual[0], expected[0]) < 1e-3  # TF32 in convolutions
    for one, other in zip(actual[1], expected[1]):
        assert relative(one, other) < 2e-2


@pytest.mark.parametrize('width', HEADS)
def test_bfloat16_is_close_to_float32(width, generator):
    model = vit(width)
    image = torch.randn(2, 3, 64, 48, generator=generator)
    expected = step(model, image, 'cpu')
    actual = step(model, image, DEVICE, torch.bfloat16)
    assert relative(actual[0], expected[0]) < 2e-2
    for one, other in zip(actual[1], expected[1]):
        assert one.isfinite().all()
        assert relative(one, other) < 0.1


def test_compiled_blocks_equal_eager_ones(generator):
    image = torch.randn(2, 3, 64, 48, generator=generator).to(DEVICE)
    model = vit(64).to(DEVICE)
    compiled = copy.deepcopy(model)
    compile_blocks(compiled)
    grads = []
    for each in (model, compiled):
        out = each(image)[0]
        loss_of(out).backward()
        grads.append([p.grad.clone() for p in each.parameters()])
    for eager, other in zip(*grads):
        assert relative(other, eager) < 1e-2
