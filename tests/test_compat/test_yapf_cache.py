"""yapf's cache of its grammar, read while another process writes it."""

import shutil
from pathlib import Path

import pytest
import yapf_third_party._ylib2to3 as ylib2to3
from yapf_third_party._ylib2to3.pgen2 import driver


@pytest.fixture(params=[b'', b'\x80\x05'], ids=['empty', 'cut'])
def half_written(request, tmp_path):
    """A grammar, and a cache of it that is not written to its end."""
    source = Path(ylib2to3.__file__).with_name('Grammar.txt')
    grammar = shutil.copy(source, tmp_path / 'Grammar.txt')
    cache = tmp_path / 'Grammar.pickle'
    cache.write_bytes(request.param)
    return str(grammar), str(cache)


def test_stock_fails(half_written):
    with pytest.raises(Exception, match='Ran out of input|truncated'):
        driver.load_grammar.__wrapped__(*half_written)


def test_grammar_is_made_again(half_written):
    grammar = driver.load_grammar(*half_written)
    assert grammar.symbol2number['file_input'] >= 256


def test_good_cache_is_used(tmp_path):
    source = Path(ylib2to3.__file__).with_name('Grammar.txt')
    cache = tmp_path / 'Grammar.pickle'
    first = driver.load_grammar(str(source), str(cache))
    written = cache.read_bytes()
    second = driver.load_grammar(str(source), str(cache))
    assert second.symbol2number == first.symbol2number
    assert cache.read_bytes() == written
