from types import SimpleNamespace

import torch

from mmsapiens.models import SapiensViT
from mmsapiens.registry import HOOKS


def test_the_model_of_the_runner_is_compiled_before_training():
    used = []

    def backend(graph, inputs):
        used.append(graph)
        return graph.forward

    torch._dynamo.reset()
    hook = HOOKS.build(dict(type='CompileBlocksHook', backend=backend))
    arch = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=64)
    model = SapiensViT(arch, img_size=32)
    hook.before_train(SimpleNamespace(model=model))
    model(torch.randn(1, 3, 32, 32))
    assert len(used) == 1
