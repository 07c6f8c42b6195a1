# The schedule of the paper: linear decay after the warm-up, layer decay 0.85.
_base_ = './sapiens-0.3b_8xb64-210e_coco-wholebody-1024x768.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=500, start_factor=1e-3),
    dict(
        type='PolyLR',
        by_epoch=True,
        begin=0,
        end=210,
        power=1.0,
        eta_min=0.0,
        convert_to_iter_based=True,
    ),
]
