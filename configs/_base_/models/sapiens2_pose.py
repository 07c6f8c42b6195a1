# Pose with an encoder of Sapiens2; the pipelines are those of the first generation.
_base_ = ['./sapiens_pose.py', './sapiens2_encoder.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.sapiens2_encoder),
    head=dict(
        deconv_out_channels=(1024, 768),
        conv_out_channels=(512, 512, 256),
        conv_kernel_sizes=(1, 1, 1),
        loss=dict(loss_weight=10.0),
    ),
)
