"""From an image to the input of a network, and from its output back to the image.

The numbers are those of ``Resize`` of mmcv for whole images, and of ``GetBBoxCenterScale`` and
``TopdownAffine`` of MMPose for people. Those of the second generation choose other interpolations,
or keep the aspect of whole images and pad. Shapes: C channels, K keypoints, H W height and width of
the image, h w those of the network's output.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..ops.fit_inputs import INTERPOLATIONS, fit_and_pad, fitted_padding, stretch
from ..ops.resize_outputs import restore
from ..structures.fields import Field

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)  # RGB, of the training


@dataclass(frozen=True)
class InputRule:
    """How a network sees an image.

    Args:
        size_hw (tuple[int, int]): Height and width of its input in pixels.
        mean (tuple[float, ...]): Of the channels that it sees, in [0, 255]; ``std`` likewise.
            Defaults to those of ImageNet, RGB.
        swap_channels (bool): Whether it wants RGB; images are BGR. Defaults to True.
        box_padding (float): Crops are larger than boxes by this factor. Defaults to 1.25.
        use_udp (bool): Whether crops reach from pixel center to pixel center. Defaults to True.
        resize_once (bool): Whether maps go straight to the image instead of over the size of the
            input. Defaults to False.
        shrink (str): Interpolation of whole images whose width becomes less; 'linear', 'cubic' or
            'area'. Defaults to 'linear'.
        enlarge (str): Of others, and of crops that are not shrunk. Defaults to 'linear'.
        is_fitted (bool): Whether whole images keep their aspect, with black beside them. Defaults
            to False.
    """

    size_hw: tuple[int, int]
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    swap_channels: bool = True
    box_padding: float = 1.25
    use_udp: bool = True
    resize_once: bool = False
    shrink: str = 'linear'
    enlarge: str = 'linear'
    is_fitted: bool = False

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the input."""
        return self.size_hw[1], self.size_hw[0]

    def resize_factor(self, image_hw: tuple[int, int]) -> float:
        """How many times as wide a whole image becomes, without what is beside it."""
        factors = [target / side for target, side in zip(self.size_hw, image_hw)]
        return min(factors) if self.is_fitted else factors[1]

    def resize(self, image: NDArray) -> NDArray:
        """The whole image (H, W, 3) at the size of the input."""
        if self.is_fitted:
            return fit_and_pad(image, self.size_hw)[0]
        return stretch(image, self.size_wh, self.shrink, self.enlarge)

    def box_geometry(self, box: NDArray, image_hw: tuple[int, int]) -> tuple[NDArray, NDArray]:
        """Center and size, float32 (2,), of the crop of a person in x1, y1, x2, y2."""
        box = np.asarray(box, dtype=np.float32)
        center = (box[2:] + box[:2]) * np.float32(0.5)
        width, height = (box[2:] - box[:2]) * np.float32(self.box_padding)
        aspect = np.float32(self.size_hw[1] / self.size_hw[0])
        if width > height * aspect:
            height = width / aspect
        else:
            width = height * aspect
        return center, np.array([width, height], dtype=np.float32)

    def crop(self, image: NDArray, box: NDArray) -> NDArray:
        """The crop of a person at the size of the input, uint8; 0 outside the image."""
        center, scale = self.box_geometry(box, image.shape[:2])
        # All in single precision, as stock: OpenCV rounds positions, so that the last bit counts.
        factors = (np.array(self.size_wh, dtype=np.float32) - int(self.use_udp)) / scale
        matrix = np.column_stack([np.diag(factors), factors * (scale / 2 - center)])
        # There is no warp by areas: shrunk crops are linear.
        name = 'linear' if factors.min() < 1 else self.enlarge
        return cv2.warpAffine(image, matrix, self.size_wh, flags=INTERPOLATIONS[name])

    def to_image(self, points: NDArray, box: NDArray, image_hw: tuple[int, int]) -> NDArray:
        """Points (K, 2) in pixels of the input, in those of the image."""
        center, scale = self.box_geometry(box, image_hw)
        return points / self.size_wh * scale + center - 0.5 * scale

    def restore(
        self,
        maps: Tensor,
        image_hw: tuple[int, int],
        finish: Callable[[Tensor], Tensor],
        field: Field,
    ) -> Tensor:
        """An output (C, h, w) at the size of the image; see :func:`.resize_outputs.restore`."""
        if self.is_fitted:
            maps = fitted_padding(image_hw, self.size_hw).cut(maps)
        via_hw = None if self.resize_once or self.is_fitted else self.size_hw
        return restore(maps.float(), image_hw, finish, via_hw=via_hw)
