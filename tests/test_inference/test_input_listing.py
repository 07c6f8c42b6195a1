"""Inputs, and results in the same folder or around it."""

from contextlib import closing

import pytest
from odd_inputs.describe import make_image

from mmsapiens.io.read_options import ReadOptions
from mmsapiens.io.sources import open_source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two photographs and, in folders below, three results."""
    monkeypatch.chdir(tmp_path)
    names = ['a.png', 'b.png']
    names += ['panel/a.png', 'out/a.png', 'out/panel/a.png']
    for name in names:
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_image().save(path)
    return tmp_path / 'photos'


def names(inputs, out, **options):
    source = open_source(inputs, ReadOptions(**options), exclude=out)
    with closing(source.items()) as frames:
        return [frame.name for frame in frames]


@pytest.mark.parametrize(
    'inputs, options',
    [
        ('photos', {}),
        ('photos/', {}),
        (['photos/a.png', 'photos'], {}),
        ('photos/**/*.png', {}),
        ('photos/*/*.png', {}),
        (['photos/?/*.png'], {}),
        ('photos/**/*.png', dict(recursive=False)),
    ],
)
def test_results_in_the_folder_of_the_inputs_are_refused(folder, inputs, options):
    with pytest.raises(ValueError, match='`out` must not be the folder of'):
        names(inputs, folder, **options)


@pytest.mark.parametrize('out', ['~/photos', 'link', 'photos/../photos/'])
def test_other_names_of_the_folder_are_refused(folder, monkeypatch, out):
    monkeypatch.setenv('HOME', str(folder.parent))
    (folder.parent / 'link').symlink_to(folder)
    with pytest.raises(ValueError, match='`out` must not be the folder of'):
        names('photos', out)


def test_refused_for_an_iterator_too(folder):
    with pytest.raises(ValueError, match="such as '.*photos/results'"):
        names(iter(['photos']), folder)


@pytest.mark.parametrize(
    'inputs, out, options, found',
    [
        # Nothing is read but files beside the folders of the results.
        ('photos', 'photos', dict(recursive=False), ['a', 'b']),
        ('photos/*.png', 'photos', {}, ['a', 'b']),
        ('photos/a.png', 'photos', {}, ['a']),
        # Results inside, which are left out.
        ('photos', 'photos/out', {}, ['a', 'b', 'panel/a']),
        ('photos/**/*.png', 'photos/out', {}, ['a', 'b', 'panel/a']),
        # Results around the inputs.
        ('photos/*.png', '.', {}, ['a', 'b']),
        ('photos/panel', '.', {}, ['a']),
        ('photos/out/*/*.png', 'photos', {}, ['panel/a']),
    ],
)
def test_inputs_beside_results(folder, inputs, out, options, found):
    assert names(inputs, out, **options) == found
