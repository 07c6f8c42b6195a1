# As for LIP, which has the same classes, with linear decay.
_base_ = './sapiens-0.3b_8xb1-400e_lip-1024x768.py'

data_root = 'data/cihp/'
train_dataloader = dict(dataset=dict(type='mmsapiens.CIHPDataset', data_root=data_root))
val_dataloader = dict(dataset=dict(type='mmsapiens.CIHPDataset', data_root=data_root))
test_dataloader = val_dataloader
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=400, start_factor=1e-3),
    dict(type='PolyLR', by_epoch=True, begin=0, end=400, power=1.0, eta_min=0.0),
]
