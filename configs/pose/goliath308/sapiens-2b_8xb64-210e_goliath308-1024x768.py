_base_ = './sapiens-0.3b_8xb64-210e_goliath308-1024x768.py'

ckpt = 'checkpoints/sapiens_2b_epoch_660_clean.pth'
loss = dict(_delete_=True, type='KeypointMSELoss', use_target_weight=True)
model = dict(
    backbone=dict(arch='sapiens_2b', init_cfg=dict(checkpoint=ckpt)),
    head=dict(in_channels=1920, loss=loss),
)
