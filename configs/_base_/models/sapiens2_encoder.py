# The smallest encoder of Sapiens2 that heads were released for, and what others change of it;
# configs take them by name.
sapiens2_encoder = dict(
    type='mmsapiens.Sapiens2ViT',
    arch='sapiens2_0.4b',
    img_size=(1024, 768),
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/sapiens2_0.4b_pretrain.safetensors'),
)
encoder_0_8b = dict(
    arch='sapiens2_0.8b', init_cfg=dict(checkpoint='checkpoints/sapiens2_0.8b_pretrain.safetensors')
)
encoder_1b = dict(
    arch='sapiens2_1b', init_cfg=dict(checkpoint='checkpoints/sapiens2_1b_pretrain.safetensors')
)
encoder_5b = dict(
    arch='sapiens2_5b', init_cfg=dict(checkpoint='checkpoints/sapiens2_5b_pretrain.safetensors')
)
