"""BrokenImagesHook."""

from types import SimpleNamespace

import pytest

from mmsapiens.pretrain.datasets import BrokenImagesHook
from mmsapiens.pretrain.datasets.broken_images import BrokenImages


def test_names_go_to_the_working_directory(tmp_path, caplog):
    images = BrokenImages(0.5, 10)
    loader = SimpleNamespace(dataset=SimpleNamespace(broken=images))
    runner = SimpleNamespace(work_dir=str(tmp_path), train_loop=SimpleNamespace(dataloader=loader))
    hook = BrokenImagesHook()
    hook.before_run(runner)
    for _ in range(4):
        images.count()
    images.add('a.jpg', 'two\nlines')
    hook.after_train(runner)
    assert hook.reported == 1
    text = (tmp_path / 'broken_images_rank0.txt').read_text()
    assert text == 'a.jpg\ttwo lines\n'
    again = BrokenImages(0.5, 10, str(tmp_path))
    again.add('a.jpg', 'known from before')
    assert (tmp_path / 'broken_images_rank0.txt').read_text() == text


def test_share_is_checked():
    with pytest.raises(ValueError, match='`max_broken_share`'):
        BrokenImages(2, 10)
