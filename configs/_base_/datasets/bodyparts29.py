# 29 body parts, those of Sapiens2. The configs add the pipelines.
_base_ = './dense_loaders.py'

data_root = 'data/bodyparts29/'
# One for each class, in the order of the labels.
class_weight = [
    *(0.1, 10.0, 10.0, 3.0, 2.0, 4.0, 4.0, 2.0, 2.0, 6.0, 10.0, 3.0, 3.0, 1.0),
    *(4.0, 4.0, 2.0, 2.0, 6.0, 10.0, 3.0, 3.0, 1.0, 1.0),
    *(10.0, 10.0, 10.0, 10.0, 10.0),
]

train_dataloader = dict(
    batch_size=12, dataset=dict(type='mmsapiens.BodyParts29Dataset', data_root=data_root)
)
val_dataloader = dict(dataset=dict(type='mmsapiens.BodyParts29Dataset', data_root=data_root))
test_dataloader = val_dataloader

val_evaluator = dict(type='mmsapiens.ExactIoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
