_base_ = [
    '../../_base_/default_runtime_iters.py',
    '../../_base_/models/sapiens2_pose.py',
    '../../_base_/schedules/sapiens2_linear.py',
    '../../_base_/datasets/coco_pose.py',
    '../../_base_/datasets/goliath308_pose.py',
]

default_scope = 'mmpose'
num_keypoints = 308
data_root = _base_.goliath308_root

model = dict(head=dict(out_channels=num_keypoints))

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=8),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=6,
    sampler=_base_.endless_sampler,
    dataset=dict(pipeline=train_pipeline, **_base_.goliath308_train),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline, **_base_.goliath308_val))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.goliath308_evaluator)
test_evaluator = val_evaluator

max_iters = 10_000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(enable=False, base_batch_size=48)

custom_hooks = _base_.pose_hooks
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP', rule='greater'))
