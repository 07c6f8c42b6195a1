# 28 body parts. The configs add the pipelines.
data_root = 'data/bodyparts28/'

train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmsapiens.BodyParts28Dataset',
        data_root=data_root,
        split='train',
        bad_samples='skip',
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsapiens.BodyParts28Dataset',
        data_root=data_root,
        split='val',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.ExactIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
