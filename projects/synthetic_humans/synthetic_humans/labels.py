"""The 28 part classes and the materials of a scene."""

from __future__ import annotations

import numpy as np

CLASSES: tuple[str, ...] = (
    'Background', 'Apparel', 'Face_Neck', 'Hair', 'Left_Foot', 'Left_Hand',
    'Left_Lower_Arm', 'Left_Lower_Leg', 'Left_Shoe', 'Left_Sock',
    'Left_Upper_Arm', 'Left_Upper_Leg', 'Lower_Clothing', 'Right_Foot',
    'Right_Hand', 'Right_Lower_Arm', 'Right_Lower_Leg', 'Right_Shoe',
    'Right_Sock', 'Right_Upper_Arm', 'Right_Upper_Leg', 'Torso',
    'Upper_Clothing', 'Lower_Lip', 'Upper_Lip', 'Lower_Teeth', 'Upper_Teeth',
    'Tongue',
)  # fmt: skip
"""Names of the classes by id."""

CLASS_ID: dict[str, int] = {name: i for i, name in enumerate(CLASSES)}

PALETTE = np.array(
    [
        [50, 50, 50], [255, 218, 0], [128, 200, 255], [255, 0, 109],
        [189, 0, 204], [255, 0, 218], [0, 160, 204], [0, 255, 145],
        [204, 0, 131], [182, 0, 255], [255, 109, 0], [0, 255, 255],
        [72, 0, 255], [204, 131, 0], [255, 0, 0], [72, 255, 0],
        [189, 204, 0], [182, 255, 0], [102, 0, 204], [32, 72, 204],
        [0, 145, 255], [14, 204, 0], [0, 128, 72], [235, 205, 119],
        [115, 227, 112], [157, 113, 143], [132, 93, 50], [82, 21, 114],
    ],
    np.uint8,
)  # fmt: skip
"""Colors (28, 3) of the classes, RGB."""

MATERIALS: tuple[str, ...] = (
    'skin', 'eye', 'upper_teeth', 'lower_teeth', 'tongue', 'lash', 'upper',
    'lower', 'sock', 'shoe', 'hair', 'apparel', 'prop', 'scan',
)  # fmt: skip
"""What a triangle is made of, by id."""

MATERIAL: dict[str, int] = {name: i for i, name in enumerate(MATERIALS)}

SKIN_REGIONS: tuple[str, ...] = (
    'body', 'head', 'hand.L', 'hand.R', 'foot.L', 'foot.R', 'mouth',
)  # fmt: skip
"""Regions of the skin that the base mesh knows, by id."""


def swapped(labels: np.ndarray) -> np.ndarray:
    """Class ids after left and right have been exchanged."""
    table = np.arange(256, dtype=labels.dtype)
    for name, index in CLASS_ID.items():
        if name.startswith('Left_'):
            other = CLASS_ID['Right_' + name[5:]]
            table[index], table[other] = other, index
    return table[labels]
