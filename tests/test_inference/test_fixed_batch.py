"""A compiled network sees batches of one size only."""

import torch
from torch import nn

from mmsapiens.inference.task_network import FixedBatch


class Recorder(nn.Module):
    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, img):
        self.sizes.append(len(img))
        return (img.mean(dim=(2, 3)), img[:, :1])


def test_smaller_batches_are_filled_up(monkeypatch):
    monkeypatch.setattr(torch, 'compile', lambda module, dynamic: module)
    module = Recorder()
    fixed = FixedBatch(module, 4)
    for count in (4, 1, 3):
        img = torch.rand(count, 3, 8, 6)
        means, first = fixed(img)
        torch.testing.assert_close(means, img.mean(dim=(2, 3)))
        torch.testing.assert_close(first, img[:, :1])
    assert module.sizes == [4, 4, 4]
