"""Every pretraining config builds; shrunk, it trains one batch."""

import inspect
import re

import mmengine._strategy  # noqa: F401  registers its strategies
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import OPTIM_WRAPPERS, RUNNERS, STRATEGIES, init_default_scope
from mmengine.runner import Runner
from parity import ROOT

from mmsapiens.models import SAPIENS_ARCHS
from mmsapiens.registry import MODELS

FOLDER = ROOT / 'configs/pretrain'
CONFIGS = sorted(path.name for path in FOLDER.glob('*.py'))
TOTAL_BATCH = {'0.3b': 98304, '0.6b': 65536, '1b': 40960, '2b': 20480}
NAME = re.compile(
    r'sapiens-(?P<size>[\w.]+)_(?P<gpus>\d+)xb(?P<batch>\d+)'
    r'(-accum(?P<accum>\d+))?-(?P<epochs>\d+)e(?P<fsdp>-fsdp)?'
    r'_human-images-(?P<h>\d+)x(?P<w>\d+)\.py'
)


def load(name):
    cfg = Config.fromfile(FOLDER / name)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.mark.parametrize('name', CONFIGS)
def test_name_says_what_the_config_does(name):
    cfg, fields = load(name), NAME.fullmatch(name)
    assert fields, name
    arch = cfg.model.backbone.arch
    assert arch == f'sapiens_{fields["size"]}'
    assert cfg.train_dataloader.batch_size == int(fields['batch'])
    accumulation = cfg.optim_wrapper.get('accumulative_counts', 1)
    assert accumulation == int(fields['accum'] or 1)
    assert cfg.train_cfg.max_epochs == int(fields['epochs'])
    assert cfg.model.backbone.img_size == int(fields['h']) == int(fields['w'])
    assert ('strategy' in cfg) == bool(fields['fsdp'])
    total = cfg.train_dataloader.batch_size * accumulation
    total *= int(fields['gpus'])
    assert total == TOTAL_BATCH.get(fields['size'], total)


@pytest.mark.parametrize('name', CONFIGS)
def test_settings_agree_with_each_other(name):
    cfg = load(name)
    assert cfg.custom_imports.imports == ['mmsapiens']
    model = cfg.model
    with torch.device('meta'):
        built = MODELS.build(model)  # checks that its parts fit
    arch = SAPIENS_ARCHS[model.backbone.arch]
    assert built.backbone.embed_dims == arch['embed_dims']
    pipeline = cfg.train_dataloader.dataset.pipeline
    assert pipeline == cfg.train_pipeline
    assert pipeline[0]['scale'] == model.backbone.img_size
    assert cfg.param_scheduler[-1]['end'] == cfg.train_cfg.max_epochs


@pytest.mark.parametrize('name', CONFIGS)
def test_further_configs_take_ten_lines(name):
    if 'tiny' in name or name == CONFIGS[1]:
        return
    lines = (FOLDER / name).read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 10


@pytest.mark.parametrize('name', [name for name in CONFIGS if '8xb' not in name])
def test_shrunk_config_trains_a_batch(name, generator):
    cfg = load(name)
    arch = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
    cfg.model.backbone.update(arch=arch, img_size=64)
    cfg.model.neck.update(
        num_patches=16, embed_dim=32, decoder_embed_dim=16, decoder_depth=2, decoder_num_heads=2
    )
    cfg.train_pipeline[0]['scale'] = 64
    model = MODELS.build(cfg.model)
    model.init_weights()
    optim_wrapper = Runner.build_optim_wrapper(
        type('Stub', (), dict(model=model)), cfg.optim_wrapper
    )
    image = torch.randint(0, 256, (90, 80, 3), generator=generator)
    image = image.to(torch.uint8).numpy()
    pipeline = Compose(cfg.train_pipeline)
    samples = [pipeline(dict(img=image, img_shape=(90, 80), sample_idx=0)) for _ in range(2)]
    inputs = torch.stack([sample['inputs'] for sample in samples])
    assert inputs.shape == (2, 3, 64, 64)
    assert inputs.dtype == torch.uint8
    batch = dict(inputs=inputs, data_samples=None)
    losses = model.train_step(batch, optim_wrapper)
    assert losses['loss'].isfinite()


def test_deepspeed_settings_of_the_docs_fit_mmengine(tmp_path):
    text = (ROOT / 'docs/pretraining.md').read_text()
    (code,) = (
        block
        for block in re.findall(r'```python\n(.*?)```', text, re.DOTALL)
        if 'DeepSpeedOptimWrapper' in block
    )
    path = tmp_path / 'config.py'
    path.write_text(code.replace("'./", f"'{FOLDER}/").replace("'../", f"'{FOLDER}/../"))
    cfg = Config.fromfile(path)
    assert cfg.runner_type == 'mmsapiens.StrategyRunner'
    assert RUNNERS.get(cfg.runner_type) is not None
    for registry, part in ((STRATEGIES, cfg.strategy), (OPTIM_WRAPPERS, cfg.optim_wrapper)):
        arguments = dict(part)
        kind = registry.get(arguments.pop('type'))
        arguments.pop('paramwise_cfg', None)  # of the constructor
        inspect.signature(kind).bind(**arguments)
    batch = cfg.strategy.train_micro_batch_size_per_gpu
    assert batch == cfg.train_dataloader.batch_size
    base = load('sapiens-1b_1024xb40-1600e_human-images-1024x1024.py')
    for name in ('optimizer', 'paramwise_cfg'):
        assert cfg.optim_wrapper[name] == base.optim_wrapper[name]


def test_only_weights_of_layers_decay():
    cfg = load(CONFIGS[-1])
    model = MODELS.build(cfg.model)
    optim_wrapper = Runner.build_optim_wrapper(
        type('Stub', (), dict(model=model)), cfg.optim_wrapper
    )
    names = {id(p): name for name, p in model.named_parameters()}
    for group in optim_wrapper.optimizer.param_groups:
        for param in group['params']:
            name = names[id(param)]
            decays = param.ndim > 1 and not name.endswith('_token')
            assert (group['weight_decay'] > 0) == decays, name
