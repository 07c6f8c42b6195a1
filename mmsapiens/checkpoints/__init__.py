"""Checkpoints of every layout: reading, checking, loading, converting."""

from .checkpoint import CheckpointInfo, describe, encoder_state_dict, get_state_dict
from .checkpoint_io import detect_format, file_sha256, read_checkpoint, write_checkpoint
from .convert import convert_checkpoint
from .loading import LoadReport, load_checkpoint
from .models import load_model

__all__ = [
    'CheckpointInfo',
    'LoadReport',
    'convert_checkpoint',
    'describe',
    'detect_format',
    'encoder_state_dict',
    'file_sha256',
    'get_state_dict',
    'load_checkpoint',
    'load_model',
    'read_checkpoint',
    'write_checkpoint',
]
