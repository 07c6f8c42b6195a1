"""Backbones; torch and mmengine are all they need."""

from .sapiens_vit import SAPIENS_ARCHS, SapiensViT, get_arch

__all__ = ['SAPIENS_ARCHS', 'SapiensViT', 'get_arch']
