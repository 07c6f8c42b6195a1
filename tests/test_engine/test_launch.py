"""Starting runs of any host's config."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import FlexibleRunner, Runner

from mmsapiens.core.folder_lock import FolderInUseError, lock_folder
from mmsapiens.engine import launch

TOOLS = Path(__file__).parents[2] / 'tools'
STRATEGY = 'SingleDeviceStrategy'


@MODELS.register_module()
class LaunchedModel(BaseModel):
    """Has one weight."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.linear(inputs).sum())


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(launch, 'get_device', lambda: 'cpu')


@pytest.fixture
def rendezvous(monkeypatch, no_gpu):
    """What torchrun tells a single process; its group ends with the test."""
    with_port = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0')
    with_port.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='0')
    for name, value in with_port.items():
        monkeypatch.setenv(name, value)
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def test_config_is_read_with_what_it_inherits(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1')
    (tmp_path / 'config.py').write_text("_base_ = 'base.py'\nb = 2")
    cfg = launch.read_config(str(tmp_path / 'config.py'))
    assert (cfg.a, cfg.b) == (1, 2)


def test_missing_config_is_named():
    with pytest.raises(FileNotFoundError, match='config no/such.py does not'):
        launch.read_config('no/such.py')


def test_config_that_is_not_python_is_named(tmp_path):
    path = tmp_path / 'broken.py'
    path.write_text('model = dict(')
    with pytest.raises(SyntaxError, match='broken.py, or one .* not valid'):
        launch.read_config(str(path))


@pytest.mark.parametrize(
    'in_config, argument, expected',
    [
        (None, None, os.path.join('work_dirs', 'tiny')),
        (None, 'given', 'given'),
        ('stays', None, 'stays'),
        ('stays', 'given', 'given'),
    ],
)
def test_work_dir(tmp_path, in_config, argument, expected):
    path = tmp_path / 'tiny.py'
    path.write_text(f'work_dir = {in_config!r}')
    cfg = Config.fromfile(path)
    launch.set_work_dir(cfg, argument)
    assert cfg.work_dir == expected


@pytest.mark.parametrize(
    'wrapper',
    [
        dict(),
        dict(type='OptimWrapper'),
        dict(type='AmpOptimWrapper', loss_scale='dynamic'),
        dict(type='AutocastOptimWrapper', dtype='float32'),
        dict(type='mmsapiens.AutocastOptimWrapper'),
    ],
)
@pytest.mark.parametrize('amp, dtype', launch.AMP_DTYPES.items())
def test_amp_replaces_the_wrapper_and_keeps_the_rest(wrapper, amp, dtype):
    rest = dict(optimizer=dict(type='SGD'), clip_grad=dict(max_norm=1))
    cfg = Config(dict(optim_wrapper=dict(wrapper, **rest)))
    launch.set_amp(cfg, amp)
    assert cfg.optim_wrapper.to_dict() == dict(
        type='mmsapiens.AutocastOptimWrapper', dtype=dtype, **rest
    )


def test_amp_leaves_a_foreign_wrapper_alone():
    cfg = Config(dict(optim_wrapper=dict(type='MyWrapper')))
    with pytest.raises(ValueError, match="--amp.*the config uses 'MyWrapper'"):
        launch.set_amp(cfg, 'bf16')
    assert cfg.optim_wrapper == dict(type='MyWrapper')


def test_auto_scale_lr_is_turned_on():
    cfg = Config(dict(auto_scale_lr=dict(base_batch_size=64, enable=False)))
    launch.set_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr == dict(base_batch_size=64, enable=True)


@pytest.mark.parametrize(
    'content', [{}, dict(auto_scale_lr=None), dict(auto_scale_lr=dict(enable=True))]
)
def test_auto_scale_lr_needs_a_batch_size(content):
    with pytest.raises(ValueError, match='needs `auto_scale_lr=dict.base_ba'):
        launch.set_auto_scale_lr(Config(content))


@pytest.mark.parametrize('resume, load_from', [('auto', None), ('epoch_3.pth', 'epoch_3.pth')])
def test_resume(resume, load_from):
    cfg = Config(dict(load_from='pretrained.pth', resume=False))
    launch.set_resume(cfg, resume)
    assert cfg.resume is True
    assert cfg.load_from == load_from


@pytest.mark.parametrize(
    'kind, switch',
    [
        ('PoseVisualizationHook', 'enable'),
        ('mmpose.PoseVisualizationHook', 'enable'),
        ('VisualizationHook', 'enable'),
        ('SegVisualizationHook', 'draw'),
    ],
)
@pytest.mark.parametrize('show', [True, False])
def test_visualization_is_switched_on(tmp_path, kind, switch, show):
    cfg = Config(
        dict(
            default_hooks=dict(visualization=dict(type=kind, interval=50)),
            visualizer=dict(type='Visualizer'),
        )
    )
    folder = tmp_path / 'new' / 'images'
    launch.enable_visualization(cfg, str(folder), show)
    hook = cfg.default_hooks.visualization
    assert hook[switch] is True
    assert (hook.show, hook.interval) == (show, 1)
    assert folder.is_dir()
    if kind == 'SegVisualizationHook':
        assert cfg.visualizer.save_dir == str(folder)
        assert 'out_dir' not in hook
    else:
        assert hook.out_dir == str(folder)


def test_windows_need_no_folder():
    hook = dict(type='PoseVisualizationHook')
    cfg = Config(dict(default_hooks=dict(visualization=hook)))
    launch.enable_visualization(cfg, None, True)
    assert 'out_dir' not in cfg.default_hooks.visualization


@pytest.mark.parametrize(
    'content',
    [
        {},
        dict(default_hooks=dict(visualization=None)),
        dict(default_hooks=dict(visualization=dict(type='MyHook'))),
    ],
)
def test_visualization_needs_a_known_hook(content):
    with pytest.raises(ValueError, match="types.*'SegVisualizationHook'"):
        launch.enable_visualization(Config(content), 'folder', False)
    assert not os.path.exists('folder')


@pytest.mark.parametrize('many', [False, True])
def test_dump_joins_the_metrics(many):
    metric = dict(type='CocoMetric')
    cfg = Config(dict(test_evaluator=[metric, metric] if many else metric))
    launch.add_dump(cfg, 'predictions.pkl')
    assert [metric.type for metric in cfg.test_evaluator] == [
        *['CocoMetric'] * (1 + many),
        'DumpResults',
    ]
    assert cfg.test_evaluator[-1].out_file_path == 'predictions.pkl'


def test_single_process_and_gpu_runs_need_no_preparation(monkeypatch):
    for device, launcher in [('cpu', 'none'), ('cuda', 'pytorch')]:
        monkeypatch.setattr(launch, 'get_device', lambda name=device: name)
        cfg = Config(dict(launcher=launcher))
        launch.prepare_cpu_processes(cfg)
        assert not dist.is_initialized()
        assert cfg.to_dict() == dict(launcher=launcher)


def test_other_launchers_need_a_gpu(no_gpu):
    cfg = Config(dict(launcher='mpi'))
    with pytest.raises(ValueError, match="'pytorch' or 'slurm' .*'mpi'"):
        launch.prepare_cpu_processes(cfg)


def test_slurm_processes_need_srun(no_gpu, monkeypatch):
    monkeypatch.setenv('SLURM_PROCID', '0')
    monkeypatch.delenv('SLURM_NTASKS', raising=False)
    with pytest.raises(ValueError, match='srun.*SLURM_NTASKS.* are not set'):
        launch.prepare_cpu_processes(Config(dict(launcher='slurm')))


WRAPPER = dict(type='MMDistributedDataParallel')


@pytest.mark.parametrize(
    'given, expected',
    [
        ({}, dict(WRAPPER, broadcast_buffers=False)),
        (dict(WRAPPER, find_unused_parameters=True), dict(WRAPPER, find_unused_parameters=True)),
    ],
)
def test_cpu_processes_share_gradients_over_gloo(rendezvous, given, expected):
    cfg = Config(dict(launcher='pytorch'))
    if given:
        cfg.model_wrapper_cfg = given
    launch.prepare_cpu_processes(cfg)
    assert dist.get_backend() == 'gloo'
    assert cfg.model_wrapper_cfg == dict(expected, device_ids=None)
    launch.prepare_cpu_processes(cfg)  # the group exists


def test_cpu_processes_look_for_unused_parameters_where_the_config_says_so(rendezvous):
    cfg = Config(dict(launcher='pytorch', find_unused_parameters=True))
    launch.prepare_cpu_processes(cfg)
    assert cfg.model_wrapper_cfg.find_unused_parameters is True


def test_ddp_strategy_is_not_pinned_to_a_gpu(rendezvous):
    cfg = Config(dict(launcher='pytorch', strategy=dict(type='DDPStrategy')))
    launch.prepare_cpu_processes(cfg)
    assert cfg.strategy.model_wrapper == dict(WRAPPER, broadcast_buffers=False, device_ids=None)


def test_fsdp_strategy_shards_on_the_cpu(rendezvous):
    strategy = dict(type='FSDPStrategy', model_wrapper=dict(use_orig_params=True))
    cfg = Config(dict(launcher='pytorch', strategy=strategy))
    launch.prepare_cpu_processes(cfg)
    assert cfg.strategy.model_wrapper == dict(use_orig_params=True, device_id=torch.device('cpu'))


class MyRunner(Runner):
    """Another runner."""


def test_runner_follows_the_config(tmp_path):
    from mmengine.registry import RUNNERS

    RUNNERS.register_module(name='MyRunner', module=MyRunner, force=True)
    content = dict(
        model=dict(type='LaunchedModel'),
        work_dir=str(tmp_path),
        default_scope='mmengine',
        env_cfg=dict(),
    )
    kinds = [
        (Runner, {}),
        (MyRunner, dict(runner_type='MyRunner')),
        (FlexibleRunner, dict(strategy=dict(type=STRATEGY))),
    ]
    for kind, extra in kinds:
        cfg = Config(dict(content, experiment_name=kind.__name__, **extra))
        assert type(launch.build_runner(cfg)) is kind


@pytest.mark.parametrize('error', [None, RuntimeError])
def test_process_group_ends_with_the_run(rendezvous, error):
    cfg = Config(dict(launcher='pytorch'))
    if error is None:
        with launch.distributed_run(cfg):
            assert dist.is_initialized()
    else:
        with pytest.raises(error), launch.distributed_run(cfg):
            raise error
    assert not dist.is_initialized()


def test_a_run_holds_the_folders_that_it_writes_to(tmp_path):
    checkpoint = dict(out_dir=str(tmp_path / 'kept'))
    cfg = Config(dict(work_dir=str(tmp_path / 'a/run'), default_hooks=dict(checkpoint=checkpoint)))
    with launch.distributed_run(cfg):
        for folder in (tmp_path / 'a/run', tmp_path / 'kept/run'):
            with pytest.raises(FolderInUseError, match=f'process {os.getpid()} on'):
                lock_folder(folder)
        # Another working directory, but the same folder of checkpoints.
        other = Config(dict(cfg, work_dir=str(tmp_path / 'b/run')))
        code = (
            f'from mmengine.config import Config; from mmsapiens.engine import launch\n'
            f'launch.hold_folders(Config({other.to_dict()!r}))'
        )
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
        assert 'default_hooks.checkpoint.out_dir' in done.stderr.splitlines()[-1]
    lock_folder(tmp_path / 'a/run').release()
    lock_folder(tmp_path / 'kept/run').release()


@pytest.mark.parametrize(
    'launcher, variable',
    [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK')],
)
def test_only_the_first_process_holds_the_folder(launcher, variable, tmp_path, monkeypatch):
    cfg = Config(dict(work_dir=str(tmp_path / 'run'), launcher=launcher))
    monkeypatch.setenv(variable, '1')
    assert launch.hold_folders(cfg) == []
    monkeypatch.setenv(variable, '0')
    (lock,) = launch.hold_folders(cfg)
    lock.release()


def test_a_checkpoint_that_is_not_there_is_told_at_once(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path), load_from=str(tmp_path / 'no.pth')))
    with (
        pytest.raises(FileNotFoundError, match='no.pth does not exist'),
        launch.distributed_run(cfg),
    ):
        pass


