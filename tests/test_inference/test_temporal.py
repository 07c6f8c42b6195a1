import json

import numpy as np
from inference_results import made_frame, made_people, made_pose

from mmsapiens.inference.temporal import TemporalFilter
from mmsapiens.structures.results import ImageResult


def results(count, video='clip'):
    """Two people who shake."""
    shake = np.random.default_rng(1).normal(0, 0.5, (count, 2, 4))
    for index in range(count):
        frame = made_frame(
            f'{video}/{index:06d}', index=index, time_s=index / 25 if video else None, video=video
        )
        corners = np.array([(5, 5, 25, 40), (35, 5, 60, 40)]) + shake[index]
        people = made_people(corners)
        yield ImageResult(frame, people, {'pose-17': made_pose(people)})


def same(first, second):
    np.testing.assert_array_equal(first.people.track_ids, second.people.track_ids)
    np.testing.assert_array_equal(
        first.tasks['pose-17'].keypoints, second.tasks['pose-17'].keypoints
    )


def test_a_filter_goes_on_to_the_last_bit():
    whole = TemporalFilter(smoothing={})
    expected = [whole(result) for result in results(20)]
    first = TemporalFilter(smoothing={})
    for result in list(results(20))[:9]:
        first(result)
    snapshot = first.snapshot()
    first(list(results(20))[12])  # a snapshot does not change
    state = json.loads(json.dumps(snapshot()))
    again = TemporalFilter(smoothing={}, resume=lambda video: state)
    for result, wanted in zip(list(results(20))[9:], expected[9:]):
        same(again(result), wanted)


def test_each_video_starts_anew():
    steady = TemporalFilter(smoothing={})
    first = [steady(result) for result in results(3, 'a')]
    second = [steady(result) for result in results(3, 'b')]
    for one, other in zip(first, second):
        same(one, other)


def test_single_images_pass_through():
    result = next(results(1, None))
    assert TemporalFilter(smoothing={})(result) is result


def test_what_was_given_is_not_changed():
    steady = TemporalFilter(smoothing={})
    items = list(results(3))
    before = [one.tasks['pose-17'].keypoints.copy() for one in items]
    after = [steady(one) for one in items]
    for one, points in zip(items, before):
        np.testing.assert_array_equal(one.tasks['pose-17'].keypoints, points)
        assert one.people.track_ids is None
    assert (after[2].tasks['pose-17'].keypoints != before[2]).any()


def test_nobody_in_a_frame():
    steady = TemporalFilter(smoothing={})
    items = list(results(3))
    people = made_people([])
    items[1] = ImageResult(items[1].frame, people, {'pose-17': made_pose(people)})
    numbers = [steady(one).people.track_ids.tolist() for one in items]
    assert numbers == [[1, 2], [], [1, 2]]
