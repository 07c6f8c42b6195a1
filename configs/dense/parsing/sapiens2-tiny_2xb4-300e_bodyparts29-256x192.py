# Small enough for a CPU, trained from scratch, with light augmentation.
_base_ = ['../../_base_/tiny/parsing_256x192.py', '../../_base_/datasets/bodyparts29.py']

# With the background at a tenth, as in the recipe, parts grow beyond their edges.
class_weight = [1.0, *_base_.class_weight[1:]]

model = dict(
    backbone=dict(
        _delete_=True, type='mmsapiens.Sapiens2ViT', arch='sapiens2_tiny', img_size=(256, 192)
    ),
    decode_head=dict(
        num_classes=29,
        deconv_out_channels=(96, 64, 32, 32),
        conv_out_channels=(32, 32),
        dropout_ratio=0,
        loss_decode=[
            dict(type='mmsapiens.AllPixelCrossEntropyLoss', class_weight=class_weight),
            dict(type='mmsapiens.PresentClassDiceLoss'),
        ],
    ),
    test_cfg=dict(resize_once=True),
)

train_dataloader = dict(
    batch_size=4, dataset=dict(pipeline=_base_.train_pipeline), **_base_.tiny_loader
)
val_dataloader = dict(dataset=dict(pipeline=_base_.val_pipeline), **_base_.tiny_loader)
test_dataloader = val_dataloader
