"""Models that every host can use; they need torch and mmengine only."""

from .backbones import SAPIENS_ARCHS, SapiensViT, get_arch

__all__ = ['SAPIENS_ARCHS', 'SapiensViT', 'get_arch']
