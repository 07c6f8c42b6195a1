_base_ = ['./sapiens2-0.4b_8xb8-20k_pointmap-1024x768.py', '../../_base_/strategies/fsdp_bf16.py']

max_iters = 40_000
model = dict(
    backbone=_base_.encoder_5b,
    decode_head=dict(
        in_channels=2432, upsample_channels=(1536, 768, 768, 768), conv_out_channels=(128, 64, 32)
    ),
)
optim_wrapper = dict(_base_.rates_5b, optimizer=dict(lr=0.0001))
strategy = dict(model_wrapper=dict(mixed_precision=dict(param_dtype='float32')))
train_dataloader = dict(batch_size=1)
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.warm_up, dict(_base_.linear_decay, end=max_iters)]
auto_scale_lr = dict(base_batch_size=8)
