# Images, opacity, and perhaps the color of the foreground. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/mattes/'

train_dataloader = dict(
    batch_size=8, dataset=dict(type='mmsapiens.MattingDataset', data_root=data_root)
)
val_dataloader = dict(dataset=dict(type='mmsapiens.MattingDataset', data_root=data_root))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.MapErrorMetric', field='matte_map', prefix='matting')
test_evaluator = val_evaluator
