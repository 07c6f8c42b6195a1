import numpy as np
import pytest

from mmsapiens.evaluation import class_areas, iou_figures


def test_areas_of_images_add_up_to_the_figures():
    label = np.array([[0, 0, 1], [1, 255, 255]])
    pred = np.array([[0, 1, 1], [1, 2, 0]])
    areas = class_areas(pred, label, 3)
    assert areas.tolist() == [[1, 2, 0], [2, 3, 0], [1, 3, 0], [2, 2, 0]]
    figures = iou_figures(areas + areas)
    assert figures['aAcc'] == 75
    assert figures['mAcc'] == 75
    assert figures['mIoU'] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
