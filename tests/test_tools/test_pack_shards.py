"""`tools/dataset/pack_shards.py`."""

import pytest
from image_shards import write_images
from pack_shards import main

from mmsapiens.pretrain.datasets import ShardedImageDataset


def test_folder_and_again(tmp_path, capsys):
    folder = write_images(tmp_path / 'images', 25)
    (folder / '000' / '00003.jpg').write_bytes(b'')
    out = str(tmp_path / 'shards')
    command = [str(folder), '--out', out, '--per-shard', '10']
    assert main([*command, '--workers', '2']) == 0
    printed = capsys.readouterr().out
    assert '24 images in 3 shards (0 were there), 1 broken' in printed
    assert '00003.jpg: ' in printed
    assert main([*command, '--workers', '1']) == 0
    assert '(3 were there), 1 broken' in capsys.readouterr().out
    assert len(ShardedImageDataset(out)) == 24


def test_list_and_subset(tmp_path, capsys):
    folder = write_images(tmp_path / 'images', 5)
    (tmp_path / 'a.txt').write_text(''.join(f'000/{i:05d}.jpg\n' for i in range(5)))
    command = [str(tmp_path / 'a.txt'), '--root', str(folder)]
    out = str(tmp_path / 'shards')
    assert main([*command, '--out', out, '--max-samples', '4']) == 0
    assert '4 images in 1 shards' in capsys.readouterr().out


def test_errors_have_no_traceback(tmp_path, capsys):
    (tmp_path / 'empty').mkdir()
    command = [str(tmp_path / 'empty'), '--out', str(tmp_path / 'out')]
    assert main(command) == 2
    assert 'error: there are no images' in capsys.readouterr().err
    assert main([str(tmp_path), '--index-only']) == 2


@pytest.mark.parametrize(
    'args', [['a'], ['a', '--index-only', '--out', 'b'], ['.', 'a', '--out=b']]
)
def test_bad_arguments(args):
    with pytest.raises(SystemExit):
        main(args)
