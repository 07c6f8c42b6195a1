_base_ = './sapiens-2b_1024xb20-1600e_human-images-1024x1024.py'

train_dataloader = dict(batch_size=8)
optim_wrapper = dict(accumulative_counts=320)
