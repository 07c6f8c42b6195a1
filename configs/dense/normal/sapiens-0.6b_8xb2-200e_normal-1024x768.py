_base_ = './sapiens-0.3b_8xb2-200e_normal-1024x768.py'

model = dict(
    backbone=dict(
        arch='sapiens_0.6b',
        init_cfg=dict(checkpoint='checkpoints/sapiens_0.6b_epoch_1600_clean.pth'),
    ),
    decode_head=dict(in_channels=1280),
)
