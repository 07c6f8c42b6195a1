_base_ = [
    '../../_base_/default_runtime.py',
    '../../_base_/models/sapiens_pose.py',
    '../../_base_/schedules/pose_210e.py',
    '../../_base_/datasets/coco_pose.py',
]

default_scope = 'mmpose'

train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline))

custom_hooks = _base_.pose_hooks
default_hooks = dict(
    checkpoint=dict(interval=10, save_best='coco/AP', rule='greater'),
    visualization=dict(type='PoseVisualizationHook', enable=False),
)
