"""Fixtures of the test suite."""

import os
import random
import signal

import mmsapiens  # noqa: F401  before the hosts: makes them importable
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

TINY = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)


def pytest_configure(config):
    # Threads of several processes on the same cores wait for each other.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    torch.set_num_threads(int(os.environ['OMP_NUM_THREADS']))
    # A shell lets jobs in the background ignore Ctrl-C, and so would the processes that the tests
    # interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Seed what a test draws, whichever ran before; `nox -s chance` tries other seeds.

    Runners of earlier tests leave their scope as the current one.
    """
    DefaultScope._instance_dict.clear()
    seed = int(os.environ.get('MMSAPIENS_TEST_SEED', '0'))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.fixture
def tiny_arch():
    """Two layers of width 32."""
    return dict(TINY)


@pytest.fixture
def mmpose_scope():
    """Bare type names mean those of mmpose."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture
def generator():
    """A seeded source of random numbers on the CPU."""
    return torch.Generator().manual_seed(0)


def pytest_collection_modifyitems(config, items):
    if torch.cuda.is_available():
        return
    needs_gpu = [item for item in items if 'gpu' in item.keywords]
    items[:] = [item for item in items if 'gpu' not in item.keywords]
    config.hook.pytest_deselected(items=needs_gpu)
