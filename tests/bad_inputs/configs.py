"""Bad configs and command lines."""

from pathlib import Path
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from mmsapiens.core.folder_lock import lock_folder
from mmsapiens.engine import launch

from . import row
from .builders import ARCH, backbone, build, coco, head, pose_model, run_tool, shell, train


def backbone_cases():
    """Row id -> what the user wrote for the backbone."""
    too_few = {k: v for k, v in ARCH.items() if k != 'num_heads'}
    return {
        'C01': dict(arch='sapiens_3b'),
        'C02': dict(arch=too_few),
        'C03': dict(arch=dict(too_few, heads=2)),
        'C04': dict(arch=dict(ARCH, embed_dims='32')),
        'C05': dict(arch=dict(ARCH, num_heads=3)),
        'C06': dict(drop_path=0.1),
        'C07': dict(img_size=8, patch_padding=2),
        'C08': dict(img_size=(64, 48, 3)),
        'C09': dict(patch_padding='same'),
        'C10': dict(out_type='feature_map'),
        'C11': dict(out_type='cls_token'),
        'C12': dict(out_indices=(0, 2)),
        'C13': dict(frozen_stages=3),
        'C14': dict(drop_path_rate=1.5),
        'C15': dict(type='mmsapiens.SapiensVit'),
    }


def head_cases():
    """Row id -> what the user wrote for the head."""
    return {
        'C16': dict(deconv_kernel_sizes=(4, 4, 4)),
        'C17': dict(deconv_kernel_sizes=(4, 5)),
        'C18': dict(conv_kernel_sizes=(1, 2)),
        'C19': dict(conv_out_channels=(16,)),
        'C20': dict(norm_cfg=dict(type='BN')),
    }


def building(part, changes):
    """A function that builds a backbone or a head with changes."""

    def case():
        build(MODELS, part(**changes))

    case.__name__ = '-'.join([part.__name__, *changes])
    return case


for name, changes in backbone_cases().items():
    row(name)(building(backbone, changes))
for name, changes in head_cases().items():
    row(name)(building(head, changes))


@row('C21')
def head_of_other_width():
    model = pose_model(head_cfg=head(in_channels=64))
    model(torch.zeros(1, 3, 64, 48), None, mode='tensor')


@row('C22')
def heatmaps_of_other_size():
    sample = PoseDataSample()
    sample.gt_fields = PixelData(heatmaps=torch.zeros(17, 64, 48))
    sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 17))
    pose_model()(torch.zeros(1, 3, 64, 48), [sample], mode='loss')


def train_with(*lines, options=()):
    """Train on good data with a bad setting."""
    coco()
    train(*lines, options=options)


@row('C23')
def num_layers_of_other_size():
    train_with('optim_wrapper = dict(paramwise_cfg=dict(num_layers=24))')


@row('C24')
def misspelt_custom_keys():
    train_with(
        'optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(bias=dict(decay_multi=0.0))))'
    )


@row('C25')
def layer_decay_rate():
    train_with('optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.5))')


@row('C26')
def no_weight_decay():
    train_with("optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-4))")


@row('C27')
def layer_decay_of_other_backbone():
    train_with("model = dict(backbone=dict(_delete_=True, type='ResNet', depth=18))")


@row('C28')
def unknown_dtype():
    train_with("optim_wrapper = dict(dtype='half')")


@row('C29')
def amp_with_foreign_wrapper():
    train_with(
        "optim_wrapper = dict(_delete_=True, type='ApexOptimWrapper',"
        " optimizer=dict(type='SGD', lr=0.1))",
        options=['--amp'],
    )


@row('C30')
def no_base_batch_size():
    train_with('auto_scale_lr = dict(_delete_=True, enable=False)', options=['--auto-scale-lr'])


@row('C31')
def show_without_hook():
    train_with('default_hooks = dict(visualization=None)', options=['--show-dir', 'a'])


@row('C32')
def mpi_on_cpu():
    # The machine of the test may have a GPU.
    with mock.patch.object(launch, 'get_device', return_value='cpu'):
        launch.prepare_cpu_processes(Config(dict(launcher='mpi')))


@row('C33')
def num_processes():
    shell('tools/dist_train.sh', 'config.py', 'two')


@row('C34')
def no_num_processes():
    shell('tools/dist_test.sh', 'config.py', 'sapiens.pth')


@row('C35')
def missing_config():
    run_tool('train.py', 'sapiens.py')


@row('C36')
def missing_resume():
    train_with(options=['--resume', 'work/epoch_3.pth'])


@row('C37')
def config_is_not_python():
    Path('config.py').write_text("model = dict(type='X'\n")
    run_tool('train.py', 'config.py')


@row('C40')
def option_with_a_space():
    train_with(options=['--cfg-options', 'work_dir=my', 'runs/a'])


@row('C41')
def option_that_leads_nowhere():
    train_with(options=['--cfg-options', 'train_cfg.by_epoch.x=3'])


@row('C42')
def folder_of_another_run():
    held = lock_folder('run')
    try:
        train_with(options=['--work-dir', 'run'])
    finally:
        held.release()


@row('C43')
def missing_load_from():
    train_with("load_from = 'sapiens.pth'")


@row('C38')
def test_without_checkpoint():
    shell('tools/slurm_test.sh', 'partition', 'name', 'config.py')


@row('C39')
def tokens_into_the_head():
    model = pose_model(backbone(out_type='raw'))
    model(torch.zeros(1, 3, 64, 48), None, mode='tensor')
