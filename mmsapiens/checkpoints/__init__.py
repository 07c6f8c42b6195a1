"""Checkpoints of every layout: reading, checking, loading, converting, writing."""

from .adapters import build_adapted, merge_adapters
from .checkpoint_io import detect_format, read_checkpoint, write_checkpoint
from .contents import CheckpointInfo, describe, get_state_dict
from .convert import convert_checkpoint
from .families import encoder_state_dict
from .loading import LoadReport, load_checkpoint, without_parameter_memory
from .metadata import model_metadata

__all__ = ['CheckpointInfo', 'LoadReport', 'build_adapted', 'convert_checkpoint', 'describe']
__all__ += ['detect_format', 'encoder_state_dict', 'get_state_dict', 'load_checkpoint']
__all__ += ['merge_adapters', 'model_metadata', 'read_checkpoint', 'without_parameter_memory']
__all__ += ['write_checkpoint']
