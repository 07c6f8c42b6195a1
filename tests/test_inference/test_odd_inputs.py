"""The rows of `docs/odd_inputs.md`, word for word."""

import re

import odd_inputs
import pytest
from parity import ROOT

ROW = re.compile(r'\| ([PLV]\d\d) \| (.+?) \| (`+) ?(.+?) ?\3 \|')


def read_table():
    """Row id -> result of each row of the page."""
    text = (ROOT / 'docs/odd_inputs.md').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if line.startswith('| ')]
    lines = [line for line in lines if not line.startswith('| Row ')]
    matches = [ROW.fullmatch(line) for line in lines]
    assert all(matches), 'a line of the table has another form'
    assert len({match[1] for match in matches}) == len(matches)
    return {match[1]: match[4] for match in matches}


TABLE = read_table()


def test_every_row_has_a_case_and_every_case_a_row():
    assert set(TABLE) == set(odd_inputs.CASES)
    assert len(TABLE) >= 25


@pytest.mark.parametrize('row', sorted(odd_inputs.CASES))
def test_result_is_the_one_of_the_page(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = odd_inputs.CASES[row](tmp_path)
    parts = map(re.escape, TABLE[row].split('…'))
    assert re.fullmatch('.*'.join(parts), result), result
