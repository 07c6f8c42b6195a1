_base_ = './sapiens-tiny_2xb4-300e_lip-256x192.py'

data_root = 'data/cihp/'
train_dataloader = dict(dataset=dict(type='mmsapiens.CIHPDataset', data_root=data_root))
val_dataloader = dict(dataset=dict(type='mmsapiens.CIHPDataset', data_root=data_root))
test_dataloader = val_dataloader
