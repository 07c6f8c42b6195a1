# What the dense tasks share; a config adds the head, the patch padding and the pipelines that load
# targets.
model = dict(
    type='mmsapiens.DenseEstimator',
    data_preprocessor=dict(
        type='mmsapiens.DenseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(1024, 768),
    ),
    backbone=dict(
        type='mmsapiens.SapiensViT',
        arch='sapiens_0.3b',
        img_size=(1024, 768),
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/sapiens_0.3b_epoch_1600_clean.pth'
        ),
    ),
    decode_head=dict(in_channels=1024),
    test_cfg=dict(mode='whole', flip_test=False),
)

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(768, 1024), keep_ratio=False),
    dict(type='mmsapiens.PackDenseInputs'),
]

visualizer = dict(
    type='mmsapiens.DenseVisualizer',
    name='visualizer',
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)
