"""Figures of checks against a truth, from rows written by hand."""

import pytest

SETTINGS = dict(
    limits=dict(size=300, aspect=4, flat=0.55, person=0.4, text=0.02),
    models=dict(person={}, text={}),
    skip=[],
)


def row(verdict, *, rejects=(), either=(), kind='person', group='', **scores):
    """A joined row; scores that are not given were not computed."""
    empty = dict.fromkeys(
        ('size', 'aspect', 'flat', 'explicit', 'person', 'text', 'drawing', 'watermark')
    )
    facts = dict(verdict=verdict, rejects=list(rejects), either=list(either), kind=kind)
    more = dict(unit='0', sha256='', name=None, group=group, source=group)
    return {**empty, **facts, **more, **scores}


def figures_of(rows, settings=SETTINGS):
    """Figures by name."""
    from human_curation.evaluation import score_checks

    return {figure.name: figure for figure in score_checks(rows, settings)}


def test_a_check_is_judged_on_what_came_to_it():
    rows = [
        row('size', rejects=['size', 'person'], size=300),
        row('kept', size=301, person=0.4),
        row('person', rejects=['person'], size=400, person=0.39),
        row('person', size=400, person=0.1),
        row('kept', rejects=['person'], size=400, person=0.9),
        row('kept', either=['person'], size=400, person=0.9),
    ]
    person, size = figures_of(rows)['person'], figures_of(rows)['size']
    assert (person.came, person.right, person.wrong, person.missed) == (4, 1, 1, 1)
    assert person.precision == person.recall == 0.5
    assert (size.came, size.right, size.wrong, size.missed) == (6, 1, 0, 0)


def test_checks_without_scores_count_what_was_not_rejected_before():
    rows = [row('broken', rejects=['broken']), row('opt_out', rejects=['opt_out']), row('kept')]
    figures = figures_of(rows)
    assert figures['broken'].came == 3 and figures['broken'].recall == 1
    assert figures['opt_out'].came == 2 and figures['opt_out'].precision == 1


def test_what_was_not_measured_says_so():
    figures = figures_of([row('kept')], {**SETTINGS, 'skip': ['text']})
    assert figures['watermark'].note == 'not measured: no model'
    assert figures['text'].note == 'not measured: left out'
    assert figures['flat'].recall is None and 'nothing to find came' in figures['flat'].note


def test_the_whole_leaves_out_images_of_which_nothing_is_known():
    rows = [row('kept'), row('text', either=['text']), row('kept', rejects=['watermark'])]
    whole = figures_of(rows)['all: kept or not']
    assert (whole.came, whole.right, whole.wrong, whole.missed) == (2, 0, 0, 1)


def test_equal_files_are_counted_within_a_unit():
    rows = [
        row('kept', sha256='a'), row('copy', sha256='a'), row('kept', sha256='b'),
        {**row('kept', sha256='a'), 'unit': '1'},
    ]  # fmt: skip
    copy = figures_of(rows)['copy']
    assert (copy.came, copy.right, copy.wrong, copy.missed) == (4, 1, 0, 0)


def test_one_of_a_group_of_copies_should_stay():
    from human_curation.evaluation import score_copies

    rows = [
        row('kept', group='a', name='a0'),
        row('kept', group='a', name='a1', kind='near copy'),  # found
        row('kept', group='b', name='b0'),
        row('kept', group='b', name='b1', kind='cropped copy'),  # missed
        row('kept', group='c', name='c0'),  # gone without a reason
        row('kept', group='test:3', name='t0', kind='test copy'),
        row('person', group='a', kind='near copy'),  # was not kept anyway
    ]
    figures = {f.name: f for f in score_copies(rows, {'a0', 'b0', 'b1'})}
    whole = figures['copies, second pass']
    assert (whole.came, whole.right, whole.wrong, whole.missed) == (5, 1, 1, 1)
    assert figures['near copy of one original'].recall == 1
    assert figures['cropped copy of one original'].recall == 0
    assert figures['copies of the test set'].recall == 1


def test_cuts_of_one_photograph_count_neither_way():
    from human_curation.evaluation import score_copies

    rows = [row('kept', group='a', name='a0'), row('kept', group='b', name='b0')]
    rows = [{**r, 'source': 'photograph'} for r in rows]
    whole = score_copies(rows, {'a0'})[0]
    assert (whole.wrong, whole.missed) == (0, 0)


def test_tables_have_counts_and_empty_cells():
    from human_curation.evaluation import score_checks, table, table_of_kinds

    rows = [row('kept', size=400.0), row('size', rejects=['size'], size=100.0, kind='small')]
    text = table(score_checks(rows, SETTINGS))
    assert '| size | 2 | 1 | 0 | 0 | 1.000 | 1.000 |  |' in text
    assert '| small | 1 |  | 1 |' in table_of_kinds(rows)


def test_folders_that_are_no_runs_are_named(tmp_path):
    from human_curation.evaluation import read_settings, read_verdicts

    from mmsapiens.core import MissingInputError

    with pytest.raises(MissingInputError, match='no folder of a run'):
        read_settings(tmp_path)
    with pytest.raises(MissingInputError, match='has no verdicts'):
        read_verdicts(tmp_path)
