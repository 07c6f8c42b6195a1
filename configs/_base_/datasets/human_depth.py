# Images, masks and depth. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/humans/'

train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        type='mmsapiens.DenseFolderDataset', data_root=data_root, fields=('human_mask', 'depth_map')
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='mmsapiens.DenseFolderDataset', data_root=data_root, fields=('human_mask', 'depth_map')
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.RelativeDepthMetric', prefix='depth')
test_evaluator = val_evaluator
