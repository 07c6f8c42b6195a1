"""Pools, models, settings and disks that are not as they should be: a clear error, or counted."""

import errno
import gzip
import json
import os
from dataclasses import replace

import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_models as tiny

PHOTO = tiny.person_jpeg()
MEMBERS = [(f'{number}.jpg', tiny.person_jpeg(number)) for number in range(3)]


def judge(pool, tmp_path, options=None, **params):
    """Curate in this process: the summary, and all rows."""
    from human_curation.options import Options
    from human_curation.run import curate

    out = tmp_path / 'out'
    summary = curate(
        str(pool), out, options or Options(), **{'engine': 'inline', 'max_bad_share': 1, **params}
    )
    paths = sorted((out / 'verdicts').glob('*.parquet'))
    return summary, [row for path in paths for row in pq.read_table(path).to_pylist()]


def bad_units(tmp_path):
    """What OUT/bad_units.jsonl says."""
    path = tmp_path / 'out/bad_units.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def damage_second_header(content):
    """Of a tar file of JPEGs: where its second member begins."""
    start = content.index(b'1.jpg\0')
    return content[:start] + b'\xff' * 512 + content[start + 512 :]


UNREADABLE = {
    'no bytes at all': lambda tar: b'',
    'cut in a member': lambda tar: tar[: len(tar) // 2],
    'cut between members': lambda tar: tar[: tar.index(b'1.jpg\0')],
    'no end': lambda tar: tar[: len(tar.rstrip(b'\0'))] + bytes(-len(tar.rstrip(b'\0')) % 512),
    'a damaged header': damage_second_header,
    'a web page': lambda tar: b'<html>' + bytes(2000),
}


@pytest.mark.parametrize('kind', UNREADABLE)
def test_tar_files_that_cannot_be_read_are_passed_over_and_named(kind, tmp_path):
    folder = tmp_path / 'pool'
    folder.mkdir()
    tiny.write_tar(folder / '0.tar', MEMBERS)
    tiny.write_tar(folder / '1.tar', MEMBERS)
    whole = (folder / '1.tar').read_bytes()
    (folder / '1.tar').write_bytes(UNREADABLE[kind](whole))
    summary, rows = judge(folder, tmp_path)
    assert (summary['bad'], len(rows)) == (1, 3)
    (bad,) = bad_units(tmp_path)
    assert bad['unit'] == '1.tar' and '1.tar' in bad['error']
    assert not list((tmp_path / 'out/images').glob('.*'))
    # Mended, it is judged by the next run, and no longer named.
    (folder / '1.tar').write_bytes(whole)
    summary, rows = judge(folder, tmp_path)
    assert (summary['done'], summary['bad'], len(rows)) == (1, 0, 6)
    assert bad_units(tmp_path) == []


def test_more_bad_units_than_accepted_end_the_run(tmp_path):
    from human_curation.run import TooManyBadUnitsError

    folder = tmp_path / 'pool'
    folder.mkdir()
    for number in range(4):
        (folder / f'{number}.tar').write_bytes(b'')
    with pytest.raises(TooManyBadUnitsError, match='2 of 4 units cannot be read.*max-bad-share'):
        judge(folder, tmp_path, max_bad_share=0.25)
    assert len(bad_units(tmp_path)) == 2


def test_a_unit_that_kills_its_worker_is_passed_over(tmp_path, monkeypatch):
    from human_curation import worker
    from human_curation.options import Options
    from human_curation.pool import find_units

    tiny.write_tar(tmp_path / '0.tar', MEMBERS)
    out = tmp_path / 'out'
    for name in ('images', 'verdicts', 'tries'):
        (out / name).mkdir(parents=True)
    curator = worker.Curator(out, Options())
    (unit,) = find_units(str(tmp_path / '0.tar'))

    def die(*args):
        raise KeyboardInterrupt  # nothing after it is done, as after a kill

    with monkeypatch.context() as patch:
        patch.setattr(worker.Curator, '_run', die)
        for _ in range(worker.MAX_TRIES):
            with pytest.raises(KeyboardInterrupt):
                curator(0, unit)
    assert 'its worker died 5 times' in curator(0, unit)['error']


def test_an_empty_shard_has_no_images_and_is_done(tmp_path):
    tiny.write_tar(tmp_path / '0.tar', [])
    summary, rows = judge(tmp_path / '0.tar', tmp_path)
    assert (summary['images'], rows, summary['bad']) == (0, [], 0)
    assert json.loads((tmp_path / 'out/images/shards.json').read_text())['shards'] == []
    assert judge(tmp_path / '0.tar', tmp_path)[0]['done'] == 1


def test_compressed_shards(tmp_path):
    tiny.write_tar(tmp_path / 'plain', MEMBERS)
    content = gzip.compress((tmp_path / 'plain').read_bytes())
    (tmp_path / '0.tar.gz').write_bytes(content)
    assert len(judge(tmp_path / '0.tar.gz', tmp_path)[1]) == 3
    (tmp_path / '1.tar.gz').write_bytes(content[:-2000])
    assert judge(tmp_path / '1.tar.gz', tmp_path / 'cut')[0]['bad'] == 1


def test_odd_members_of_a_tar_file(tmp_path):
    import io
    import tarfile

    other = tiny.person_jpeg(1)
    with tarfile.open(tmp_path / '0.tar', 'w') as tar:
        for name, content in (
            ('a.jpg', PHOTO), ('a.jpg', other), ('b.jpg', PHOTO), ('c.v2.jpg', other),
            ('c.v2.json', b'{"url": "u"}'), ('d.jpg', tiny.person_jpeg(2)), ('d.json', b'{'),
            ('notes.txt', b'not an image'), ('e/f.jpg', tiny.person_jpeg(3)),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo('link.jpg')
        link.type, link.linkname = tarfile.SYMTYPE, 'a.jpg'
        tar.addfile(link)
    rows = judge(tmp_path / '0.tar', tmp_path)[1]
    got = [(row['key'], row['verdict'], row['note']) for row in rows]
    assert got == [
        ('a', 'kept', None),
        ('a', 'kept', 'another image has this key'),
        ('b', 'copy', None),
        ('c.v2', 'copy', None),
        ('d', 'kept', 'the .json beside it is no JSON object'),
        ('e/f', 'kept', None),
        ('link', 'broken', 'a link instead of a file'),
    ]
    assert rows[3]['url'] == 'u'
    assert len({row['name'] for row in rows if row['name']}) == 4


def test_a_file_too_large_for_an_image_is_not_read(tmp_path, monkeypatch):
    from human_curation import pool

    monkeypatch.setattr(pool, 'MAX_BYTES', 10)
    tiny.write_tar(tmp_path / '0.tar', MEMBERS)
    rows = judge(tmp_path / '0.tar', tmp_path)[1]
    assert {(row['verdict'], row['note']) for row in rows} == {('broken', 'more than 10 bytes')}


def test_a_table_with_nulls_paths_and_text(tmp_path):
    (tmp_path / 'there.jpg').write_bytes(PHOTO)
    table = dict(
        bytes=[PHOTO, None, None, None],
        path=['x.jpg', 'there.jpg', 'gone.jpg', None],
        url=['u0', None, None, None],
        license=['CC0', None, None, None],
    )
    pq.write_table(pa.table(table), tmp_path / '0.parquet')
    rows = judge(tmp_path / '0.parquet', tmp_path)[1]
    assert [row['verdict'] for row in rows] == ['kept', 'copy', 'broken', 'broken']
    assert 'FileNotFoundError' in rows[2]['note'] and 'holds nothing' in rows[3]['note']
    assert (rows[0]['url'], rows[0]['license']) == ('u0', 'CC0')
    pq.write_table(pa.table(dict(jpg=['text'])), tmp_path / '1.parquet')
    rows = judge(tmp_path / '1.parquet', tmp_path / 'text')[1]
    assert 'str instead of bytes' in rows[0]['note']


def test_tables_in_groups_and_as_hugging_face_writes_them(tmp_path):
    images = [dict(bytes=tiny.person_jpeg(n), path=f'{n}.jpg') for n in range(5)]
    pq.write_table(pa.table(dict(image=images)), tmp_path / '0.parquet', row_group_size=2)
    summary, rows = judge(tmp_path / '0.parquet', tmp_path)
    assert summary['units'] == 3 and [row['key'] for row in rows] == [f'{n}.jpg' for n in range(5)]
    assert {row['verdict'] for row in rows} == {'kept'}


def test_tables_without_images_or_damaged_are_bad_units(tmp_path):
    folder = tmp_path / 'pool'
    folder.mkdir()
    pq.write_table(pa.table(dict(text=['a'])), folder / '0.parquet')
    (folder / '1.parquet').write_bytes(b'PAR1 no table')
    assert judge(folder, tmp_path)[0]['bad'] == 2
    first, second = bad_units(tmp_path)
    assert 'must have a column of images' in first['error'] and '1.parquet' in second['error']


def test_folders_lists_and_the_files_of_img2dataset(tmp_path, caplog):
    folder = tmp_path / 'pool'
    (folder / '00000').mkdir(parents=True)
    for number in range(3):
        (folder / f'00000/{number}.jpg').write_bytes(tiny.person_jpeg(number))
    (folder / '00000/1.json').write_text('{"url": "u1", "license": "CC0"}')
    (folder / '00000/.hidden.jpg').write_bytes(PHOTO)
    summary, rows = judge(folder, tmp_path, per_unit=2)
    assert summary['units'] == 2
    assert [(row['key'], row['url']) for row in rows] == [
        ('00000/0.jpg', None), ('00000/1.jpg', 'u1'), ('00000/2.jpg', None),
    ]  # fmt: skip
    (folder / 'list.txt').write_text('00000/0.jpg\n\n00000/gone.jpg\n')
    rows = judge(folder / 'list.txt', tmp_path / 'list')[1]
    assert [row['verdict'] for row in rows] == ['kept', 'broken']
    (folder / 'list.jsonl').write_text('{"path": "00000/2.jpg", "license": "CC0"}\n')
    (row,) = judge(folder / 'list.jsonl', tmp_path / 'jsonl')[1]
    assert (row['verdict'], row['license']) == ('kept', 'CC0')
    # Tar files go before what lies beside them, and the table of img2dataset describes one.
    tiny.write_tar(folder / '00000.tar', MEMBERS)
    pq.write_table(pa.table(dict(url=['u'])), folder / '00000.parquet')
    assert judge(folder, tmp_path / 'tar')[0]['units'] == 1
    assert '3 other files, such as 00000/0.jpg, are not' in caplog.text


def test_object_storage(tmp_path):
    import fsspec

    store = fsspec.filesystem('memory')
    tiny.write_tar(tmp_path / '0.tar', MEMBERS)
    store.pipe('/bucket/0.tar', (tmp_path / '0.tar').read_bytes())
    try:
        assert len(judge('memory://bucket', tmp_path)[1]) == 3
    finally:
        store.rm('/bucket', recursive=True)


POOLS = {
    'nowhere': ('{}/gone', 'does not exist'),
    'nothing': ('{}', 'no tar files, no parquet files and no images'),
    'no such store': ('nostore://bucket', 'cannot be listed: ValueError.*credentials'),
    'a store that is down': ('http://127.0.0.1:9/pool/', 'cannot be listed|does not exist'),
    'an empty list': ('{}/empty.txt', 'names no images'),
    'a list of something else': ('{}/odd.jsonl', 'line 2 of .*must be a JSON object'),
}


@pytest.mark.parametrize('kind', POOLS)
def test_pools_that_are_none(kind, tmp_path):
    from human_curation.pool import PoolError

    (tmp_path / 'empty.txt').write_text('\n')
    (tmp_path / 'odd.jsonl').write_text('{"path": "a.jpg"}\n["b.jpg"]\n')
    pool, words = POOLS[kind]
    with pytest.raises(PoolError, match=words):
        judge(pool.format(tmp_path), tmp_path)


def test_files_that_are_all_unreadable_make_a_bad_unit(tmp_path):
    (tmp_path / 'list.txt').write_text('gone0.jpg\ngone1.jpg\n')
    assert judge(tmp_path / 'list.txt', tmp_path)[0]['bad'] == 1
    assert 'none of the 2 files' in bad_units(tmp_path)[0]['error']


@pytest.fixture
def shard(tmp_path):
    """A pool of one tar file."""
    tiny.write_tar(tmp_path / '0.tar', MEMBERS)
    return tmp_path / '0.tar'


def test_other_settings_in_an_output_are_refused(shard, tmp_path, options):
    from human_curation.output import SettingsError

    judge(shard, tmp_path, options)
    with pytest.raises(SettingsError, match=r'limits.flat: 0.55, now 0.9\n.*other limits.*report'):
        judge(shard, tmp_path, replace(options, limits=dict(flat=0.9)))
    with pytest.raises(SettingsError, match=r'models.text: .*, now None'):
        left = {name: m for name, m in options.models.items() if name != 'text'}
        judge(shard, tmp_path, replace(options, models=left))
    tiny.write_tar(tmp_path / '1.tar', MEMBERS)
    with pytest.raises(SettingsError, match='(?s)pool.sha256: .*another folder'):
        judge(tmp_path / '1.tar', tmp_path, options)
    assert judge(shard, tmp_path, options)[0]['done'] == 1


def test_what_is_missing_in_an_output_is_told(shard, tmp_path):
    from human_curation.output import SettingsError

    judge(shard, tmp_path)
    out = tmp_path / 'out'
    (out / 'images/000000.tar').unlink()
    with pytest.raises(SettingsError, match='Delete .*000000.parquet, and start the run again'):
        judge(shard, tmp_path)
    (out / 'verdicts/000000.parquet').unlink()
    assert judge(shard, tmp_path)[0]['verdicts'] == dict(kept=3)
    (out / 'verdicts/000000.parquet').write_bytes(b'')
    with pytest.raises(SettingsError, match='000000.parquet is damaged'):
        judge(shard, tmp_path)


def test_a_second_driver_and_another_division_are_refused(shard, tmp_path):
    from human_curation.output import lock_part

    from mmsapiens.core.folder_lock import FolderInUseError

    out = tmp_path / 'out'
    with lock_part(out, (0, 1)), pytest.raises(FolderInUseError, match='another run'):
        judge(shard, tmp_path)
    with lock_part(out, (1, 3)):
        with pytest.raises(FolderInUseError, match='divides it otherwise, 1-of-3'):
            judge(shard, tmp_path)
        judge(shard, tmp_path, part=(0, 3))


def test_a_full_disk_ends_the_run_and_leaves_nothing(shard, tmp_path, monkeypatch):
    from human_curation import output

    add = output.Shard.add

    def fill(self, *args):
        add(self, *args)
        if len(self.index) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(output.Shard, 'add', fill)
        with pytest.raises(OSError, match='No space left'):
            judge(shard, tmp_path)
    out = tmp_path / 'out'
    assert not [p for name in ('images', 'verdicts') for p in (out / name).iterdir()]
    assert judge(shard, tmp_path)[0]['verdicts'] == dict(kept=3)


@pytest.mark.parametrize('part', [(2, 2), (-1, 2), (0, 0)])
def test_parts_that_are_none(shard, tmp_path, part):
    with pytest.raises(ValueError, match='`--part` must be I/N'):
        judge(shard, tmp_path, part=part)


def describe(**entry):
    base = dict(file='explicit.onnx', kind='score', size=[tiny.SIDE, tiny.SIDE])
    return dict(explicit={**base, **entry})


MODELS = {
    'other outputs': (describe(outputs=['people']), 'must have the outputs people, but has score'),
    'another kind': (describe(kind='centernet'), "kind 'centernet'.*have the shapes"),
    'a class too few': (describe(column=7), 'does not answer as a model'),
    'another size': (describe(size=[16, 16]), 'takes no images as described'),
    'another layout': (describe(layout='NHWC'), 'takes no images as described'),
    'another type': (describe(dtype='uint8'), 'takes no images as described'),
    'another file': (describe(sha256='0' * 64), 'its SHA-256 is .*, expected 0000'),
    'no file': (describe(file='gone.onnx'), 'gone.onnx does not exist'),
    'a web page': (describe(file='page.onnx'), 'no ONNX file but a web page'),
    'noise': (describe(file='noise.onnx'), 'no ONNX file that can be run'),
    'an unknown field': (describe(scale=2), '`file`, `kind` and `size`.*but got .*scale'),
    'an unknown preset': (dict(explicit=dict(preset='x', file='y')), '`preset` of the model'),
    'an unknown value': (describe(layout='CHW'), '`layout` of .* must be one of NCHW, NHWC'),
    'an unknown check': (dict(beauty=describe()['explicit']), 'a model must be one of'),
    'a detector that scores': (dict(person=describe()['explicit']), 'of kind "boxes"'),
    'no description': ([], 'must be an object of objects'),
}


@pytest.mark.parametrize('kind', MODELS)
def test_models_that_are_not_as_described(kind, shard, tmp_path, models_file):
    from human_curation.models import read_models
    from human_curation.options import Options

    entries, words = MODELS[kind]
    tiny.save_score(tmp_path / 'explicit.onnx')
    (tmp_path / 'page.onnx').write_text('<html>')
    (tmp_path / 'noise.onnx').write_bytes(b'\x07' * 1000)
    (tmp_path / 'models.json').write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=words):
        judge(shard, tmp_path, Options(models=read_models(tmp_path / 'models.json')))


def test_models_of_other_forms(tmp_path):
    from human_curation.models import Description, Network, Pixels

    images = [Pixels(tiny.draw(seed=n, explicit=(0, 0, 240, 400))[..., ::-1]) for n in range(3)]
    tiny.save_score(tmp_path / 'one.onnx', batch=1)
    size = (tiny.SIDE, tiny.SIDE)
    one = Network(Description(str(tmp_path / 'one.onnx'), 'score', size), batch=8)
    assert one.batch == 1 and one.scores(images) == pytest.approx([0.45] * 3, abs=0.1)
    tiny.save_boxes(tmp_path / 'boxes.onnx', 'explicit')
    boxes = Description(str(tmp_path / 'boxes.onnx'), 'boxes', size, fit='letterbox')
    (found, scores), *_ = Network(boxes).boxes(images)
    assert found[0] == pytest.approx([0, 0, 0.5, 1], abs=0.06) and scores[0] > 0.6
    assert onnx.load(tmp_path / 'one.onnx').graph.input[0].type.tensor_type.shape.dim[0].dim_value


def test_networks_run_in_one_thread_that_does_not_spin(options):
    from human_curation.models import Network

    session = Network(options.models['text']).session.get_session_options()
    assert (session.intra_op_num_threads, session.inter_op_num_threads) == (1, 1)
    assert session.get_session_config_entry('session.intra_op.allow_spinning') == '0'


def test_unknown_limits_and_checks(shard, tmp_path, capsys):
    from human_curation.cli import main

    for words, expected in (
        (['--limit', 'beauty=1'], 'a limit must be one of'),
        (['--limit', 'flat=low'], '`--limit` must be NAME=NUMBER'),
        (['--skip', 'beauty'], 'a check to skip must be one of'),
        (['--batch', '0'], '`batch` must be at least 1'),
        (['--limits', str(tmp_path / 'gone.json')], 'gone.json'),
        (['--workers', '0'], '`--workers` must be at least 1'),
        (['--forbidden-sha256', str(tmp_path / 'gone.txt')], 'gone.txt'),
    ):
        assert main(['run', str(shard), '--out', str(tmp_path / 'out'), *words]) == 2
        assert expected in capsys.readouterr().err


@pytest.mark.parametrize('text', ['', 'abc', '12' * 31, 'zz' * 32])
def test_lists_of_hashes_that_are_none(text, tmp_path):
    from human_curation.checks import ForbiddenHashes

    (tmp_path / 'hashes.txt').write_text(text)
    with pytest.raises(ValueError, match='hashes.txt'):
        ForbiddenHashes(str(tmp_path / 'hashes.txt'))


def test_forbidden_images_are_never_stored(tmp_path, options):
    import hashlib

    from human_curation.checks import pdq_of

    small = tiny.draw(seed=1, person=tiny.LARGE_PERSON)
    near = tiny.encode(small, '.jpg')
    other = tiny.encode(tiny.draw((480, 400), 2, person=(30, 60, 395, 470)))
    members = [('a.jpg', PHOTO), ('b.jpg', near), ('c.jpg', other)]
    tiny.write_tar(tmp_path / '0.tar', members)
    sha256, pdq = tmp_path / 'sha256.txt', tmp_path / 'pdq.txt'
    sha256.write_text(f'# known\n{hashlib.sha256(PHOTO).hexdigest()},case 7\n')
    bits = int.from_bytes(pdq_of(small[..., ::-1])[0], 'big') ^ 0b10101
    pdq.write_text(f'{bits:064x}\n')
    given = replace(options, forbidden_sha256=str(sha256), forbidden_pdq=str(pdq))
    rows = judge(tmp_path / '0.tar', tmp_path, given)[1]
    assert [row['verdict'] for row in rows] == ['forbidden', 'forbidden', 'kept']
    assert rows[0]['width'] is None and rows[1]['flat'] is None and rows[1]['score'] <= 31
    (path,) = (tmp_path / 'out/images').glob('*.tar')
    assert PHOTO not in path.read_bytes() and near not in path.read_bytes()


def test_explicit_images_are_dropped_or_kept_apart(tmp_path, options):
    explicit = tiny.SORTS['explicit'](0)
    tiny.write_tar(tmp_path / '0.tar', [('a.jpg', explicit), ('b.jpg', PHOTO)])
    judge(tmp_path / '0.tar', tmp_path, options)
    assert explicit not in (tmp_path / 'out/images/000000.tar').read_bytes()
    apart = tmp_path / 'apart'
    judge(tmp_path / '0.tar', tmp_path / 'again', replace(options, quarantine=str(apart)))
    assert explicit in (apart / '000000.tar').read_bytes()
    assert explicit not in (tmp_path / 'again/out/images/000000.tar').read_bytes()
    assert apart.stat().st_mode & 0o777 == 0o700


def test_more_images_than_names(shard, tmp_path, monkeypatch):
    from human_curation import output, run
    from human_curation.pool import PoolError

    monkeypatch.setattr(output, 'MAX_NUMBER', 2)
    with pytest.raises(ValueError, match='more than 2 images to keep'):
        judge(shard, tmp_path)
    monkeypatch.setattr(run, 'MAX_NUMBER', 0)
    with pytest.raises(PoolError, match='1 units, but names have six digits'):
        judge(shard, tmp_path)
