# The optimizer of fine-tuning: learning rates fall from the head to the first block. The schedules
# inherit it and add the epochs.
optim_wrapper = dict(
    type='mmsapiens.AutocastOptimWrapper',
    dtype='float32',
    loss_guard=dict(factor=25.0),
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), weight_decay=0.1, fused=True),
    constructor='mmsapiens.ViTLayerDecayConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.85),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)
