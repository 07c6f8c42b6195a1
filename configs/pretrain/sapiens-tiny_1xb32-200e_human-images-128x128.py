# Small enough for a CPU. For demonstrations and tests; it has no released weights.
_base_ = './sapiens-0.3b_1024xb96-1600e_human-images-1024x1024.py'

img_size = 128
max_epochs = 200

model = dict(
    backbone=dict(arch='sapiens_tiny', img_size=img_size, with_cp=False),
    neck=dict(
        num_patches=(img_size // 16) ** 2,
        embed_dim=192,
        decoder_embed_dim=128,
        decoder_depth=2,
        decoder_num_heads=4,
        with_cp=False,
    ),
)

train_pipeline = [
    dict(_base_.train_pipeline[0], scale=img_size),  # the crop
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(min_size=round(img_size / 0.2**0.5), pipeline=train_pipeline),
)

train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(
        type='LinearLR',
        by_epoch=True,
        begin=0,
        end=10,
        start_factor=1e-4,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=10,
        end=max_epochs,
        T_max=max_epochs - 10,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(checkpoint=dict(interval=50, max_keep_ckpts=2))
custom_hooks = [*_base_.custom_hooks[:-1], dict(type='mmsapiens.ReconstructionHook', interval=100)]
