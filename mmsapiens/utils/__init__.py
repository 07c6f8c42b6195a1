"""Checkpoints and position embeddings; torch and mmengine only."""

from .checkpoint import CheckpointInfo, describe, encoder_state_dict, get_state_dict
from .checkpoint_io import detect_format, file_sha256, read_checkpoint, write_checkpoint
from .convert_checkpoint import convert_checkpoint
from .load_checkpoint import LoadReport, load_checkpoint
from .load_model import load_model
from .pos_embed import adapt_pos_embed, resize_pos_embed

__all__ = [
    'CheckpointInfo',
    'LoadReport',
    'adapt_pos_embed',
    'convert_checkpoint',
    'describe',
    'detect_format',
    'encoder_state_dict',
    'file_sha256',
    'get_state_dict',
    'load_checkpoint',
    'read_checkpoint',
    'load_model',
    'resize_pos_embed',
    'write_checkpoint',
]
