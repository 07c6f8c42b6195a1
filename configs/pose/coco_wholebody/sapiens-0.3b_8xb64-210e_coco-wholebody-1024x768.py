_base_ = '../coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py'

num_keypoints = 133
data_root = 'data/coco/'

model = dict(head=dict(out_channels=num_keypoints))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=8),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    dataset=dict(
        type='mmsapiens.CheckedCocoWholeBodyDataset',
        ann_file='annotations/coco_wholebody_train_v1.0.json',
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='mmsapiens.CheckedCocoWholeBodyDataset',
        ann_file='annotations/coco_wholebody_val_v1.0.json',
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='mmsapiens.WholeBodyMetric',
    vocabulary='coco_wholebody',
    ann_file=f'{data_root}annotations/coco_wholebody_val_v1.0.json',
)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
