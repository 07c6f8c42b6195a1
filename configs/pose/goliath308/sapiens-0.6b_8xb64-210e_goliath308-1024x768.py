_base_ = './sapiens-0.3b_8xb64-210e_goliath308-1024x768.py'

ckpt = 'checkpoints/sapiens_0.6b_epoch_1600_clean.pth'
loss = dict(_delete_=True, type='KeypointMSELoss', use_target_weight=True)
model = dict(
    backbone=dict(arch='sapiens_0.6b', init_cfg=dict(checkpoint=ckpt)),
    head=dict(in_channels=1280, loss=loss),
)
