"""Counts of the report, from verdicts written by hand."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

LIMITS = dict(size=300, aspect=4, flat=0.55, person=0.4)


@pytest.fixture
def tally(tmp_path):
    """Of two files of verdicts, in which the person's limit is 0.4."""
    from human_curation.output import SCHEMA
    from human_curation.tallies import Tally

    def rows(*entries):
        names = ('verdict', 'person', 'people', 'bytes')
        return [dict(zip(names, entry), size=400.0) for entry in entries]

    files = [
        rows(('kept', 0.9, 1, 10), ('kept', 0.5, 3, 20), ('person', 0.35, 0, 30)),
        rows(('kept', 0.41, 25, 40), ('broken', None, None, None)),
    ]
    tally = Tally(LIMITS)
    for number, entries in enumerate(files):
        path = tmp_path / f'{number}.parquet'
        pq.write_table(pa.Table.from_pylist(entries, SCHEMA), path)
        tally.add_file(path)
    return tally


def test_people_and_bytes_are_those_of_kept_images(tally):
    assert tally.images == 5 and tally.verdicts['kept'] == 3
    assert (tally.bytes, tally.kept_bytes) == (100, 70)
    assert tally.people[[1, 3, 10]].tolist() == [1, 1, 1] and tally.people.sum() == 3


def test_checks_see_what_is_left_by_those_before(tally):
    assert tally.came() == [('broken', 5, 1), ('person', 4, 1)]


def test_yield_at_other_limits_needs_no_image(tally):
    yields = {round(y.limit, 3): (y.least, y.most) for y in tally.yields['person']}
    assert yields[0.4] == (3, 3)
    assert yields[0.6] == (1, 1)  # stricter: for certain
    assert yields[0.3] == (3, 4)  # looser: one more was not seen by later checks


def test_histograms_hold_every_score(tally):
    assert tally.histograms['person'].sum() == 4
    assert tally.histograms['size'].sum() == 5
    assert 'text' not in tally.histograms


def test_images_with_markup_in_their_notes_do_not_break_the_page():
    from human_curation.report import Thumb, _sheet

    assert '<script>' not in _sheet('broken', [Thumb(None, '<script>')])


def test_page_names_units_that_were_not_read(tally, tmp_path):
    from human_curation.report import page

    (tmp_path / 'bad_units.jsonl').write_text('{"error": "7.tar is damaged"}\n')
    assert 'Not read: 7.tar is damaged' in page(tmp_path, tally, dict(models={}), {})
