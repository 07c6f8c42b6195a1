# Step decay over 210 epochs, as in the released recipes of all pose models.
_base_ = './adamw_layer_decay.py'

train_cfg = dict(by_epoch=True, max_epochs=210, val_interval=1)
val_cfg = dict()
test_cfg = dict()

param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=500, start_factor=1e-3),
    dict(type='MultiStepLR', by_epoch=True, begin=0, end=210, milestones=[170, 200], gamma=0.1),
]

# `lr` is meant for this total batch; `tools/train.py --auto-scale-lr` adapts.
auto_scale_lr = dict(enable=False, base_batch_size=512)

# The schedule that the paper describes, for the `-linear` variants.
linear_decay = [
    param_scheduler[0],
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
