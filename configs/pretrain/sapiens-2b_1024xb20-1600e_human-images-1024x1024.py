_base_ = './sapiens-0.3b_1024xb96-1600e_human-images-1024x1024.py'

model = dict(backbone=dict(arch='sapiens_2b'), neck=dict(embed_dim=1920))
train_dataloader = dict(batch_size=20)
