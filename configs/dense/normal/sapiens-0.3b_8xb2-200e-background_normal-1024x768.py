# Half of the images get another background, and the person its colors, as in the recipe of the
# paper for renders of scans.
_base_ = './sapiens-0.3b_8xb2-200e_normal-1024x768.py'

train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(type='mmsapiens.RandomBackground', folder='data/backgrounds/', prob=0.5),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
