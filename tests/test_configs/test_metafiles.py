"""What the metafiles say about the configs."""

import pytest
import yaml
from parity import ROOT

from mmsapiens.models.tasks import TASKS
from mmsapiens.zoo import releases

METAFILES = sorted(ROOT.glob('configs/**/metafile.yml'))


def read(path):
    return yaml.safe_load(path.read_text())


def test_index_imports_every_metafile():
    index = read(ROOT / 'model-index.yml')['Import']
    paths = [str(path.relative_to(ROOT)) for path in METAFILES]
    assert sorted(index) == paths


@pytest.mark.parametrize('path', METAFILES, ids=lambda p: p.parent.name)
def test_every_model_has_its_config(path):
    doc = read(path)
    for model in doc['Models']:
        config = ROOT / model['Config']
        assert config.is_file()
        assert config.stem == model['Name']
        family = model['Name'].partition('-')[0]
        assert model['In Collection'] == family.capitalize()
        for result in model.get('Results') or ():
            assert 'reported by' in result['Source']
            assert result['Metrics']


def test_the_collection_has_a_readme():
    entries = [e for p in METAFILES for e in read(p).get('Collections', ())]
    assert {entry['Name'] for entry in entries} == {'Sapiens', 'Sapiens2'}
    assert all((ROOT / entry['README']).is_file() for entry in entries)


@pytest.mark.parametrize('path', METAFILES, ids=lambda p: p.parent.name)
def test_every_size_is_listed(path):
    """Variants and tiny models have no figures to list."""
    listed = {model['Name'] for model in read(path)['Models']}
    recipes = {name.split('_', 1)[1] for name in listed}
    configs = {file.stem for file in path.parent.glob('*.py')}
    for recipe in recipes:
        sizes = {n for n in configs if n.split('_', 1)[1] == recipe}
        assert sizes <= listed


def weights():
    """Config -> address of its weights, of every metafile."""
    models = [model for path in METAFILES for model in read(path)['Models']]
    return {m['Config']: m['Weights'] for m in models if 'Weights' in m}


def test_weights_are_those_of_the_zoo():
    expected = {
        'configs/' + task.config_of(release.size): release.url
        for task in TASKS.values()
        for release in releases()
        if release.task == task.name and release.format == 'pth'
    }
    found = weights()
    pretrain = {c for c in found if c.startswith('configs/pretrain/')}
    assert {c: found[c] for c in found if c not in pretrain} == expected


def test_every_size_of_pretraining_has_its_weights():
    urls = {
        release.size: release.url
        for release in releases()
        if (release.task, release.format) == ('pretrain', 'pth')
    }
    found = {
        config.partition('sapiens-')[2].partition('_')[0]: url
        for config, url in weights().items()
        if config.startswith('configs/pretrain/')
    }
    assert found == urls
