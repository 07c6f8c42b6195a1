_base_ = './sapiens-0.3b_8xb1-400e_lip-1024x768.py'

model = dict(
    backbone=dict(
        arch='sapiens_2b', init_cfg=dict(checkpoint='checkpoints/sapiens_2b_epoch_660_clean.pth')
    ),
    decode_head=dict(in_channels=1920),
)
