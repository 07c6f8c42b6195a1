"""Plans against the paper's Table 2, and against tensors that exist."""

import importlib.util
import json

import planning
import pytest
import torch
from mmengine.config import Config
from model_cost import SavedTensors
from parity import ROOT

PRETRAIN = ROOT / 'configs/pretrain'
TINY = 'sapiens-tiny_1xb32-200e_human-images-128x128.py'
# Parameters and multiply-accumulates of Table 2.
TABLE_2 = {
    '0.3b_1024xb96': (0.336e9, 1.242e12),
    '0.6b_1024xb64': (0.664e9, 2.583e12),
    '1b_1024xb40': (1.169e9, 4.647e12),
    '2b_1024xb20': (2.163e9, 8.709e12),
}


def config(name):
    return Config.fromfile(name)


@pytest.mark.parametrize('size', list(TABLE_2))
def test_parameters_and_operations_of_table_2(size):
    name = f'sapiens-{size}-1600e_human-images-1024x1024.py'
    model = planning.build_on_meta(config(PRETRAIN / name))
    with planning.without_data(model):
        whole = planning.count_operations(planning._whole_image(model))
    params, macs = TABLE_2[size]
    assert planning._numel(model) == pytest.approx(params, rel=0.01)
    assert whole.linear == pytest.approx(macs, rel=0.01)


@pytest.fixture(scope='module')
def tiny():
    return config(PRETRAIN / TINY)


@pytest.fixture(scope='module')
def tiny_cost(tiny):
    return planning.cost_of(tiny)


def measure(cfg, batch, with_cp, dtype=torch.float32):
    """Bytes that autograd keeps of a model that exists."""
    from mmengine.registry import MODELS, init_default_scope

    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model).train()
    model.backbone.with_cp = model.neck.with_cp = with_cp
    images = torch.zeros(batch, 3, *model.backbone.img_size)
    saved = SavedTensors(model)
    enabled = dtype != torch.float32
    with saved.counting(), torch.autocast('cpu', dtype, enabled=enabled):
        model(images, [], mode='loss')
    return saved.num_bytes


@pytest.mark.parametrize('with_cp', [False, True])
def test_estimate_of_activations_equals_the_tensors_kept(tiny, tiny_cost, with_cp):
    cost = tiny_cost
    estimate = cost.stored_checkpointed if with_cp else cost.stored
    measured = measure(tiny, 4, with_cp)
    assert 4 * estimate == pytest.approx(measured, rel=0.001)


def test_estimate_with_autocast_equals_the_tensors_kept(tiny):
    cost = planning.cost_of(tiny, 'bfloat16')
    measured = measure(tiny, 4, False, torch.bfloat16)
    # Weights are copied to bfloat16 once, whatever the batch.
    assert 4 * cost.stored + cost.copies == pytest.approx(measured, rel=0.001)


def test_fixed_parts_equal_the_tensors_of_a_step(tiny, tiny_cost):
    from mmengine.registry import MODELS, init_default_scope

    init_default_scope(tiny.default_scope)
    model = MODELS.build(tiny.model).train()
    optimizer = torch.optim.AdamW(model.parameters())
    images = torch.zeros(1, 3, *model.backbone.img_size)
    model(images, [], mode='loss')['loss'].backward()
    optimizer.step()
    trained = [p for p in model.parameters() if p.requires_grad]
    states = [
        value
        for state in optimizer.state.values()
        for value in state.values()
        if value.ndim  # not the count of steps
    ]
    plan = planning.plan_memory(tiny_cost, num_gpus=1, gpu_memory_gb=1, batch=1)[0]
    assert plan.weights == sum(p.nbytes for p in model.parameters())
    assert plan.gradients == sum(p.grad.nbytes for p in trained)
    assert plan.optimizer == sum(value.nbytes for value in states)


def test_checkpointing_brings_back_one_block(tiny, tiny_cost):
    cost = tiny_cost
    plain, frugal = cost.activations(False), cost.activations(True)
    assert cost.stored_checkpointed < frugal < plain
    blocks = tiny.model.neck.decoder_depth
    decoder = cost.largest_recomputed * blocks
    assert decoder < cost.stored


def test_parts_by_hand():
    one = planning.Operations(linear=10, attention=2)
    cost = planning.ModelCost(
        num_params=100,
        num_trained=90,
        largest_unit=10,
        outside_units=20,
        whole_image=one,
        training=one,
        recomputed=12,
        tokens=4,
        copies=0,
        stored=1000,
        stored_checkpointed=100,
        largest_recomputed=50,
    )
    plans = planning.plan_memory(cost, num_gpus=4, gpu_memory_gb=1e-5, batch=2)
    ddp, ddp_cp, fsdp, fsdp_cp = plans
    assert (ddp.weights, ddp.gradients, ddp.optimizer) == (400, 360, 720)
    assert ddp.buffers == 360  # buckets
    assert ddp.activations == 2000
    assert ddp_cp.activations == 2 * 150
    assert (fsdp.weights, fsdp.gradients, fsdp.optimizer) == (100, 90, 180)
    assert fsdp.buffers == 2 * (20 + 2 * 10) * 4
    assert fsdp.total == 370 + 320 + 2000
    assert ddp.max_batch == (9000 - 1840) // 1000
    assert fsdp_cp.max_batch == (9000 - 690) // 150
    speed = planning.images_per_second(
        cost, num_gpus=4, with_cp=False, peak_tflops=1e-12, utilisation=0.5
    )
    assert speed == 4 * 0.5 / (2 * 3 * 12)
    assert planning.days_for_tokens(cost, 1.0, 4 * 86400) == 1.0


@pytest.mark.parametrize(
    'name',
    [
        'pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
        'dense/normal/sapiens-tiny_2xb4-300e_normal-256x192.py',
    ],
)
def test_other_tasks_are_planned_as_well(name):
    cost = planning.cost_of(config(ROOT / 'configs' / name), 'bfloat16')
    assert cost.training.total > cost.whole_image.total
    assert cost.stored > cost.stored_checkpointed > 0
    assert cost.copies > cost.num_params  # 2 bytes of most of them


def test_tool_prints_and_writes(tiny, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location('plan', ROOT / 'tools/analysis/plan.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    out = tmp_path / 'plan.json'
    args = [str(PRETRAIN / TINY), '--gpus', '2', '--gpu-memory', '8']
    assert tool.main([*args, '--json', str(out)]) == 0
    assert 'FSDP, checkpointing' in capsys.readouterr().out
    figures = json.loads(out.read_text())
    assert len(figures['plans']) == 4
    assert figures['cost']['tokens'] == 64


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(num_gpus=0), '`num_gpus` must be positive'),
        (dict(optimizer='LBFGS'), '`optimizer` must be one of'),
    ],
)
def test_bad_settings_are_refused(tiny, tiny_cost, settings, message):
    cost = tiny_cost
    arguments = dict(num_gpus=1, gpu_memory_gb=1, batch=1)
    with pytest.raises(ValueError, match=message):
        planning.plan_memory(cost, **{**arguments, **settings})
    with pytest.raises(ValueError, match='`dtype` must be one of'):
        planning.cost_of(tiny, 'int8')
