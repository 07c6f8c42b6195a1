"""Precision, memory and speed settings together: the training stays the same.

Every combination is compared with float32, stored activations, no compiler, whole batches and the
plain optimizer.
"""

from functools import cache
from itertools import product

import pytest
import torch
from mae_models import TINY_MAE, build, tiny_mae

from mmsapiens.registry import OPTIM_WRAPPERS

STEPS, BATCH = 5, 8
PLAIN = dict(dtype='float32', with_cp=False, counts=1, fused=False)
EAGER = [
    dict(zip(PLAIN, values), compiled=False)
    for values in product(('float32', 'bfloat16'), (False, True), (1, 2), (False, True))
]
# Compiling takes seconds: each setting with all others, and by itself.
COMPILED = [
    dict(PLAIN, compiled=True),
    dict(PLAIN, compiled=True, with_cp=True),
    dict(PLAIN, compiled=True, with_cp=True, counts=2, fused=True),
    dict(dtype='bfloat16', compiled=True, with_cp=True, counts=2, fused=True),
]


@cache
def start():
    """Weights, images and noise of the masks, the same for all runs."""
    torch.manual_seed(0)
    model = tiny_mae()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, 64, 64, generator=generator)
    noise = torch.rand(STEPS, BATCH, 16, generator=generator)
    return model.state_dict(), images, noise


def train(dtype, with_cp, counts, fused, compiled):
    """Train; losses of the steps and the final weights."""
    weights, images, noise = start()
    cfg = dict(TINY_MAE)
    for part in ('backbone', 'neck'):
        cfg[part] = dict(cfg[part], with_cp=with_cp)
    if compiled:  # what inductor gets; its kernels take minutes to build
        cfg['compile_blocks'] = dict(backend='aot_eager')
    model = build(cfg).train()
    model.load_state_dict(weights)
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='AutocastOptimWrapper',
            dtype=dtype,
            accumulative_counts=counts,
            loss_guard=dict(factor=25.0, max_rejected=0),
            clip_grad=dict(max_norm=1.0),
            optimizer=torch.optim.AdamW(
                model.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=fused
            ),
        )
    )
    wrapper.initialize_count_status(model, 0, STEPS * counts)
    losses = []
    for step in range(STEPS):
        parts = zip(images.chunk(counts), noise[step].chunk(counts))
        total = 0.0
        for inputs, part in parts:
            with wrapper.optim_context(model):
                loss = model(inputs, mode='loss', noise=part)['loss']
            wrapper.update_params(loss)
            total += loss.item() / counts
        losses.append(total)
    return losses, model.state_dict()


@cache
def plain():
    return train(**PLAIN, compiled=False)


def test_plain_training_learns():
    losses, _ = plain()
    assert losses[-1] < losses[0] - 0.05


@pytest.mark.parametrize(
    'settings',
    EAGER[1:] + [pytest.param(case, marks=pytest.mark.slow) for case in COMPILED],
    ids=lambda settings: '-'.join(map(str, settings.values())),
)
def test_losses_and_weights_are_those_of_plain_training(settings):
    torch.compiler.reset()
    expected, weights = plain()
    losses, final = train(**settings)
    is_exact = settings['dtype'] == 'float32'
    # bfloat16 has 8 bits; the optimizer moves a weight by up to 1e-3 a step.
    assert losses == pytest.approx(expected, rel=1e-5 if is_exact else 1e-2)
    for name, value in weights.items():
        torch.testing.assert_close(
            final[name], value, rtol=0, atol=5e-5 if is_exact else 1.5 * STEPS * 1e-3, msg=name
        )
