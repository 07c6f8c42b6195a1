# Finds people; stock RTMDet-m with one class. For inference with the released weights, whose
# training is that of mmpose's RTMPose project (COCO and Objects365).
_base_ = 'mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py'

custom_imports = dict(imports=['mmsapiens'], allow_failed_imports=False)
default_scope = 'mmdet'

model = dict(
    # One process needs no exchange of statistics.
    backbone=dict(norm_cfg=dict(type='BN')),
    neck=dict(norm_cfg=dict(type='BN')),
    bbox_head=dict(num_classes=1, norm_cfg=dict(type='BN')),
    # Overlapping boxes are left to `mmsapiens.inference.PersonDetector`.
    test_cfg=dict(nms_pre=1000, min_bbox_size=0, score_thr=0.05, nms=None, max_per_img=100),
)

metainfo = dict(classes=('person',))
train_dataloader = dict(dataset=dict(metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = val_dataloader
