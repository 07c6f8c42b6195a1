# Small images and patches: as many tokens as at 256x192 with patches of 16, on a quarter of the
# pixels. For the CPU of anyone; `projects/demo` fills in the data and the number of epochs.
_base_ = [
    '../../../configs/dense/depth/sapiens-tiny_2xb4-300e_depth-256x192.py',
    './_base_/dense_128x96.py',
]

model = dict(
    decode_head=dict(
        # Absolute error of one channel. The logarithm of the recipe minds the nearest parts most
        # and needs a longer training.
        loss_decode=dict(_delete_=True, type='mmsapiens.NormalL1Loss', loss_weight=3.0),
        **_base_.demo_head,
    ),
    **_base_.demo_model,
)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    *_base_.demo_geometry,
    dict(type='mmsapiens.GenerateDepthTarget'),
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.demo_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='human_mask'),
    dict(type='mmsapiens.LoadDenseTarget', field='depth_map'),
    dict(type='mmsapiens.PackDenseInputs', with_mask=True),
]
test_pipeline = _base_.demo_test_pipeline
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

auto_scale_lr = dict(base_batch_size=16)
custom_hooks = _base_.demo_hooks
default_hooks = dict(visualization=dict(draw=False))
