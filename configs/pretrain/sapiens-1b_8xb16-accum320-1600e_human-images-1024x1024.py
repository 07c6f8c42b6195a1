_base_ = './sapiens-1b_1024xb40-1600e_human-images-1024x1024.py'

train_dataloader = dict(batch_size=16)
optim_wrapper = dict(accumulative_counts=320)
