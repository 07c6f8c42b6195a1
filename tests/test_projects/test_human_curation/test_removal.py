"""Requests to leave images out."""

import pyarrow.parquet as pq
import pytest
from human_curation import removal
from human_curation.cli import main
from human_curation.copies import find_copies
from human_curation.removal import erase_images, remove_images
from made_runs import scene, write_run

from mmsapiens.pretrain.datasets import ShardedImageDataset


@pytest.fixture
def made(tmp_path):
    """Images 0 to 7; 8 equals 3 and comes from elsewhere, but was dropped as a copy of its unit; 9
    is a larger one of 1."""
    rows = [(scene(seed), {}) for seed in range(8)]
    rows += [(scene(3), dict(verdict='copy', sha256=f'{3:064x}')), (scene(1, (800, 960)), {})]
    return tmp_path / 'out', write_run(tmp_path / 'out', rows)


def write(path, *lines):
    path.write_text('\n'.join(lines))
    return path


def subset_of(out):
    dataset = ShardedImageDataset(str(out / 'images'), subset_file=str(out / 'images/subset.txt'))
    return [dataset[i]['img_path'].split('/')[1] for i in range(len(dataset))]


def test_requests_by_url_hash_and_key(made, tmp_path):
    out, names = made
    requests = write(
        tmp_path / 'requests.txt',
        '# of today',
        'https://example.org/0',
        f'{2:064X}',
        'key4',
        names[5],
    )
    found = remove_images(out, [requests])
    assert found['names'] == [names[n] for n in (0, 2, 4, 5)]
    assert found['unknown'] == [] and found['left'] == 5
    assert subset_of(out) == [names[n] for n in (1, 3, 6, 7, 9)]


def test_requests_add_up(made, tmp_path):
    out, names = made
    remove_images(out, [write(tmp_path / 'a.txt', 'https://example.org/0')])
    again = remove_images(out, [write(tmp_path / 'b.txt', 'key0', 'key1')])
    assert again['names'] == [names[1]]
    assert (out / 'images/left_out.txt').read_text().split() == names[:2]
    assert remove_images(out, [])['left'] == 7


def test_an_equal_file_at_another_address_goes_too(made, tmp_path):
    out, names = made
    found = remove_images(out, [write(tmp_path / 'a.txt', 'https://example.org/8')])
    assert found['names'] == [names[3]]


def test_near_copies_go_too_and_copies_keeps_the_list(made, tmp_path):
    out, names = made
    find_copies(out)
    assert not (out / 'images/subset.txt').exists()
    found = remove_images(out, [write(tmp_path / 'a.txt', 'key1')])
    assert (found['names'], found['copies']) == ([names[1]], [names[9]])
    stay = [names[n] for n in (0, 2, 3, 4, 5, 6, 7)]
    assert subset_of(out) == stay
    find_copies(out)  # writes the subset again
    assert subset_of(out) == stay


def test_requests_that_mean_no_image_are_told(made, tmp_path, capsys):
    out, names = made
    path = write(tmp_path / 'a.txt', 'https://example.org/nobody', 'ff' * 32, 'key2')
    assert main(['remove', str(out), str(path)]) == 1
    told = capsys.readouterr().out
    assert 'no image: https://example.org/nobody' in told and f'no image: {"ff" * 32}' in told
    assert 'key2' not in told and names[2] not in subset_of(out)


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='must be the folder of a complete run'):
        remove_images(tmp_path, [])


def contents_of(out):
    """Images by name, as training reads them."""
    dataset = ShardedImageDataset(str(out / 'images'))
    return {dataset.get_name(n).split('/')[1]: dataset.read(n) for n in range(len(dataset))}


def test_erased_images_are_in_no_shard(made, tmp_path, capsys):
    out, names = made
    find_copies(out)
    before = contents_of(out)
    erased = {names[n] for n in (1, 3, 9)}
    path = write(tmp_path / 'a.txt', 'key1', 'key3')
    assert main(['remove', str(out), str(path), '--erase']) == 0
    assert '3 images were erased from 2 shards' in capsys.readouterr().out
    after = contents_of(out)
    assert after == {name: content for name, content in before.items() if name not in erased}
    everything = b''.join(path.read_bytes() for path in (out / 'images').glob('*.tar'))
    assert not any(before[name] in everything for name in erased)
    rows = pq.read_table(out / 'verdicts').to_pylist()
    assert [row['verdict'] for row in rows].count('removed') == 3
    assert {row['name']: row['shard'] for row in rows if row['name']}.keys() == after.keys()
    assert set((out / 'images/unique.txt').read_text().split()) == set(after)
    assert set(subset_of(out)) == set(after)
    assert main(['remove', str(out), '--erase']) == 0  # nothing is left to do
    assert '0 images were erased' in capsys.readouterr().out


def test_a_shard_of_which_all_is_erased_is_gone(made, tmp_path):
    out, names = made
    remove_images(out, [write(tmp_path / 'a.txt', *names[:5])])
    assert erase_images(out) == dict(images=5, shards=1)
    assert [path.name for path in (out / 'images').glob('*.tar')] == ['000001.tar']
    remove_images(out, [write(tmp_path / 'b.txt', names[5])])
    assert erase_images(out) == dict(images=1, shards=1)
    assert set(contents_of(out)) == {names[n] for n in (6, 7, 9)}


@pytest.mark.parametrize('step', ['write_table', 'write_manifest', '_write_lines', 'write_subset'])
def test_an_erasure_that_was_killed_goes_on(made, tmp_path, monkeypatch, step):
    out, names = made
    find_copies(out)
    before = contents_of(out)
    remove_images(out, [write(tmp_path / 'a.txt', 'key0', 'key6')])

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal.pq if step == 'write_table' else removal, step, fail)
        with pytest.raises(KeyboardInterrupt):
            erase_images(out)
    assert contents_of(out).items() <= before.items()  # what is listed is whole
    erase_images(out)
    assert contents_of(out) == {n: c for n, c in before.items() if n not in (names[0], names[6])}
    assert sorted(path.name for path in (out / 'images').glob('*.tar*')) == [
        '000000-1.tar', '000000-1.tar.index.json', '000001-1.tar', '000001-1.tar.index.json',
    ]  # fmt: skip
