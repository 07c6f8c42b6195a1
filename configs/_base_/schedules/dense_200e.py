# Linear decay over 200 epochs, stepped once per epoch, as in the reference's recipes of parsing (28
# classes, CIHP), depth and normals.
_base_ = './adamw_layer_decay.py'

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=1)
val_cfg = dict()
test_cfg = dict()

param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=400, start_factor=1e-3),
    dict(type='PolyLR', by_epoch=True, begin=0, end=200, power=1.0, eta_min=0.0),
]

auto_scale_lr = dict(enable=False, base_batch_size=16)
