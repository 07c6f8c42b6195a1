# Small enough for a CPU, trained from scratch, with light augmentation.
_base_ = './sapiens-tiny_2xb7-300e_goliath308-256x192.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mmsapiens.Sapiens2ViT', arch='sapiens2_tiny', img_size=(256, 192)
    ),
    head=dict(
        loss=dict(_delete_=True, type='KeypointMSELoss', use_target_weight=True, loss_weight=10.0)
    ),
)
