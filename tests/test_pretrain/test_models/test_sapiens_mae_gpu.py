import pytest
import torch
from mae_models import tiny_mae

from mmsapiens.models.layers import compile_blocks

pytestmark = pytest.mark.gpu
DEVICE = 'cuda'


def train(device, dtype=torch.float32, compiled=False, steps=4):
    """Losses of some steps with the same masks."""
    torch.manual_seed(0)
    model = tiny_mae(backbone=dict(with_cp=True)).to(device)
    if compiled:
        compile_blocks(model)
    noise = torch.rand(8, 16, generator=torch.Generator().manual_seed(1))
    images = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
    losses = []
    for _ in range(steps):
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = model(images.to(device), [], mode='loss', noise=noise.to(device))['loss']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)


def test_losses_equal_those_of_the_cpu():
    expected = train('cpu')
    torch.testing.assert_close(train(DEVICE), expected, rtol=2e-3, atol=0)


def test_bfloat16_trains_to_nearly_the_same_losses():
    expected = train('cpu')
    actual = train(DEVICE, torch.bfloat16)
    torch.testing.assert_close(actual, expected, rtol=2e-2, atol=0)


def test_compiled_blocks_train_to_the_same_losses():
    expected = train(DEVICE)
    actual = train(DEVICE, compiled=True)
    torch.testing.assert_close(actual, expected, rtol=2e-3, atol=0)
