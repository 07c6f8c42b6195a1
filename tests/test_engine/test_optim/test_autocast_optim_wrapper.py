"""Mixed precision on any device."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from torch import nn

from mmsapiens.engine.optim import AutocastOptimWrapper
from mmsapiens.registry import OPTIM_WRAPPERS

DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16, 'float32': torch.float32}


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch):
    """The same test on a machine with a GPU."""
    monkeypatch.setattr('mmsapiens.engine.optim.autocast_optim_wrapper.get_device', lambda: 'cpu')


@pytest.fixture
def net(generator):
    model = nn.Linear(8, 8)
    with torch.no_grad():
        model.weight.copy_(torch.randn(8, 8, generator=generator))
    return model


@pytest.fixture
def feats(generator):
    return torch.randn(16, 8, generator=generator)


def build(net, lr=0.1, momentum=0.0, **kwargs):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    return AutocastOptimWrapper(optimizer=optimizer, **kwargs)


def train_step(wrapper, net, feats, factor=1.0):
    """One step towards zero outputs; the loss."""
    with wrapper.optim_context(net):
        output = net(feats)
        loss = output.float().square().mean()
    wrapper.update_params(loss * factor)
    return loss.item()


def weights_of(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def assert_unchanged(net, weights):
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, weights[name])


@pytest.mark.parametrize('dtype', list(DTYPES))
def test_training_lowers_the_loss(net, feats, dtype):
    wrapper = build(net, dtype=dtype)
    losses = [train_step(wrapper, net, feats) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    assert net.weight.dtype == torch.float32


@pytest.mark.parametrize('dtype', list(DTYPES))
def test_forward_runs_in_the_dtype(net, feats, dtype):
    wrapper = build(net, dtype=dtype)
    with wrapper.optim_context(net):
        assert net(feats).dtype == DTYPES[dtype]
    assert net(feats).dtype == torch.float32


def test_stock_wrapper_refuses_a_machine_without_gpu(net):
    from mmengine.optim import AmpOptimWrapper

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if not torch.cuda.is_available():
        with pytest.raises(AssertionError, match='only available'):
            AmpOptimWrapper(optimizer=optimizer)
    assert build(net).device_type == 'cpu'


@pytest.mark.parametrize('dtype', ['bfloat16', 'float32'])
def test_only_float16_scales_the_loss(net, feats, dtype):
    wrapper = build(net, dtype=dtype, lr=1.0)
    wrapper.backward(net(feats).sum())
    expected = feats.sum(dim=0).expand(8, 8)
    torch.testing.assert_close(net.weight.grad, expected)
    wrapper.zero_grad()
    wrapper = build(net, dtype='float16', loss_scale=dict(init_scale=4.0))
    wrapper.backward(net(feats).sum())
    torch.testing.assert_close(net.weight.grad, 4 * expected)


def test_scaled_step_is_that_of_the_plain_optimizer(net, feats):
    # The loss scale is a power of two: it cancels exactly.
    weights = weights_of(net)
    wrapper = build(net, dtype='float16', loss_scale=dict(init_scale=1024.0))
    wrapper.update_params(net(feats).sum())
    expected = weights['weight'] - 0.1 * feats.sum(dim=0).expand(8, 8)
    torch.testing.assert_close(net.weight.detach(), expected)


def test_overflow_in_float16_skips_the_step_and_halves_the_scale(net, feats):
    wrapper = build(net, dtype='float16', loss_scale=dict(init_scale=8.0))
    weights = weights_of(net)
    train_step(wrapper, net, feats, factor=math.inf)
    assert_unchanged(net, weights)
    assert wrapper.scaler.get_scale() == 4.0
    train_step(wrapper, net, feats)
    assert not torch.equal(net.weight, weights['weight'])


@pytest.mark.parametrize('dtype', list(DTYPES))
def test_gradients_are_clipped_in_true_size(net, feats, dtype):
    wrapper = build(net, lr=1.0, dtype=dtype, clip_grad=dict(max_norm=0.5))
    before = weights_of(net)
    train_step(wrapper, net, feats)
    steps = [p.detach() - before[n] for n, p in net.named_parameters()]
    size = torch.cat([step.flatten() for step in steps]).norm()
    # The step is a difference of weights of order 1, in float32.
    torch.testing.assert_close(size, torch.tensor(0.5), rtol=1e-4, atol=0)


@pytest.mark.parametrize('dtype', ['half', 'bf16', 'float64', None])
def test_other_dtypes_are_refused(net, dtype):
    with pytest.raises(ValueError, match=r"`dtype` must be .*'bfloat16'"):
        build(net, dtype=dtype)


def test_loss_scale_without_float16_is_refused(net):
    with pytest.raises(ValueError, match="`loss_scale` needs .*'bfloat16'"):
        build(net, loss_scale=dict(init_scale=2.0))


def test_unknown_arguments_are_refused(net):
    with pytest.raises(TypeError, match='loss_scal'):
        build(net, loss_scal=1)
    with pytest.raises(TypeError, match='factr'):
        build(net, loss_guard=dict(factr=2))


def test_state_returns_with_scale_guard_and_momentum(net, feats):
    settings = dict(
        momentum=0.9,
        dtype='float16',
        loss_scale=dict(init_scale=2.0, growth_interval=2),
        loss_guard=dict(factor=2.0),
    )
    wrapper = build(net, **settings)
    for _ in range(3):
        train_step(wrapper, net, feats)
    train_step(wrapper, net, feats, factor=math.nan)
    state = wrapper.state_dict()
    other = build(net, **settings)
    other.load_state_dict(state)
    assert other.scaler.get_scale() == 4.0
    assert other.scaler.state_dict() == wrapper.scaler.state_dict()
    assert other.guard.num_rejected == 1
    assert other.guard.reference == wrapper.guard.reference
    torch.testing.assert_close(other.optimizer.state_dict(), wrapper.optimizer.state_dict())
    assert state.keys() == other.state_dict().keys()


@pytest.mark.parametrize('dtype', list(DTYPES))
def test_state_of_a_stock_wrapper_loads(net, feats, dtype):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
    stock = OptimWrapper(optimizer=optimizer)
    stock.update_params(net(feats).square().mean())
    wrapper = build(net, momentum=0.9, dtype=dtype, loss_guard={})
    wrapper.load_state_dict(stock.state_dict())
    assert wrapper.get_lr()['lr'] == [0.3]
    assert wrapper.guard.reference is None


@pytest.mark.parametrize('before, after', [('float16', 'bfloat16'), ('bfloat16', 'float16')])
def test_state_of_another_dtype_loads(net, feats, before, after):
    wrapper = build(net, dtype=before, loss_guard={})
    train_step(wrapper, net, feats)
    state = wrapper.state_dict()
    keys = set(state)
    other = build(net, dtype=after)
    other.load_state_dict(state)
    train_step(other, net, feats)
    assert set(state) == keys  # the caller's dict is left alone


@pytest.mark.parametrize('factor', [math.nan, math.inf, 1000.0])
@pytest.mark.parametrize('dtype', list(DTYPES))
def test_guard_keeps_an_outlier_from_the_parameters(net, feats, dtype, factor):
    hub = MessageHub.get_current_instance()
    wrapper = build(net, momentum=0.9, dtype=dtype, loss_guard={})
    train_step(wrapper, net, feats)
    weights, reference = weights_of(net), wrapper.guard.reference
    momentum = wrapper.optimizer.state[net.weight]['momentum_buffer'].clone()
    train_step(wrapper, net, feats, factor)
    assert_unchanged(net, weights)
    state = wrapper.optimizer.state[net.weight]
    assert torch.equal(state['momentum_buffer'], momentum)
    assert wrapper.guard.reference == reference
    assert hub.get_scalar('train/rejected_losses').current() == 1
    train_step(wrapper, net, feats)
    assert not torch.equal(net.weight, weights['weight'])


def test_without_guard_a_nan_reaches_the_parameters(net, feats):
    train_step(build(net), net, feats, math.nan)
    assert net.weight.isnan().all()


def test_guard_survives_a_first_loss_of_zero(net, feats):
    wrapper = build(net, loss_guard={})
    train_step(wrapper, net, feats, factor=0.0)
    weights = weights_of(net)
    train_step(wrapper, net, feats)
    assert wrapper.guard.num_rejected == 0
    assert not torch.equal(net.weight, weights['weight'])


@pytest.mark.parametrize('dtype', list(DTYPES))
def test_accumulated_steps_equal_one_large_batch(net, feats, dtype):
    weights = weights_of(net)
    wrapper = build(net, dtype=dtype, accumulative_counts=2)
    wrapper.initialize_count_status(net, 0, 4)
    train_step(wrapper, net, feats[:8])
    assert_unchanged(net, weights)
    train_step(wrapper, net, feats[8:])
    parts = weights_of(net)
    net.load_state_dict(weights)
    train_step(build(net, dtype=dtype), net, feats)
    tolerance = dict(rtol=1e-5, atol=1e-6)
    if dtype != 'float32':  # three significant digits at most
        tolerance = dict(rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(weights_of(net), parts, **tolerance)


def test_step_after_a_rejected_part_uses_the_accepted_one(net, feats):
    weights = weights_of(net)
    wrapper = build(net, dtype='float32', accumulative_counts=2, loss_guard={})
    wrapper.initialize_count_status(net, 0, 6)
    train_step(wrapper, net, feats, math.nan)
    assert_unchanged(net, weights)
    train_step(wrapper, net, feats)
    guarded = weights_of(net)
    net.load_state_dict(weights)
    # Its share of the step is the one half that it would have had anyway.
    train_step(build(net, lr=0.05, dtype='float32'), net, feats)
    torch.testing.assert_close(guarded, weights_of(net))


def test_rejected_last_part_ends_the_cycle_without_a_step(net, feats):
    weights = weights_of(net)
    wrapper = build(net, accumulative_counts=2, loss_guard={})
    wrapper.initialize_count_status(net, 0, 6)
    train_step(wrapper, net, feats)
    train_step(wrapper, net, feats, math.nan)
    assert_unchanged(net, weights)
    assert net.weight.grad is None  # nothing is left for the next cycle
    train_step(wrapper, net, feats)
    assert_unchanged(net, weights)
    train_step(wrapper, net, feats)
    assert not torch.equal(net.weight, weights['weight'])


@pytest.mark.parametrize('scope', ['mmengine', 'mmpretrain', 'mmpose'])
def test_configs_of_every_host_build_it(net, scope):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with DefaultScope.overwrite_default_scope(scope):
        wrapper = OPTIM_WRAPPERS.build(
            dict(type='mmsapiens.AutocastOptimWrapper', optimizer=optimizer)
        )
    assert isinstance(wrapper, AutocastOptimWrapper)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_broken_gradients_change_nothing_and_are_counted(net, feats, dtype):
    wrapper = build(net, dtype=dtype, momentum=0.9, loss_guard=dict())
    train_step(wrapper, net, feats)
    weights = weights_of(net)
    net.weight.register_hook(lambda grad: grad * math.nan)
    train_step(wrapper, net, feats)
    assert_unchanged(net, weights)
    assert wrapper.guard.num_rejected == 1


def test_run_stops_past_the_limit(net, feats):
    wrapper = build(net, loss_guard=dict(max_rejected=1))
    train_step(wrapper, net, feats, factor=math.nan)
    with pytest.raises(RuntimeError, match='2 steps were rejected'):
        train_step(wrapper, net, feats, factor=math.nan)
