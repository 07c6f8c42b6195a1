# Evaluated as in the paper; `docs/dense_datasets.md` says where files go.
_base_ = './sapiens-0.3b_8xb2-200e_normal-1024x768.py'

val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmsapiens.THuman2Dataset',
        data_root='data/thuman2_renders/',
        fields=('human_mask', 'normal_map'),
        pipeline=_base_.val_pipeline,
    )
)
test_dataloader = val_dataloader
