_base_ = './sapiens-0.3b_8xb1-400e_cihp-1024x768.py'

model = dict(
    backbone=dict(
        arch='sapiens_1b', init_cfg=dict(checkpoint='checkpoints/sapiens_1b_epoch_173_clean.pth')
    ),
    decode_head=dict(in_channels=1536),
)
