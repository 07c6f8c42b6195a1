# Images, masks and colors without light. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/humans/'

train_dataloader = dict(
    batch_size=20, dataset=dict(type='mmsapiens.AlbedoDataset', data_root=data_root)
)
val_dataloader = dict(dataset=dict(type='mmsapiens.AlbedoDataset', data_root=data_root))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.MapErrorMetric', field='albedo_map', prefix='albedo')
test_evaluator = val_evaluator
