# Trained on three datasets at once, in the vocabulary of 308 keypoints.
_base_ = './sapiens-0.3b_8xb64-210e_goliath308-1024x768.py'

goliath308 = dict(
    type='mmsapiens.Goliath308Dataset',
    data_root='data/goliath308/',
    data_mode='topdown',
    ann_file='annotations/goliath308_train.json',
    data_prefix=dict(img='images/'),
    pipeline=[],
)
coco_wholebody = dict(
    type='mmsapiens.CheckedCocoWholeBodyDataset',
    data_root='data/coco/',
    data_mode='topdown',
    ann_file='annotations/coco_wholebody_train_v1.0.json',
    data_prefix=dict(img='train2017/'),
    pipeline=[
        dict(type='mmsapiens.ConvertVocabulary', source='coco_wholebody', target='goliath308')
    ],
)
coco = dict(
    type='mmsapiens.CheckedCocoDataset',
    data_root='data/coco/',
    data_mode='topdown',
    ann_file='annotations/person_keypoints_train2017.json',
    data_prefix=dict(img='train2017/'),
    pipeline=[dict(type='mmsapiens.ConvertVocabulary', source='coco', target='goliath308')],
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmsapiens.CombinedVocabularyDataset',
        vocabulary='goliath308',
        datasets=[goliath308, coco_wholebody, coco],
        pipeline=_base_.train_pipeline,
    )
)
