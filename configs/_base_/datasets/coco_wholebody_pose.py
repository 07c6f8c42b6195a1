# COCO-WholeBody, 133 keypoints on COCO's images. The configs inherit those of COCO and take these
# parts by name.
wholebody_train = dict(
    type='mmsapiens.CheckedCocoWholeBodyDataset',
    ann_file='annotations/coco_wholebody_train_v1.0.json',
)
wholebody_val = dict(
    type='mmsapiens.CheckedCocoWholeBodyDataset',
    ann_file='annotations/coco_wholebody_val_v1.0.json',
)
wholebody_evaluator = dict(
    type='mmsapiens.WholeBodyMetric',
    vocabulary='coco_wholebody',
    ann_file='data/coco/annotations/coco_wholebody_val_v1.0.json',
)
