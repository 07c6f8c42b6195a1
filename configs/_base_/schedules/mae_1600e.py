# Warm-up of 40 epochs and cosine decay to 1600, as in the reference's recipe.
train_cfg = dict(by_epoch=True, max_epochs=1600)

optim_wrapper = dict(
    type='mmsapiens.AutocastOptimWrapper',
    dtype='float32',
    loss_guard=dict(factor=25.0, max_rejected=1000),
    optimizer=dict(
        type='AdamW',
        lr=1.5e-4 * 4096 / 256,  # the reference's, for a total of 4096 images
        betas=(0.9, 0.95),
        weight_decay=0.05,
        fused=True,
    ),
    paramwise_cfg=dict(
        custom_keys={
            'ln': dict(decay_mult=0.0),
            'bias': dict(decay_mult=0.0),
            'pos_embed': dict(decay_mult=0.0),
            'mask_token': dict(decay_mult=0.0),
            'cls_token': dict(decay_mult=0.0),
        }
    ),
    clip_grad=dict(max_norm=1.0, norm_type=2),
)

param_scheduler = [
    dict(
        type='LinearLR',
        by_epoch=True,
        begin=0,
        end=40,
        start_factor=1e-4,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=40,
        end=1600,
        T_max=1560,
        convert_to_iter_based=True,
    ),
]

# `lr` is meant for this total batch; `tools/train.py --auto-scale-lr` adapts.
auto_scale_lr = dict(enable=False, base_batch_size=4096)
