# LIP, 20 classes. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/lip/'
# One for each class, in the order of the labels.
class_weight = [
    0.1,
    1.5,
    1.0,
    1.5,
    1.5,
    0.8,
    1.2,
    1.0,
    1.5,
    0.8,
    1.2,
    1.5,
    1.5,
    0.7,
    1.0,
    1.0,
    1.0,
    1.0,
    1.5,
    1.5,
]

train_dataloader = dict(
    batch_size=1, dataset=dict(type='mmsapiens.LIPPartsDataset', data_root=data_root)
)
val_dataloader = dict(dataset=dict(type='mmsapiens.LIPPartsDataset', data_root=data_root))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.ExactIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
