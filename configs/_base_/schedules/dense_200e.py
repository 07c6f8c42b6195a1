# Linear decay over 200 epochs, stepped once per epoch, as in the reference's
# recipes of parsing (28 classes, CIHP), depth and normals.
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=1)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='mmsapiens.AutocastOptimWrapper',
    dtype='float32',
    loss_guard=dict(factor=25.0),
    optimizer=dict(
        type='AdamW',
        lr=5e-4,
        betas=(0.9, 0.999),
        weight_decay=0.1,
        fused=True,
    ),
    constructor='mmsapiens.ViTLayerDecayConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.85),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)

param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=400, start_factor=1e-3),
    dict(
        type='PolyLR', by_epoch=True, begin=0, end=200, power=1.0, eta_min=0.0
    ),
]

auto_scale_lr = dict(enable=False, base_batch_size=16)
