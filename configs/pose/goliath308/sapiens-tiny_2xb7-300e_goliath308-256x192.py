# The tiny model of ../coco with 308 keypoints.
_base_ = [
    '../coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
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
train_dataloader = dict(dataset=_base_.goliath308_train)
val_dataloader = dict(dataset=_base_.goliath308_val)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.goliath308_evaluator)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
