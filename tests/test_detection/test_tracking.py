import json

import numpy as np
import pytest

from mmsapiens.detection.tracking import BoxTracker


def boxes(*corners, size=10):
    return np.array([(x, 0, x + size, size) for x in corners], np.float32)


def test_numbers_follow_people_in_any_order():
    tracker = BoxTracker()
    assert tracker.update(boxes(0, 100)).tolist() == [1, 2]
    assert tracker.update(boxes(101, 1)).tolist() == [2, 1]
    assert tracker.update(boxes(2, 50, 102)).tolist() == [1, 3, 2]


def test_assignment_is_best_for_all_together():
    tracker = BoxTracker(min_iou=0.2)
    tracker.update(boxes(0, 4))
    # Box 3 overlaps most with both; greedily it would take track 2.
    assert tracker.update(boxes(3, 7)).tolist() == [1, 2]


def test_a_hidden_person_keeps_the_number_for_some_frames():
    tracker = BoxTracker(max_age=2)
    tracker.update(boxes(0))
    for _ in range(2):
        assert tracker.update(boxes()).tolist() == []
    assert tracker.update(boxes(1)).tolist() == [1]
    for _ in range(3):
        tracker.update(boxes())
    assert tracker.update(boxes(1)).tolist() == [2]


def test_a_tracker_goes_on_from_its_state():
    first = BoxTracker()
    first.update(boxes(0, 100))
    first.update(boxes(0))
    state = json.loads(json.dumps(first.state()))
    again = BoxTracker()
    again.load_state(state)
    assert again.tracks == first.tracks
    new = boxes(100, 50)
    assert again.update(new).tolist() == first.update(new).tolist() == [2, 3]


@pytest.mark.parametrize('kwargs', [dict(min_iou=0), dict(max_age=-1)])
def test_bad_settings(kwargs):
    with pytest.raises(ValueError, match=f'`{next(iter(kwargs))}` must be'):
        BoxTracker(**kwargs)
