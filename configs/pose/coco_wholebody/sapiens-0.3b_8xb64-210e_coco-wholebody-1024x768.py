_base_ = [
    '../coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py',
    '../../_base_/datasets/coco_wholebody_pose.py',
]

num_keypoints = 133

model = dict(head=dict(out_channels=num_keypoints))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=8),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **_base_.wholebody_train))
val_dataloader = dict(dataset=_base_.wholebody_val)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.wholebody_evaluator)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
