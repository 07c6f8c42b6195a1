# Images, masks, depth in meters and cameras. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/humans/'

train_dataloader = dict(
    batch_size=8, dataset=dict(type='mmsapiens.PointMapDataset', data_root=data_root)
)
val_dataloader = dict(dataset=dict(type='mmsapiens.PointMapDataset', data_root=data_root))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.MapErrorMetric', field='point_map', prefix='pointmap')
test_evaluator = val_evaluator
