_base_ = './sapiens2-0.4b_8xb12-20k_bodyparts29-1024x768.py'

max_iters = 30_000
model = dict(backbone=_base_.encoder_0_8b, decode_head=dict(in_channels=1280))
optim_wrapper = dict(_base_.rates_0_8b, dtype='float32')
train_dataloader = dict(batch_size=5)
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(base_batch_size=40)
