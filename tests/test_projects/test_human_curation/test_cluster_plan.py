"""What a larger pool takes."""

import json
import tarfile

import pytest
from human_curation.cli import main
from human_curation.planning import Assumptions, Figures, plan_lines, plan_stages, read_figures
from human_curation.run import curate

FIGURES = Figures(
    images=1000,
    kept=200,
    bytes=100_000_000,
    kept_bytes=30_000_000,
    verdict_bytes=500_000,
    units=10,
    cpu_s=dict(read=1.0, header=0.2, decode=8.0, person=25.0, fingerprint=1.0, write=2.0),
    seen=dict(read=1000, header=1000, decode=800, person=500, fingerprint=200, write=1000),
)


def by_stage(figures=FIGURES, **given):
    return {line.stage: line for line in plan_stages(figures, Assumptions(**given))}


def test_hours_follow_from_shares_and_times():
    lines = by_stage(images=36e6)
    assert list(lines) == ['read', 'header', 'decode', 'person', 'fingerprint', 'write']
    assert (lines['person'].share, lines['person'].images) == (0.5, 18e6)
    assert lines['person'].cpu_s == pytest.approx(0.05)
    assert lines['person'].core_hours == pytest.approx(18e6 * 0.05 / 3600)
    # Writing takes the time of those that are kept.
    assert lines['write'].cpu_s == pytest.approx(0.01)
    assert lines['write'].core_hours == pytest.approx(36e6 * 0.2 * 0.01 / 3600)
    assert not any(line.is_assumed for line in lines.values())


def test_assumptions_take_the_place_of_figures():
    lines = by_stage(images=1e9, kept=0.3, shares=dict(decode=0.85), gpu=dict(person=500))
    assert lines['decode'].images == 0.85e9 and lines['decode'].is_assumed
    assert lines['write'].share == lines['fingerprint'].share == 0.3
    assert lines['person'].core_hours == 0
    assert lines['person'].gpu_hours == pytest.approx(0.5e9 / 500 / 3600)


def test_every_assumption_is_in_the_plan():
    given = Assumptions(kept=0.3, image_kb=120, gpu=dict(person=500), cores=200)
    text = '\n'.join(plan_lines(FIGURES, given))
    for line in (
        '| pool | 120.0 TB at 120 KB an image |',
        '| shards | 45.0 TB: 300,000,000 images at 150 KB |',
        '| verdicts | 0.50 TB at 500 bytes an image |',
        '| PDQ of the images kept | 9.6 GB in memory, for `copies` |',
        'Assumed: 30.0% are kept.',
        'Assumed: files of the pool have 120 KB.',
        'Assumed: files of the kept have the mean size of the run.',
        'Assumed, not measured: person on GPUs with 500 images/s each',
        'Measured: 1,000 images in 10 units, of which 200 were kept',
    ):
        assert line in text


def test_a_run_records_what_a_plan_needs(pool, options, models_file, tmp_path, capsys):
    summary = curate(str(pool), tmp_path / 'out', options)
    figures = read_figures(tmp_path / 'out')
    assert figures.images == summary['images'] == 72 and figures.units == 6
    assert figures.seen == summary['seen'] and figures.cpu_s == pytest.approx(summary['cpu'])
    assert figures.kept == summary['verdicts']['kept']
    assert figures.bytes == sum(_sizes(pool))
    # A line that a kill cut short, and a unit that was done twice, count nothing.
    path = tmp_path / 'out/timings.jsonl'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines, lines[0], lines[1][:40] + lines[2], lines[1][:40]]))
    assert read_figures(tmp_path / 'out') == figures
    assert main(['plan', str(tmp_path / 'out'), '--kept', '0.3', '--share', 'text=0.4']) == 0
    told = capsys.readouterr().out
    assert '| text | 40.0% (assumed) | 400,000,000 |' in told and '**sum**' in told


def _sizes(pool):
    for path in pool.glob('*.tar'):
        with tarfile.open(path) as tar:
            yield from (member.size for member in tar if not member.name.endswith('.json'))


@pytest.mark.parametrize(
    'given, told',
    [
        (dict(shares=dict(persons=1)), 'stages must be some of'),
        (dict(shares=dict(person=2)), 'the share of person must be from 0 to 1'),
        (dict(kept=-1), 'the share of kept'),
        (dict(gpu=dict(person=0)), '`person` must be positive'),
        (dict(cores=0), '`cores` must be positive'),
    ],
)
def test_bad_assumptions_are_refused(given, told):
    with pytest.raises(ValueError, match=told):
        Assumptions(**given)


def test_a_folder_without_timings_is_refused(tmp_path, capsys):
    (tmp_path / 'timings.jsonl').write_text(json.dumps(dict(number=0))[:5])
    assert main(['plan', str(tmp_path)]) == 2
    assert 'has no units that are done with their timings' in capsys.readouterr().err