def test_pictures_of_a_training_that_validates_nothing_are_refused():
    hooks = dict(visualization=dict(type='PoseVisualizationHook'))
    cfg = Config(dict(default_hooks=hooks, val_dataloader=None))
    with pytest.raises(ValueError, match='draw nothing here'):
        launch.enable_visualization(cfg, 'folder', False, in_training=True)


PARTS = """
    import torch
    from mmengine.evaluator import BaseMetric
    from mmengine.model import BaseModel
    from mmengine.registry import DATASETS, METRICS, MODELS
    from torch import nn

    @DATASETS.register_module()
    class TinyData:
        metainfo = {}

        def __len__(self):
            return 8

        def __getitem__(self, index):
            return dict(inputs=torch.full((4,), index / 8))

    @MODELS.register_module()
    class TinyModel(BaseModel):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, inputs, mode):
            output = self.norm(self.linear(inputs))
            if mode == 'loss':
                return dict(loss=(output - inputs).square().mean())
            return list(output)

    @METRICS.register_module()
    class Count(BaseMetric):
        def process(self, data_batch, data_samples):
            self.results += [1 for _ in data_samples]

        def compute_metrics(self, results):
            return dict(count=sum(results))
    """

CONFIG = """
    custom_imports = dict(
        imports=['mmsapiens', 'launch_parts'], allow_failed_imports=False)
    default_scope = 'mmengine'
    model = dict(type='TinyModel')
    train_dataloader = dict(
        batch_size=2, num_workers=0,
        dataset=dict(type='TinyData'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        collate_fn=dict(type='default_collate'))
    val_dataloader = dict(
        batch_size=2, num_workers=0,
        dataset=dict(type='TinyData'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'))
    val_evaluator = dict(type='Count')
    train_cfg = dict(by_epoch=True, max_epochs=EPOCHS, val_interval=1)
    val_cfg = dict()
    optim_wrapper = dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    auto_scale_lr = dict(base_batch_size=16)
    """


