"""What stock packages do alone, they do with mmsapiens imported, too."""

from textwrap import dedent

import pytest

USER_CLASS = """
from {host}.registry import {registry} as registry

@registry.register_module()
class {name}:
    pass

result = registry.get({name!r}) is {name}, '{name}' in registry
"""
FEATURES = {
    'class of the user, a model': USER_CLASS.format(
        host='mmpretrain', registry='MODELS', name='SapiensViT'
    ),
    'class of the user, a hook': USER_CLASS.format(
        host='mmpretrain', registry='HOOKS', name='ProgressHook'
    ),
    'class of the user, a metric': USER_CLASS.format(
        host='mmengine', registry='METRICS', name='WholeBodyMetric'
    ),
    'unknown name': """
        from mmpretrain.registry import MODELS
        try:
            MODELS.build(dict(type='NoSuchClass'))
        except KeyError as error:
            result = str(error)
        """,
    'stock names': """
        from mmpretrain.registry import HOOKS, MODELS, TRANSFORMS
        found = MODELS.get('ResNet'), MODELS.get('mmpretrain.ResNet'), HOOKS.get('EMAHook')
        result = found + (TRANSFORMS.get('RandomFlip'), MODELS.get('nothing'))
        """,
    'stock model': """
        import torch
        from mmpretrain import get_model
        torch.manual_seed(0)
        model = get_model('mobilenet-v2_8xb32_in1k', pretrained=False).eval()
        result = model(torch.ones(1, 3, 32, 32))[0].sum().item()
        """,
    'stock layer decay': """
        from mmengine.optim import build_optim_wrapper
        from mmpretrain import get_model
        model = get_model('vit-base-p32_64xb64_in1k', pretrained=False)
        cfg = dict(
            optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1),
            constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.5))
        groups = build_optim_wrapper(model, cfg).optimizer.param_groups
        result = sorted({group['lr'] for group in groups})
        """,
    'config': """
        from mmengine.hub import get_config
        result = get_config('mmpretrain::resnet/resnet18_8xb32_in1k.py').pretty_text
        """,
    'pure-Python config': """
        import tempfile
        from mmengine.config import Config
        path = tempfile.mkdtemp() + '/config.py'
        with open(path, 'w') as file:
            file.write('from mmengine.dataset import BaseDataset\\n'
                       'name = "a".upper()\\ndata = dict(type=BaseDataset)')
        result = Config.fromfile(path, lazy_import=True).pretty_text
        """,
    'weights': """
        import tempfile, torch
        from mmengine.runner import CheckpointLoader
        path = tempfile.mkdtemp() + '/weights.pth'
        torch.save(dict(state_dict=dict(weight=torch.ones(2)), meta=dict(epoch=3)), path)
        result = CheckpointLoader.load_checkpoint(path), torch.load(path)
        """,
    'missing weights': """
        from mmengine.runner import CheckpointLoader
        try:
            CheckpointLoader.load_checkpoint('none.pth')
        except FileNotFoundError:
            result = 'FileNotFoundError'
        """,
    'pipeline': """
        import numpy as np
        from mmpretrain.registry import TRANSFORMS
        np.random.seed(0)
        jitter = TRANSFORMS.build(dict(type='ColorJitter', hue=[0.1, 0.2], brightness=0.3))
        image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        result = jitter(dict(img=image))['img'].tolist()
        """,
    'metrics': """
        import torch
        from mmpretrain.evaluation import Accuracy, ConfusionMatrix
        scores, labels = torch.eye(3), torch.tensor([0, 1, 1])
        result = Accuracy.calculate(scores, labels), ConfusionMatrix.calculate(scores, labels)
        """,
    'numpy and scipy': """
        import numpy as np
        from scipy import interpolate
        line = interpolate.interp1d([0, 1], [0, 2])
        result = hasattr(np, 'in1d'), hasattr(np, 'float'), line(0.5)
        """,
    'figure': """
        import matplotlib
        matplotlib.use('agg')
        import matplotlib.pyplot as plt
        import numpy as np
        figure = plt.figure(figsize=(1, 1), dpi=20)
        figure.canvas.draw()
        result = np.asarray(figure.canvas.buffer_rgba()).sum()
        """,
    'image': """
        import mmcv
        import numpy as np
        image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        result = [mmcv.adjust_hue(image, 0.2).sum(), mmcv.imrescale(image, 2.0).sum()]
        """,
    'training': """
        import tempfile, torch
        from mmengine.model import BaseModel
        from mmengine.runner import Runner

        class Model(BaseModel):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(1, 1)

            def forward(self, inputs, mode):
                return dict(loss=self.layer(inputs).sum())

        torch.manual_seed(0)
        runner = Runner(
            Model(), tempfile.mkdtemp(), experiment_name='run',
            train_dataloader=dict(
                dataset=[dict(inputs=torch.ones(1))] * 3, batch_size=1,
                sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='default_collate')),
            train_cfg=dict(max_epochs=2),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)))
        result = runner.train().layer.weight.item()
        """,
}


@pytest.fixture(scope='module')
def outcomes(forks):
    """Feature -> what it gives without and with mmsapiens."""
    setup = 'import torch, torchvision, cv2, scipy, mmengine.runner, mmcv'
    alone = forks(setup, FEATURES)
    ours = forks(setup, {k: 'import mmsapiens\n' + dedent(v) for k, v in FEATURES.items()})
    return {name: (alone[name], ours[name]) for name in FEATURES}


@pytest.mark.parametrize('feature', FEATURES)
def test_feature_is_as_without_mmsapiens(outcomes, feature):
    without, with_ours = outcomes[feature]
    assert without.partition(':')[0] not in ('AttributeError', 'TypeError', 'NameError'), without
    assert with_ours == without
