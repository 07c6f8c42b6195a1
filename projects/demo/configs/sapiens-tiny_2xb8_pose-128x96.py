# Small images and patches: as many tokens as at 256x192 with patches of 16, on a quarter of the
# pixels. For the CPU of anyone; `projects/demo` fills in the data and the number of epochs.
_base_ = '../../../configs/pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py'

codec = dict(
    type='mmsapiens.BatchedUDPHeatmap',
    input_size=(96, 128),
    heatmap_size=(48, 64),
    sigma=2,
    encode_on_device=False,
)

model = dict(
    backbone=dict(img_size=(128, 96), patch_size=8, patch_padding='corner'),
    head=dict(
        deconv_out_channels=(96, 64), conv_out_channels=(64,), conv_kernel_sizes=(1,), decoder=codec
    ),
)

# The steps of the base, with another size and codec.
train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    *_base_.val_pipeline[:2],
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.PoseDataCheckHook'),
    dict(type='mmsapiens.ProgressHook'),
]
