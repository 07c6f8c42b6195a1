# The tiny model of ../coco with 133 keypoints. Most of these are close
# together in the face and the hands; with the mean over all of them the body
# learns last, so the loss is that of the hardest.
_base_ = '../coco/sapiens-tiny_2xb7-300e_coco-256x192.py'

num_keypoints = 133
data_root = 'data/coco/'

model = dict(
    head=dict(
        out_channels=num_keypoints,
        deconv_out_channels=(128, 128),
        conv_out_channels=(128, 128),
        loss=dict(
            _delete_=True, type='mmsapiens.HardKeypointMSELoss', topk=32
        ),
    )
)
max_epochs = 400
train_cfg = dict(max_epochs=max_epochs, val_interval=100)
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=20, start_factor=1e-2),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        eta_min=1e-5,
        convert_to_iter_based=True,
    ),
]
train_dataloader = dict(
    dataset=dict(
        type='mmsapiens.CheckedCocoWholeBodyDataset',
        ann_file='annotations/coco_wholebody_train_v1.0.json',
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
