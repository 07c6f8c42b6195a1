from types import SimpleNamespace

import pytest
import torch
from mae_models import tiny_mae
from mmengine.visualization import LocalVisBackend, Visualizer

from mmsapiens.pretrain.reconstruction_hook import ReconstructionHook


@pytest.fixture
def runner(tmp_path):
    torch.manual_seed(0)
    backend = LocalVisBackend(save_dir=str(tmp_path))
    visualizer = Visualizer(vis_backends=None, save_dir=None)
    visualizer._vis_backends = {'local': backend}
    return SimpleNamespace(model=tiny_mae().train(), iter=0, visualizer=visualizer, max_iters=100)


def test_images_are_written_and_training_is_not_disturbed(runner, tmp_path, generator):
    hook = ReconstructionHook(2, num_images=1, mask_ratios=(0.5, 0.75))
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=generator)
    batch = dict(inputs=pixels, data_samples=[])
    state = torch.get_rng_state()
    for runner.iter in range(4):
        hook.after_train_iter(runner, 0, batch)
    assert torch.equal(torch.get_rng_state(), state)
    assert runner.model.training
    assert all(p.grad is None for p in runner.model.parameters())
    names = sorted(path.name for path in tmp_path.rglob('*.png'))
    assert names == [
        'mask_ratios_2.png',
        'mask_ratios_4.png',
        'reconstruction_2.png',
        'reconstruction_4.png',
    ]
    first, second = (
        (tmp_path / f'vis_image/reconstruction_{step}.png').read_bytes() for step in (2, 4)
    )
    assert first == second


@pytest.mark.parametrize('name', ['interval', 'num_images'])
def test_bad_settings_are_refused(name):
    with pytest.raises(ValueError, match=f'`{name}` must be at least 1'):
        ReconstructionHook(**{name: 0})
