# For schedules that count iterations, not epochs.
_base_ = './default_runtime.py'

default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000))
log_processor = dict(by_epoch=False)
# Of training loaders, whose default has epochs.
endless_sampler = dict(_delete_=True, type='InfiniteSampler', shuffle=True)
