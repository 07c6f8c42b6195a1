_base_ = [
    '../coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py',
    '../../_base_/datasets/goliath308_pose.py',
]

num_keypoints = 308
data_root = _base_.goliath308_root

model = dict(
    head=dict(
        out_channels=num_keypoints,
        loss=dict(_delete_=True, type='mmsapiens.HardKeypointMSELoss', topk=128),
    )
)
optim_wrapper = dict(optimizer=dict(lr=5e-5))

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=8),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **_base_.goliath308_train))
val_dataloader = dict(dataset=_base_.goliath308_val)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.goliath308_evaluator)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
