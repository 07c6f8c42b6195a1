import json

from parity import ROOT

from mmsapiens.pose.datasets.fault_report import format_faults, write_faults
from mmsapiens.pose.datasets.faults import FAULT_KINDS, Fault


def test_report_shows_the_first_places(tmp_path):
    faults = [Fault('wrong_area', f'place {i}', 'why') for i in range(4)]
    text = format_faults(faults, max_per_kind=2)
    assert 'faults: 4, kinds: 1' in text
    assert 'place 1: why' in text and 'place 2' not in text
    assert format_faults([]) == 'no faults'
    write_faults(faults, str(tmp_path / 'new' / 'faults.json'))
    (written,) = (tmp_path / 'new').iterdir()
    assert json.loads(written.read_text())[3]['where'] == 'place 3'


def test_documentation_explains_every_kind():
    text = (ROOT / 'docs' / 'datasets.md').read_text(encoding='utf-8')
    for kind, meaning in FAULT_KINDS.items():
        assert f'| `{kind}` | {meaning} |' in text, kind
