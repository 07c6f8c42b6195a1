"""Checkpoints of every layout: reading, checking, loading, converting, writing."""

from .checkpoint_io import detect_format, read_checkpoint, write_checkpoint
from .contents import CheckpointInfo, describe, get_state_dict
from .convert import convert_checkpoint
from .families import encoder_state_dict
from .loading import LoadReport, load_checkpoint, without_parameter_memory
from .metadata import model_metadata

__all__ = ['CheckpointInfo', 'LoadReport', 'convert_checkpoint', 'describe', 'detect_format']
__all__ += ['encoder_state_dict', 'get_state_dict', 'load_checkpoint', 'model_metadata']
__all__ += ['read_checkpoint', 'without_parameter_memory', 'write_checkpoint']
