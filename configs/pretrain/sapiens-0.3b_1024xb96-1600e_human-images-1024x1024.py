_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/schedules/mae_1600e.py',
    '../_base_/datasets/human_images.py',
]

default_scope = 'mmpretrain'
img_size = 1024
patch_size = 16

model = dict(
    type='mmsapiens.SapiensMAE',
    data_preprocessor=dict(
        type='SelfSupDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='mmsapiens.MaskedSapiensViT',
        arch='sapiens_0.3b',
        img_size=img_size,
        patch_size=patch_size,
        mask_ratio=0.75,
        with_cp=True,
    ),
    neck=dict(
        type='mmsapiens.MaskedPatchDecoder',
        num_patches=(img_size // patch_size) ** 2,
        patch_size=patch_size,
        embed_dim=1024,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
        with_cp=True,
    ),
    head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=patch_size,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
    init_cfg=[
        dict(type='Xavier', layer='Linear', distribution='uniform'),
        dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
    ],
)

train_pipeline = [
    dict(
        type='RandomResizedCrop',
        scale=img_size,
        crop_ratio_range=(0.2, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=96,
    dataset=dict(
        # The smallest crops have 0.2 of the area: larger images than this are decoded at a half,
        # quarter or eighth of their size.
        min_size=round(img_size / 0.2**0.5),
        pipeline=train_pipeline,
    ),
)

custom_hooks = [
    dict(type='mmsapiens.CheckpointGuardHook'),
    dict(type='mmsapiens.StepSeedHook'),
    dict(type='mmsapiens.ResumeDataHook'),
    dict(type='mmsapiens.BrokenImagesHook'),
    dict(type='mmsapiens.ReconstructionHook', interval=1000),
]
default_hooks = dict(
    checkpoint=dict(_delete_=True, type='mmsapiens.SafeCheckpointHook', interval=5)
)
visualizer = dict(
    type='Visualizer',
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)

randomness = dict(seed=0, diff_rank_seed=True)
resume = True  # from the newest checkpoint of the working directory, if any
