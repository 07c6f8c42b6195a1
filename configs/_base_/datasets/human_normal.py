# Images, masks and normals. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/humans/'

train_dataloader = dict(
    batch_size=2,
    dataset=dict(
        type='mmsapiens.DenseFolderDataset',
        data_root=data_root,
        fields=('human_mask', 'normal_map'),
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='mmsapiens.DenseFolderDataset',
        data_root=data_root,
        fields=('human_mask', 'normal_map'),
    )
)
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.NormalAngleMetric', prefix='normal')
test_evaluator = val_evaluator
