_base_ = ['./sapiens2-0.4b_8xb6-10k_goliath308-1024x768.py', '../../_base_/strategies/fsdp_bf16.py']

max_iters = 20_000
model = dict(backbone=_base_.encoder_5b, head=dict(in_channels=2432))
optim_wrapper = dict(_base_.rates_5b, optimizer=dict(lr=0.0001))
train_dataloader = dict(batch_size=2)
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(base_batch_size=16)
