_base_ = '../coco/sapiens-0.3b_8xb64-210e_coco-1024x768.py'

num_keypoints = 308
data_root = 'data/goliath308/'

model = dict(
    head=dict(
        out_channels=num_keypoints,
        loss=dict(
            _delete_=True, type='mmsapiens.HardKeypointMSELoss', topk=128
        ),
    )
)
optim_wrapper = dict(optimizer=dict(lr=5e-5))

train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='mmsapiens.RequireVisibleKeypoints', min_visible=8),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    dataset=dict(
        type='mmsapiens.Goliath308Dataset',
        data_root=data_root,
        ann_file='annotations/goliath308_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type='mmsapiens.Goliath308Dataset',
        data_root=data_root,
        ann_file='annotations/goliath308_val.json',
        bbox_file=None,
        data_prefix=dict(img='images/'),
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='mmsapiens.WholeBodyMetric',
    vocabulary='goliath308',
    ann_file=f'{data_root}annotations/goliath308_val.json',
)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
