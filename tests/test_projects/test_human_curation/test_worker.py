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
    summary = curate(str(pool), folder, options)
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
