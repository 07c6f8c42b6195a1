"""Every remedy works whichever package is imported first."""

from textwrap import dedent

import pytest

# Host -> (what a user has imported before mmsapiens, a use of a mended part).
HOSTS = {
    'mmengine': (
        'import mmengine.runner.checkpoint',
        """
        from mmengine.runner import CheckpointLoader
        assert CheckpointLoader.load_checkpoint(PATH)['message_hub']
        """,
    ),
    'mmcv': (
        'import mmcv',
        """
        import mmcv.ops, mmcv.image.photometric
        gray = np.full((2, 2, 3), 99, np.uint8)
        for function in (mmcv.adjust_hue, mmcv.image.adjust_hue,
                         mmcv.image.photometric.adjust_hue):
            assert (function(gray, -0.1) == gray).all()
        box = np.array([[0, 0, 4, 4]], np.float32)
        mmcv.ops.nms(box, np.ones(1, np.float32), 0.5)
        """,
    ),
    'mmpretrain': (
        'import mmpretrain.datasets',
        """
        from mmpretrain.registry import TRANSFORMS
        jitter = TRANSFORMS.build(dict(
            type='mmpretrain.ColorJitter', hue=[-0.2, -0.1]))
        jitter(dict(img=np.zeros((2, 2, 3), np.uint8)))
        """,
    ),
    'mmpose': (
        'import mmpose',
        """
        from mmpose.visualization import PoseLocalVisualizer
        visualizer = PoseLocalVisualizer()
        visualizer.set_image(np.zeros((8, 8, 3), np.uint8))
        visualizer.draw_circles(np.array([4, 4]), np.array([2]), 'red')
        assert visualizer.get_image()[4, 4].any()
        """,
    ),
    'mmseg': (
        'import mmseg',
        """
        from mmseg.registry import MODELS
        head = MODELS.build(dict(
            type='mmseg.PointHead', in_channels=[4], in_index=[0],
            channels=4, num_classes=2))
        """,
    ),
    'mmdet': (
        'import mmdet',
        """
        import mmdet.models, torch
        from mmdet.models.layers import multiclass_nms
        boxes, _ = multiclass_nms(
            torch.tensor([[0., 0, 4, 4]]), torch.tensor([[0.9, 0.1]]),
            0.5, dict(type='nms', iou_threshold=0.5))
        assert len(boxes) == 1
        """,
    ),
}


@pytest.fixture(scope='module')
def children(forks, unsafe_checkpoint):
    """'done' or an error, by order and host."""
    start = f'import numpy as np; PATH = {str(unsafe_checkpoint)!r}\n'
    snippets = {
        'imports': """
            import sys
            import mmsapiens
            hosts = {'mmengine', 'mmcv', 'mmpretrain', 'mmpose', 'mmseg',
                     'mmdet', 'torch', 'torchvision', 'cv2'}
            result = sorted(hosts & set(sys.modules))
            """
    }
    # Nothing is imported ahead of the forks of the first call.
    results = forks('', snippets)
    snippets = {}
    for host, (first, use) in HOSTS.items():
        snippets[f'{host} first'] = [first, 'import mmsapiens', use]
        snippets[f'mmsapiens before {host}'] = ['import mmsapiens', first, use]
    results.update(
        forks(
            'import torch, torchvision, cv2, scipy, matplotlib.pyplot',
            {name: start + '\n'.join(map(dedent, parts)) for name, parts in snippets.items()},
        )
    )
    return results


@pytest.mark.parametrize('order', ['{} first', 'mmsapiens before {}'])
@pytest.mark.parametrize('host', list(HOSTS))
def test_remedy_works_in_either_order(children, order, host):
    assert children[order.format(host)] == 'done'


def test_import_of_mmsapiens_imports_neither_torch_nor_a_host(children):
    assert children['imports'] == '[]'