def start(tmp_path, script, *arguments, **variables):
    """Start a script of tools/ without a GPU."""
    paths = [str(tmp_path / 'bin'), os.environ['PATH']]
    return subprocess.Popen(
        ['bash', str(TOOLS / script), *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(
            os.environ,
            PATH=os.pathsep.join(paths),
            PYTHON=sys.executable,
            PYTHONPATH=str(tmp_path),
            CUDA_VISIBLE_DEVICES='',
            OMP_NUM_THREADS='1',
            **variables,
        ),
    )


def end(*children):
    """Wait for good ends; what was printed."""
    outputs = [child.communicate()[0] for child in children]
    for child, output in zip(children, outputs):
        assert child.returncode == 0, output[-5000:]
    return outputs


@pytest.fixture
def config(tmp_path):
    """Write the config; its path."""
    (tmp_path / 'launch_parts.py').write_text(dedent(PARTS))
    path = tmp_path / 'tiny.py'

    def write(epochs):
        path.write_text(dedent(CONFIG).replace('EPOCHS', str(epochs)))
        return path

    return write


@pytest.fixture
def train(tmp_path, config):
    """Run tools/dist_train.sh for two processes; what it printed."""
    work_dir = ['--work-dir', tmp_path / 'work']

    def run(epochs, *options):
        path = config(epochs)
        child = start(tmp_path, 'dist_train.sh', path, 2, *options, *work_dir)
        return end(child)[0]

    return run


def test_two_processes_train_and_continue_in_mixed_precision(train, tmp_path):
    output = train(1, '--auto-scale-lr')
    assert 'Epoch(val) [1][2/2]    count: 8' in output
    saved = torch.load(tmp_path / 'work/epoch_1.pth', weights_only=False)
    # 16 is the batch that the rate is meant for, 2 x 2 the one there is.
    assert saved['optimizer']['param_groups'][0]['lr'] == 0.1 * 4 / 16
    assert not any(key.startswith('module.') for key in saved['state_dict'])

    output = train(2, '--amp', '--resume', '--no-validate')
    assert 'Epoch(val)' not in output
    resumed = torch.load(tmp_path / 'work/epoch_2.pth', weights_only=False)
    assert resumed['meta']['iter'] == 4  # two per epoch and process
    assert 'AutocastOptimWrapper' in resumed['meta']['cfg']
    weight = resumed['state_dict']['linear.weight']
    assert weight.isfinite().all()
    assert not torch.equal(weight, saved['state_dict']['linear.weight'])


def check_two_processes(tmp_path):
    """Both took half of the data and shared their gradients."""
    saved = torch.load(tmp_path / 'work/epoch_1.pth', weights_only=False)
    assert saved['meta']['iter'] == 2  # 8 samples, 2 x 2 in each step
    assert saved['optimizer']['param_groups'][0]['lr'] == 0.1 * 4 / 16


@pytest.mark.slow
def test_two_machines_train_as_one(tmp_path, config):
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = server.getsockname()[1]
    path = config(1)
    options = ['--auto-scale-lr', '--work-dir', tmp_path / 'work']
    first, second = end(
        *(
            start(
                *(tmp_path, 'dist_train.sh', path, 1, *options),
                NNODES='2',
                NODE_RANK=rank,
                MASTER_ADDR='127.0.0.1',
                PORT=str(port),
            )
            for rank in '01'
        )
    )
    assert 'Epoch(val) [1][2/2]    count: 8' in first
    assert 'Epoch(val)' not in second
    check_two_processes(tmp_path)


SRUN = """
    import os, subprocess, sys
    options = {}
    arguments = sys.argv[1:]
    while arguments[0].startswith('-'):
        name = arguments.pop(0)
        if name == '-p':
            name = f'-p={arguments.pop(0)}'
        name, _, value = name.partition('=')
        options[name] = value
    assert options['-p'] == 'debug' and options['--job-name'] == 'tiny'
    assert options['--gres'] == 'gpu:1', options
    tasks = int(options['--ntasks'])
    on_each = int(options['--ntasks-per-node'])
    children = [
        subprocess.Popen(arguments, env=dict(
            os.environ, SLURM_PROCID=str(task), SLURM_NTASKS=str(tasks),
            SLURM_LOCALID=str(task % on_each), SLURM_NODELIST='node[1-2]'))
        for task in range(tasks)]
    sys.exit(max(child.wait() for child in children))
    """
SCONTROL = """
    import sys
    assert sys.argv[1:] == ['show', 'hostnames', 'node[1-2]']
    print('127.0.0.1\\n127.0.0.2')
    """


@pytest.mark.slow
def test_slurm_job_trains_over_two_machines(tmp_path, config):
    (tmp_path / 'bin').mkdir()
    for name, code in dict(srun=SRUN, scontrol=SCONTROL).items():
        command = tmp_path / 'bin' / name
        command.write_text(f'#!{sys.executable}\n{dedent(code)}')
        command.chmod(0o755)
    options = ['--auto-scale-lr', '--work-dir', tmp_path / 'work']
    child = start(
        *(tmp_path, 'slurm_train.sh', 'debug', 'tiny', config(1), *options),
        GPUS='2',
        GPUS_PER_NODE='1',
    )
    assert 'Epoch(val) [1][2/2]    count: 8' in end(child)[0]
    check_two_processes(tmp_path)


@pytest.mark.parametrize('arguments', [[], ['config.py'], ['config.py', '0'], ['config.py', 'x']])
def test_script_says_how_it_is_used(arguments):
    child = subprocess.run(
        ['bash', str(TOOLS / 'dist_train.sh'), *arguments], text=True, capture_output=True
    )
    assert child.returncode == 2
    assert 'dist_train.sh CONFIG NUM_PROCESSES' in child.stderr
    assert f"got '{(arguments + ['', ''])[1]}'" in child.stderr
