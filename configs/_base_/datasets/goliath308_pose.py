# Goliath, 308 keypoints. The pose configs inherit those of COCO and take these parts by name.
goliath308_root = 'data/goliath308/'
goliath308_train = dict(
    type='mmsapiens.Goliath308Dataset',
    data_root=goliath308_root,
    ann_file='annotations/goliath308_train.json',
    data_prefix=dict(img='images/'),
)
goliath308_val = dict(
    type='mmsapiens.Goliath308Dataset',
    data_root=goliath308_root,
    ann_file='annotations/goliath308_val.json',
    bbox_file=None,
    data_prefix=dict(img='images/'),
)
goliath308_evaluator = dict(
    type='mmsapiens.WholeBodyMetric',
    vocabulary='goliath308',
    ann_file=f'{goliath308_root}annotations/goliath308_val.json',
)
