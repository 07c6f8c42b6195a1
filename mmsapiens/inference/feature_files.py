"""Features as results and as files.

Shapes: D width of the encoder, h w rows and columns of patches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.atomic_files import atomic_write
from ..structures.results import ImageResult
from .writers import Writer

KINDS = ('dense', 'mean', 'cls')


@dataclass
class FrameFeatures(ImageResult):
    """Features of an image.

    Args:
        features (dict[str, NDArray]): 'dense', float32 (D, h, w); 'mean' of all patches, float32
            (D,); and, if the encoder has a class token, 'cls', float32 (D,). All after the final
            norm.
    """

    features: dict[str, NDArray] = field(default_factory=dict)


class FeatureWriter(Writer):
    """One array of each image, as npy.

    Args:
        kind (str): One of :data:`KINDS`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind, '.npy')

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the array of a result."""
        assert isinstance(result, FrameFeatures)
        content = BytesIO()
        np.save(content, result.features[self.folder])
        atomic_write(content.getvalue(), path, is_durable=False)
