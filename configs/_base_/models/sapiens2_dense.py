# What the dense tasks of Sapiens2 share; a config adds the head and the pipelines.
_base_ = ['./sapiens_dense.py', './sapiens2_encoder.py']

model = dict(backbone=dict(_delete_=True, with_cp=True, **_base_.sapiens2_encoder))
