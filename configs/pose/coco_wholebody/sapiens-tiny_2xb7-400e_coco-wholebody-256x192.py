# The tiny model of ../coco with 133 keypoints. Most of these are close together in the face and the
# hands; with the mean over all of them the body learns last, so the loss is that of the hardest.
_base_ = [
    '../coco/sapiens-tiny_2xb7-300e_coco-256x192.py',
    '../../_base_/datasets/coco_wholebody_pose.py',
]

num_keypoints = 133

model = dict(
    head=dict(
        out_channels=num_keypoints,
        deconv_out_channels=(128, 128),
        conv_out_channels=(128, 128),
        loss=dict(_delete_=True, type='mmsapiens.HardKeypointMSELoss', topk=32),
    )
)
max_epochs = 400
train_cfg = dict(max_epochs=max_epochs, val_interval=100)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs, T_max=max_epochs),
]
train_dataloader = dict(dataset=_base_.wholebody_train)
val_dataloader = dict(dataset=_base_.wholebody_val)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.wholebody_evaluator)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='wholebody/AP'))
