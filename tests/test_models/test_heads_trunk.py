import torch
from torch import nn

from mmsapiens.models.heads import TrunkSiLU, deconv_layers


def test_gradients_equal_those_of_silu_in_place(generator):
    trunk = deconv_layers(8, (6, 4), (4, 4))
    plain = nn.Sequential(
        *(nn.SiLU(inplace=True) if isinstance(layer, nn.SiLU) else layer for layer in trunk)
    )
    image = torch.randn(2, 8, 5, 3, generator=generator, requires_grad=True)
    results = []
    for layers in (trunk, plain):
        layers.zero_grad()
        image.grad = None
        out = layers(image)
        out.square().sum().backward()
        grads = [p.grad.clone() for p in layers.parameters()]
        results.append([out.detach(), image.grad.clone(), *grads])
    for ours, stock in zip(*results):
        assert torch.equal(ours, stock)


def test_memory_is_used_again_only_without_gradients():
    activation = TrunkSiLU()
    x = torch.randn(4)
    assert activation(x) is x
    y = torch.randn(4, requires_grad=True) + 1
    kept = y.detach().clone()
    assert activation(y) is not y
    assert torch.equal(y, kept)
