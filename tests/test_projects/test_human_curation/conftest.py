"""A small pool, and tiny networks that judge by color."""

import json
import os
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3] / 'projects/human_curation'
sys.path.insert(0, str(PROJECT))

pytest.importorskip('onnx', reason='needs requirements/curation.txt')
pytest.importorskip('pdqhash', reason='needs requirements/curation.txt')
pytest.importorskip('faiss', reason='needs requirements/curation.txt')

import tiny_models as tiny  # noqa: E402


@pytest.fixture(scope='session')
def project():
    """Folder of the project."""
    return PROJECT


@pytest.fixture(scope='session')
def models_file(tmp_path_factory):
    """Describes the tiny networks."""
    return tiny.save_models(tmp_path_factory.mktemp('models'))


@pytest.fixture(scope='session')
def options(models_file):
    """Options of a run with the tiny networks."""
    from human_curation.models import read_models
    from human_curation.options import Options

    return Options(models=read_models(models_file), batch=4)


@pytest.fixture(scope='session')
def pool(tmp_path_factory):
    """Six tar files of twelve images, with `.json`; the key begins with the verdict."""
    folder = tmp_path_factory.mktemp('pool')
    names = ['kept', *tiny.SORTS] * 9
    for shard in range(6):
        members = []
        for number in range(shard * 12, shard * 12 + 12):
            name = names[number]
            content = tiny.SORTS[name](number)
            suffix = '.png' if name == 'flat' else '.jpg'
            facts = dict(url=f'https://example.org/{number}', license='CC-BY-4.0', caption='a')
            members += [(f'{name}{number:03d}{suffix}', content)]
            members += [(f'{name}{number:03d}.json', json.dumps(facts).encode())]
        tiny.write_tar(folder / f'{shard:05d}.tar', members)
    return folder


@pytest.fixture(scope='session')
def ray_started():
    """A cluster of this machine, as a run starts it, for all tests."""
    from human_curation.engines import set_environment, start_ray

    set_environment()
    import ray

    # Neither an address in the environment nor a cluster that is running is joined.
    os.environ['RAY_ADDRESS'] = '192.0.2.1:6379'
    try:
        assert start_ray(ray, 2, None, 0)
    finally:
        del os.environ['RAY_ADDRESS']
    yield ray
    ray.shutdown()
