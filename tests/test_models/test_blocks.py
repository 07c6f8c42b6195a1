import pytest
import torch
from torch import nn

from mmsapiens.models import SapiensViT
from mmsapiens.models.layers import compile_blocks

TINY = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)


def test_compiled_blocks_give_the_same_numbers_and_names():
    torch.manual_seed(0)
    plain = SapiensViT(TINY, img_size=32)
    compiled = SapiensViT(TINY, img_size=32)
    compiled.load_state_dict(plain.state_dict())

    assert compile_blocks(compiled, backend='aot_eager') == 3

    assert list(compiled.state_dict()) == list(plain.state_dict())
    image = torch.randn(2, 3, 32, 32)
    expected, actual = plain(image)[0], compiled(image)[0]
    torch.testing.assert_close(actual, expected)
    expected.square().sum().backward()
    actual.square().sum().backward()
    for one, other in zip(plain.parameters(), compiled.parameters()):
        torch.testing.assert_close(other.grad, one.grad)


def test_blocks_of_one_shape_share_a_compilation():
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    model = SapiensViT(dict(TINY, num_layers=4), img_size=32)
    compile_blocks(model, backend=backend)
    model(torch.randn(2, 3, 32, 32))
    assert len(graphs) == 1


def test_models_without_blocks_are_refused():
    with pytest.raises(ValueError, match='no transformer blocks.*Linear.*`blocks`'):
        compile_blocks(nn.Linear(2, 2))
