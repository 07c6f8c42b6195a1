# Length and learning rates of the tiny configs; each takes them by name.
tiny_max_epochs = 300
tiny_param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=20, start_factor=1e-2),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=tiny_max_epochs,
        T_max=tiny_max_epochs,
        eta_min=1e-5,
        convert_to_iter_based=True,
    ),
]
