# Pictures, masks and depth. The configs add the pipelines.
data_root = 'data/humans/'

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmsapiens.DenseFolderDataset',
        data_root=data_root,
        split='train',
        fields=('human_mask', 'depth_map'),
        bad_samples='skip',
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsapiens.DenseFolderDataset',
        data_root=data_root,
        split='val',
        fields=('human_mask', 'depth_map'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.RelativeDepthMetric', prefix='depth')
test_evaluator = val_evaluator
