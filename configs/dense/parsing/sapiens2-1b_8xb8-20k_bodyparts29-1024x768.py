_base_ = './sapiens2-0.4b_8xb12-20k_bodyparts29-1024x768.py'

model = dict(backbone=_base_.encoder_1b, decode_head=dict(in_channels=1536))
optim_wrapper = _base_.rates_1b
train_dataloader = dict(batch_size=8)
auto_scale_lr = dict(base_batch_size=64)
