"""The messages of `docs/bad_inputs.md`, word for word."""

import re

import bad_inputs
import pytest
from bad_inputs.builders import ROOT, fresh_globals

ROW = re.compile(r'\| ([A-Z]\d\d) \| (.+?) \| (.+?) \| (`+) ?(.+?) ?\4 \|')


def read_table():
    """Row id -> kind and message of each row of the page."""
    text = (ROOT / 'docs/bad_inputs.md').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if line.startswith('| ')]
    lines = [line for line in lines if not line.startswith('| Row ')]
    matches = [ROW.fullmatch(line) for line in lines]
    assert all(matches), 'a line of the table has another form'
    assert len({match[1] for match in matches}) == len(matches)
    return {match[1]: (match[3], match[5]) for match in matches}


TABLE = read_table()


def message(error):
    """What an error says, in one line."""
    text = error.args[0] if isinstance(error, KeyError) else error
    return ' '.join(str(text).split())


def test_every_row_has_a_case_and_every_case_a_row():
    assert set(TABLE) == set(bad_inputs.CASES)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'row',
    [
        pytest.param(name, id=f'{name}-{function.__name__}')
        for name, function in sorted(bad_inputs.CASES.items())
    ],
)
def test_message_is_the_one_of_the_page(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with fresh_globals(), pytest.raises((Exception, SystemExit)) as caught:
        bad_inputs.CASES[row]()
    kind, words = TABLE[row]
    assert bad_inputs.kind(caught.value) == kind
    parts = map(re.escape, words.split('…'))
    assert re.fullmatch('.*'.join(parts), message(caught.value)), message(caught.value)
