"""Starting training and evaluation of any host's config."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from filelock import BaseFileLock
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import FlexibleRunner, Runner

from ..core.folder_lock import lock_folder
from .build import read_config as read_config

SLURM_VARIABLES = dict(RANK='SLURM_PROCID', LOCAL_RANK='SLURM_LOCALID', WORLD_SIZE='SLURM_NTASKS')
"""What torch reads -> what srun tells each process."""

AMP_DTYPES = {'bf16': 'bfloat16', 'fp16': 'float16'}
VISUALIZATION_SWITCHES = dict(DensePanelHook='draw', SegVisualizationHook='draw')
VISUALIZATION_SWITCHES |= dict(PoseVisualizationHook='enable', VisualizationHook='enable')
"""Hook of a host -> its argument that turns drawing on."""

_STATE = dict(rank0_only=True, offload_to_cpu=False)
FULL_STATE_ON_CPU = dict(
    state_dict_type='FULL_STATE_DICT',
    state_dict_config=dict(type='FullStateDictConfig', **_STATE),
    optim_state_dict_config=dict(type='FullOptimStateDictConfig', **_STATE),
)
"""``state_dict_cfg='full'`` of FSDPStrategy without the copy to the CPU: of parameters that are
there already, torch 2.9 makes it after their memory was freed, a segmentation fault."""


def set_work_dir(cfg: Config, work_dir: str | None) -> None:
    """Set the folder for logs and checkpoints."""
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(cfg.filename).stem)


def set_amp(cfg: Config, amp: str) -> None:
    """Train with mixed precision, on whatever device there is."""
    wrapper = cfg.optim_wrapper
    kind = wrapper.get('type', 'OptimWrapper')
    if kind in ('OptimWrapper', 'AmpOptimWrapper'):
        wrapper.pop('loss_scale', None)
    elif kind.removeprefix('mmsapiens.') != 'AutocastOptimWrapper':
        raise ValueError(
            f'`--amp` replaces OptimWrapper or AmpOptimWrapper, but the config uses {kind!r}'
        )
    wrapper.update(type='mmsapiens.AutocastOptimWrapper', dtype=AMP_DTYPES[amp])


def set_auto_scale_lr(cfg: Config) -> None:
    """Scale the learning rate with the total batch size."""
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise ValueError(
            '`--auto-scale-lr` needs `auto_scale_lr=dict(base_batch_size=...)` in the config, the '
            'total batch size that its `lr` is meant for'
        )
    cfg.auto_scale_lr.enable = True


def set_resume(cfg: Config, resume: str) -> None:
    """Continue from a checkpoint, or from the newest one of the working directory, 'auto'."""
    cfg.resume = True
    cfg.load_from = None if resume == 'auto' else resume


def enable_visualization(
    cfg: Config, show_dir: str | None, show: bool, in_training: bool = False
) -> None:
    """Draw predictions with the visualization hook of the host."""
    hook: dict = cfg.get('default_hooks', {}).get('visualization') or {}
    kind = hook.get('type', '').split('.')[-1]
    if kind not in VISUALIZATION_SWITCHES:
        raise ValueError(
            '`--show` and `--show-dir` need `default_hooks.visualization` of one of the types '
            f'{list(VISUALIZATION_SWITCHES)} in the config, but got {hook or None}'
        )
    if in_training and kind != 'DensePanelHook' and cfg.get('val_dataloader') is None:
        raise ValueError(
            f'`--show` and `--show-dir` draw nothing here: {kind} draws what is validated, and '
            'this training validates nothing'
        )
    hook.update({VISUALIZATION_SWITCHES[kind]: True}, show=show, interval=1)
    if show_dir is None:
        return
    os.makedirs(show_dir, exist_ok=True)
    if kind == 'SegVisualizationHook':  # it draws through the backends
        cfg.visualizer.save_dir = show_dir
    else:
        hook['out_dir'] = show_dir


def add_dump(cfg: Config, path: str) -> None:
    """Write all predictions of a test to a pickle file."""
    old, dump = cfg.test_evaluator, dict(type='DumpResults', out_file_path=path)
    cfg.test_evaluator = [*(old if isinstance(old, list) else [old]), dump]


def read_slurm_variables() -> None:
    """Tell torch what srun says of this process, as mmengine does for GPUs."""
    names = [*SLURM_VARIABLES.values(), 'SLURM_NODELIST']
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ValueError(
            "`launcher='slurm'` needs processes started by srun, as tools/slurm_train.sh does, but "
            f'{", ".join(missing)} are not set'
        )
    os.environ.update({name: os.environ[told] for name, told in SLURM_VARIABLES.items()})
    if 'MASTER_ADDR' not in os.environ:
        command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
        hosts = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        os.environ['MASTER_ADDR'] = hosts.split()[0]
    os.environ.setdefault('MASTER_PORT', '29500')


def prepare_cpu_processes(cfg: Config) -> None:
    """Let several processes train without a GPU, over gloo. mmengine 0.10.7 asks for a GPU in its
    ``init_dist``, which it skips if a process group exists, and pins the model to one."""
    if cfg.get('launcher', 'none') == 'none' or get_device() != 'cpu':
        return
    if cfg.launcher not in ('pytorch', 'slurm'):
        raise ValueError(
            "`launcher` must be 'pytorch' or 'slurm' on a machine without a GPU, but got "
            f'{cfg.launcher!r}'
        )
    if not dist.is_initialized():
        if cfg.launcher == 'slurm':
            read_slurm_variables()
        dist.init_process_group('gloo')
    data_parallel: dict = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
    if cfg.get('find_unused_parameters'):
        data_parallel['find_unused_parameters'] = True
    if cfg.get('strategy') is None:
        wrapper = cfg.get('model_wrapper_cfg') or data_parallel
        cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
    elif 'DDP' in cfg.strategy.get('type', ''):
        wrapper = cfg.strategy.get('model_wrapper') or data_parallel
        cfg.strategy.model_wrapper = dict(wrapper, device_ids=None)
    elif 'FSDP' in cfg.strategy.get('type', ''):
        cfg.strategy.setdefault('model_wrapper', {})
        cfg.strategy.model_wrapper.device_id = torch.device('cpu')
        if cfg.strategy.get('state_dict_cfg') == 'full':
            cfg.strategy.state_dict_cfg = FULL_STATE_ON_CPU


def build_runner(cfg: Config) -> Runner | FlexibleRunner:
    """Build ``runner_type`` of a config, or FlexibleRunner for a ``strategy``, or Runner."""
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    if cfg.get('strategy') is not None:
        cfg.setdefault('env_cfg', {})  # FlexibleRunner fails without it
        return FlexibleRunner.from_cfg(cfg)
    return Runner.from_cfg(cfg)


def hold_folders(cfg: Config) -> list[BaseFileLock]:
    """Hold the folders that the first process of a run writes to, or raise a FolderInUseError."""
    ranks = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')
    if os.environ.get(ranks.get(cfg.get('launcher', 'none'), ''), '0') != '0':
        return []
    work_dir = os.path.abspath(cfg.work_dir)
    folders = {work_dir: '--work-dir'}
    out_dir = ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).get('out_dir')
    if out_dir and '://' not in out_dir:
        option = 'default_hooks.checkpoint.out_dir'
        folders.setdefault(os.path.abspath(os.path.join(out_dir, Path(work_dir).name)), option)
    return [lock_folder(path, option, is_singleton=True) for path, option in folders.items()]


@contextmanager
def distributed_run(cfg: Config) -> Iterator[None]:
    """Hold the folders of a run, prepare its processes and, lest they abort, end their group."""
    source = cfg.get('load_from')
    if source and ':' not in source and not os.path.exists(source):  # otherwise found out later
        raise FileNotFoundError(
            f'the checkpoint {source} does not exist. Check the path, or download the file first.'
        )
    locks = hold_folders(cfg) if cfg.get('work_dir') else []
    try:
        prepare_cpu_processes(cfg)
        yield
    finally:
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
        for lock in locks:
            lock.release()
