# What the recipes of Sapiens2 share, for 0.4b, and what other sizes change. A config adds the
# number of iterations, the last one of `linear_decay`.
_base_ = './adamw_layer_decay.py'

train_cfg = dict(type='IterBasedTrainLoop', val_interval=1000)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    dtype='bfloat16', paramwise_cfg=dict(layer_decay_rate=0.8), clip_grad=dict(max_norm=2.0)
)
rates_0_8b = dict(paramwise_cfg=dict(layer_decay_rate=0.85), clip_grad=dict(max_norm=4.0))
rates_1b = dict(paramwise_cfg=dict(layer_decay_rate=0.9), clip_grad=dict(max_norm=4.0))
rates_5b = dict(paramwise_cfg=dict(layer_decay_rate=0.94), clip_grad=dict(max_norm=4.0))

warm_up = dict(type='LinearLR', by_epoch=False, begin=0, end=500, start_factor=1e-3)
linear_decay = dict(type='PolyLR', by_epoch=False, begin=500, power=1.0, eta_min=0.0)
