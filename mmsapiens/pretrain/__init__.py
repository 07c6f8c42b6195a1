"""Masked autoencoding; needs mmpretrain."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from . import datasets, reconstruction_hook, samplers, train_loops  # noqa: F401
from .models import SapiensMAE, wrap_blocks

__all__ = ['SapiensMAE', 'wrap_blocks']

list_in_host(__name__)
