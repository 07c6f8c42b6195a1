_base_ = './sapiens2-0.4b_8xb20-20k_albedo-1024x768.py'

model = dict(backbone=_base_.encoder_0_8b, decode_head=dict(in_channels=1280))
optim_wrapper = _base_.rates_0_8b
train_dataloader = dict(batch_size=12)
auto_scale_lr = dict(base_batch_size=96)
