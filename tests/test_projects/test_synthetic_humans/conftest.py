"""Small images of synthetic people, rendered once for all tests."""

import sys
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[3] / 'projects/synthetic_humans'
sys.path.insert(0, str(PROJECT))

pytest.importorskip('warp', reason='needs requirements/synthetic.txt')
pytest.importorskip('trimesh', reason='needs requirements/synthetic.txt')


@pytest.fixture(scope='session')
def project():
    """Folder of the project."""
    return PROJECT


@pytest.fixture(scope='session')
def template():
    """The body in its rest pose."""
    pytest.importorskip('anny')
    from synthetic_humans.template import load_template

    return load_template()


@pytest.fixture(scope='session')
def settings():
    """Small images of one or two people."""
    from synthetic_humans.settings import Settings

    return Settings((128, 96), seed=5, people=(1, 2))


@pytest.fixture(scope='session')
def samples(template, settings):
    """A few images with their labels."""
    from synthetic_humans.sample import render_sample

    return [render_sample(settings, index) for index in range(6)]


@pytest.fixture
def rng():
    """A seeded source of random numbers."""
    return np.random.default_rng(0)
