# Images of people without labels. The configs add the pipeline.
data_root = 'data/human_images/'

train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='mmsapiens.ResumableSampler', shuffle=True),
    batch_sampler=dict(type='mmsapiens.ResumableBatchSampler', drop_last=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmsapiens.HumanImageDataset', data_root=data_root),
)
