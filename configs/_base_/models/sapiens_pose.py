# Model and pipelines of the pose configs; a config adds the keypoints, the data and the schedule,
# and takes `pose_hooks` by name.
num_keypoints = 17
# Width, height in pixels; sigma in heatmap pixels. The loader ships keypoints, and the head draws
# the heatmaps: 60 MB for a person with 308 of them.
codec = dict(
    type='mmsapiens.BatchedUDPHeatmap',
    input_size=(768, 1024),
    heatmap_size=(192, 256),
    sigma=6,
    encode_on_device=True,
)

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='mmsapiens.SapiensViT',
        arch='sapiens_0.3b',
        img_size=(1024, 768),
        patch_padding=2,
        init_cfg=dict(
            type='Pretrained', checkpoint='checkpoints/sapiens_0.3b_epoch_1600_clean.pth'
        ),
    ),
    head=dict(
        type='mmsapiens.InstanceNormHeatmapHead',
        in_channels=1024,
        out_channels=num_keypoints,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomHalfBody',
        min_total_keypoints=9,
        min_upper_keypoints=2,
        min_lower_keypoints=3,
        padding=1.5,
        prob=0.3,
        upper_prioritized_prob=0.7,
    ),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.16,
        shift_prob=0.3,
        scale_factor=(0.5, 1.5),
        scale_prob=1.0,
        rotate_factor=80.0,
        rotate_prob=0.6,
    ),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='mmsapiens.PoseTableDistortion'),
    dict(
        type='Albumentation',
        transforms=[
            dict(type='Blur', p=0.1),
            dict(type='MedianBlur', p=0.1),
            dict(
                type='CoarseDropout',
                min_holes=1,
                max_holes=1,
                min_height=0.2,
                max_height=0.4,
                min_width=0.2,
                max_width=0.4,
                p=1.0,
            ),
        ],
    ),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=4),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size'], use_udp=True),
    dict(type='PackPoseInputs'),
]

pose_hooks = [dict(type='mmsapiens.CheckpointGuardHook'), dict(type='mmsapiens.PoseDataCheckHook')]
visualizer = dict(
    type='PoseLocalVisualizer', name='visualizer', vis_backends=[dict(type='LocalVisBackend')]
)
