"""Encoders; torch is all they need."""

from .sapiens_vit import SapiensViT

__all__ = ['SapiensViT']
