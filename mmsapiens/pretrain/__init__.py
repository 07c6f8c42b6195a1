"""Masked autoencoding; needs mmpretrain."""

from .. import engine, models, transforms  # noqa: F401
from ..registry import list_in_host
from . import datasets, reconstruction_hook, samplers, train_loops  # noqa: F401
from .models import SapiensMAE, wrap_blocks  # noqa: F401

list_in_host(__name__)
