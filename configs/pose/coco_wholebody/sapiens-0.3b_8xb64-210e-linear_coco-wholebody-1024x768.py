# The schedule of the paper: linear decay after the warm-up, layer decay 0.85.
_base_ = './sapiens-0.3b_8xb64-210e_coco-wholebody-1024x768.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85))
param_scheduler = _base_.linear_decay
