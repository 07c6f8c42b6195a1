_base_ = './sapiens-0.3b_1024xb96-1600e_human-images-1024x1024.py'

train_dataloader = dict(batch_size=64)
optim_wrapper = dict(accumulative_counts=192)
