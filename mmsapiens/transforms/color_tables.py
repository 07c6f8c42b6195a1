"""Changes of color through tables: 8-bit images have 256 values."""

import cv2
import numpy as np

IDENTITY: np.ndarray = np.arange(256, dtype=np.uint8)  # The table that changes nothing


def change_hsv(
    img: np.ndarray, hue: np.ndarray | None = None, saturation: np.ndarray | None = None
) -> np.ndarray:
    """A new BGR image, uint8 (H, W, 3), whose hues, OpenCV's in [0, 180), and saturations are
    looked up in tables, uint8 (256,); None changes nothing but what OpenCV rounds."""
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
    for channel, table in enumerate((hue, saturation)):
        if table is not None:
            plane = cv2.LUT(cv2.extractChannel(hsv, channel), table)
            cv2.insertChannel(plane, hsv, channel)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
