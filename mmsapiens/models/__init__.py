"""Encoders, heads and losses; torch is all they need."""

from .archs import SAPIENS2_ARCHS as SAPIENS2_ARCHS
from .archs import SAPIENS_ARCHS as SAPIENS_ARCHS
from .archs import get_arch as get_arch
from .losses import AllPixelCrossEntropyLoss as AllPixelCrossEntropyLoss
from .losses import HardKeypointMSELoss as HardKeypointMSELoss
from .losses import NormalCosineLoss as NormalCosineLoss
from .losses import NormalL1Loss as NormalL1Loss
from .losses import PresentClassDiceLoss as PresentClassDiceLoss
from .losses import ScaleInvariantLogLoss as ScaleInvariantLogLoss
from .sapiens2_vit import Sapiens2ViT as Sapiens2ViT
from .sapiens_vit import SapiensViT as SapiensViT
