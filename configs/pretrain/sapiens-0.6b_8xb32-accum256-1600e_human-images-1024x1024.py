_base_ = './sapiens-0.6b_1024xb64-1600e_human-images-1024x1024.py'

train_dataloader = dict(batch_size=32)
optim_wrapper = dict(accumulative_counts=256)
