_base_ = [
    './sapiens-1b_1024xb40-1600e_human-images-1024x1024.py',
    '../_base_/strategies/fsdp_bf16.py',
]

optim_wrapper = dict(dtype='bfloat16')
