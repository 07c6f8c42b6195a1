# The tiny model of ../coco with 308 keypoints.
_base_ = '../coco/sapiens-tiny_2xb7-300e_coco-256x192.py'

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
train_dataloader = dict(
    dataset=dict(
        type='mmsapiens.Goliath308Dataset',
        data_root=data_root,
        ann_file='annotations/goliath308_train.json',
        data_prefix=dict(img='images/'),
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
