_base_ = './sapiens2-0.4b_8xb8-20k_pointmap-1024x768.py'

model = dict(backbone=_base_.encoder_0_8b, decode_head=dict(in_channels=1280))
optim_wrapper = dict(_base_.rates_0_8b, clip_grad=dict(max_norm=2.0))
train_dataloader = dict(batch_size=6)
auto_scale_lr = dict(base_batch_size=48)
