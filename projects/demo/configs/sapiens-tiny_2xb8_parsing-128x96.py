# Small images and patches: as many tokens as at 256x192 with patches of 16, on a quarter of the
# pixels. For the CPU of anyone; `projects/demo` fills in the data and the number of epochs.
_base_ = [
    '../../../configs/dense/parsing/sapiens-tiny_2xb4-300e_bodyparts28-256x192.py',
    './_base_/dense_128x96.py',
]

model = dict(decode_head=_base_.demo_head, **_base_.demo_model)

train_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    *_base_.demo_geometry,
    dict(type='mmsapiens.PackDenseInputs'),
]
val_pipeline = [
    dict(type='mmsapiens.LoadCheckedImage'),
    _base_.demo_resize,
    dict(type='mmsapiens.LoadDenseTarget', field='seg_map'),
    dict(type='mmsapiens.PackDenseInputs'),
]
test_pipeline = _base_.demo_test_pipeline
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = _base_.demo_hooks
default_hooks = dict(visualization=dict(draw=False))
