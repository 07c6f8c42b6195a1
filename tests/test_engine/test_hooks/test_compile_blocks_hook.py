from types import SimpleNamespace

import torch
from torch import nn

from mmsapiens.models.layers import TransformerLayer
from mmsapiens.registry import HOOKS


def test_the_model_of_the_runner_is_compiled_before_training():
    used = []

    def backend(graph, inputs):
        used.append(graph)
        return graph.forward

    torch._dynamo.reset()
    hook = HOOKS.build(dict(type='CompileBlocksHook', backend=backend))
    model = nn.Sequential(TransformerLayer(32, 2, 64))
    hook.before_train(SimpleNamespace(model=model))
    model(torch.randn(1, 5, 32))
    assert len(used) == 1
