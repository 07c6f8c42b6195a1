# The tiny model of ../coco with 133 keypoints.
_base_ = '../coco/sapiens-tiny_2xb7-300e_coco-256x192.py'

num_keypoints = 133
data_root = 'data/coco/'

model = dict(head=dict(out_channels=num_keypoints))
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
