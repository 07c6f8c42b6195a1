"""One unit after the other, judged and written."""

import json
import tarfile

import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope='module')
def out(pool, options, tmp_path_factory):
    """The pool, curated by one process."""
    from human_curation.run import curate

    folder = tmp_path_factory.mktemp('out')
    summary = curate(str(pool), folder, options, engine='inline')
    assert summary['images'] == 72 and summary['bad'] == 0
    return folder


def rows_of(out):
    """All verdicts."""
    return [
        row
        for path in sorted((out / 'verdicts').iterdir())
        for row in pq.read_table(path).to_pylist()
    ]


def test_every_image_has_the_verdict_it_should(out):
    rows = rows_of(out)
    assert len(rows) == 72
    assert [row['verdict'] for row in rows] == [row['key'][:-3] for row in rows]


def test_shards_hold_the_bytes_of_the_pool(out, pool):
    sources = {}
    for path in sorted(pool.glob('*.tar')):
        with tarfile.open(path) as tar:
            sources.update({m.name: tar.extractfile(m).read() for m in tar})
    kept = [row for row in rows_of(out) if row['verdict'] == 'kept']
    assert kept
    for row in kept:
        with tarfile.open(out / 'images' / row['shard']) as tar:
            assert tar.extractfile(row['name']).read() == sources[f'{row["key"]}.jpg']
            facts = json.loads(tar.extractfile(row['name'].replace('.jpg', '.json')).read())
        assert facts['url'] == row['url'] and facts['caption'] == 'a'
        assert row['name'].startswith(row['shard'][:6])


def files_of(out):
    """Names and bytes of all shards, indexes and verdicts."""
    paths = [path for name in ('images', 'verdicts') for path in (out / name).iterdir()]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


def left_by_killed_workers(run_engine, out):
    """An engine that leaves unfinished files, as where a machine is lost."""

    def run(*args, **params):
        yield from run_engine(*args, **params)
        (out / 'images/.000002.tar.abcdefgh.partial').write_bytes(b'of a killed worker')
        (out / 'verdicts/.000002.parquet.abcdefgh.partial').write_bytes(b'of a killed worker')

    return run


def test_engines_parts_and_interruptions_give_the_same_bytes(
    out, pool, options, tmp_path, ray_started, monkeypatch
):
    from human_curation import run
    from human_curation.run import curate

    expected = files_of(out)
    assert len(expected) == 6 * 3 + 1
    by_ray = tmp_path / 'ray'
    with monkeypatch.context() as patch:
        patch.setattr(run, 'run_engine', left_by_killed_workers(run.run_engine, by_ray))
        curate(str(pool), by_ray, options, engine='ray', workers=2)
    assert files_of(by_ray) == expected
    # What is done is not done again, whichever engine goes on.
    stamps = {path: path.stat().st_mtime_ns for path in (by_ray / 'verdicts').iterdir()}
    (by_ray / 'verdicts/000003.parquet').unlink()
    (by_ray / 'images/.000003.tar.abcdefgh.partial').write_bytes(b'of a killed worker')
    summary = curate(str(pool), by_ray, options, engine='inline')
    assert (summary['done'], summary['images']) == (5, 12)
    assert files_of(by_ray) == expected
    again = {path: path.stat().st_mtime_ns for path in stamps}
    assert [path.name for path in stamps if again[path] != stamps[path]] == ['000003.parquet']
    parts = tmp_path / 'parts'
    for index in range(3):
        curate(str(pool), parts, options, engine='inline', part=(index, 3))
    assert files_of(parts) == expected
    by_processes = tmp_path / 'processes'
    curate(str(pool), by_processes, options, engine='processes', workers=2)
    assert files_of(by_processes) == expected


def test_scores_of_all_checks_up_to_the_one_that_failed(out):
    from human_curation.checks import SCORES

    for row in rows_of(out):
        known = [name for name in SCORES if row[name] is not None]
        if row['verdict'] in SCORES:
            assert row['score'] == row[row['verdict']] and known[-1] == row['verdict']
        elif row['verdict'] == 'kept':
            assert known == ['size', 'aspect', 'flat', 'explicit', 'person', 'text']
            assert row['people'] == 1 and len(row['boxes']) == 4 and len(row['pdq']) == 32


def test_names_are_unique_in_the_whole_set_and_training_finds_them(out, tmp_path):
    from mmsapiens.pretrain.datasets import ShardedImageDataset

    names = [row['name'] for row in rows_of(out) if row['name']]
    assert len(set(names)) == len(names) == 18
    dataset = ShardedImageDataset(data_root=str(out / 'images'), pipeline=[])
    assert len(dataset) == 18 and dataset[17]['img'].shape == (400, 480, 3)
    (tmp_path / 'subset.txt').write_text('\n'.join(names[3:5]))
    subset = dict(subset_file=str(tmp_path / 'subset.txt'), pipeline=[])
    assert len(ShardedImageDataset(data_root=str(out / 'images'), **subset)) == 2


def test_memory_does_not_hold_a_unit(pool, options, tmp_path, monkeypatch):
    """At most a batch of images is alive, and the shard is on the disk as it grows."""
    from human_curation import output, worker
    from human_curation.run import curate

    sizes, alive = [], []
    add = output.Shard.add

    def watch(self, name, content, facts):
        add(self, name, content, facts)
        self._tar.fileobj.flush()
        (partial,) = self.path.parent.glob(f'.{self.path.name}.*.partial')
        sizes.append(partial.stat().st_size - self.index.offsets[-1] - len(content))
        assert self._tar.members == []

    judge = worker.Curator._judge
    monkeypatch.setattr(output.Shard, 'add', watch)
    monkeypatch.setattr(
        worker.Curator, '_judge', lambda self, group, clock: (
            alive.append(len(group)), judge(self, group, clock))
    )  # fmt: skip
    curate(str(pool), tmp_path, options, engine='inline')
    assert len(sizes) == 18 and min(sizes) >= 0
    assert max(alive) == options.batch


def test_the_command_prints_what_became_of_the_images(pool, models_file, tmp_path, capsys):
    from human_curation.cli import main

    words = ['run', str(pool), '--out', str(tmp_path / 'out'), '--models', str(models_file)]
    assert main([*words, '--engine', 'inline']) == 0
    shown = capsys.readouterr()
    assert '6 units: 0 were done, 0 passed over; 72 images' in shown.out
    assert 'kept' in shown.out and '25.0%' in shown.out
    assert 'for want of a model: drawing, watermark' in shown.err
