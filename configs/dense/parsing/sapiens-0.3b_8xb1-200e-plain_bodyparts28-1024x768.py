# Without other backgrounds: needs no folder of images.
_base_ = './sapiens-0.3b_8xb1-200e_bodyparts28-1024x768.py'

train_pipeline = [
    step for step in _base_.train_pipeline if step['type'] != 'mmsapiens.RandomBackground'
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
