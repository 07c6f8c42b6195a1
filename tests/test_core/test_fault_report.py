import json

import pytest

from mmsapiens.core import fault_report
from mmsapiens.core.fault_report import format_faults, write_faults


class Fault(fault_report.Fault):
    KINDS = {'first': 'comes first', 'second': 'comes second'}


def test_report_shows_the_first_places(tmp_path):
    faults = [Fault('second', f'place {i}', 'why') for i in range(4)]
    text = format_faults(faults, max_per_kind=2)
    assert 'faults: 4, kinds: 1' in text
    assert 'comes second' in text and 'comes first' not in text
    assert 'place 1: why' in text and 'place 2' not in text
    assert format_faults([]) == 'no faults'
    write_faults(faults, str(tmp_path / 'new' / 'faults.json'))
    (written,) = (tmp_path / 'new').iterdir()
    assert json.loads(written.read_text())[3]['where'] == 'place 3'


def test_kinds_come_in_the_order_of_their_table():
    faults = [Fault(kind, 'here', '') for kind in ('second', 'first')]
    text = format_faults(faults)
    assert text.index('comes first') < text.index('comes second')


def test_unknown_kind_is_refused():
    with pytest.raises(KeyError, match='must be one of .*first.*second'):
        Fault('ugly', 'here', '')
