import subprocess
import sys

import numpy as np
import pytest

from mmsapiens.evaluation.oks import evaluate_oks

SIGMAS = [0.05, 0.1, 0.05]
AREA = 100.0 * 100


def person(image_id=1, visible=(2, 2, 2), **changes):
    points = np.array([[10.0, 10, 0], [50, 60, 0], [90, 20, 0]])
    points[:, 2] = visible
    fields = dict(bbox=[0.0, 0.0, 100.0, 100.0], area=AREA)
    return dict(image_id=image_id, keypoints=points, **fields, **changes)


def found(shift=(0, 0, 0), image_id=1, score=1.0, **changes):
    points = person()['keypoints']
    points[:, 0] += shift
    return dict(image_id=image_id, keypoints=points, score=score, **changes)


def distances(oks):
    return 2 * np.array(SIGMAS) * np.sqrt(-2 * AREA * np.log(oks))


@pytest.mark.parametrize('oks, ap', [(0.99, 1.0), (0.82, 0.7), (0.52, 0.1), (0.48, 0.0)])
def test_ap_is_the_share_of_thresholds_that_are_met(oks, ap):
    figures = evaluate_oks([person()], [found(distances(oks))], [0, 1, 2], SIGMAS)
    assert figures['AP'] == pytest.approx(ap)
    assert figures['AR'] == pytest.approx(ap)
    assert figures['AP .5'] == pytest.approx(float(oks > 0.5))
    assert figures['AP .75'] == pytest.approx(float(oks > 0.75))
    assert figures['AP (L)'] == pytest.approx(ap)
    assert figures['AP (M)'] == figures['AR (M)'] == -1


def test_ap_of_a_good_and_a_poor_person():
    # The poor one, OKS 0.62, counts at .5, .55 and .6. Above, precision is 1 up to recall 0.5, that
    # is for 51 of the 101 recalls.
    figures = evaluate_oks(
        [person(1), person(2)],
        [found(score=0.9), found(distances(0.62), 2, score=0.4)],
        [0, 1, 2],
        SIGMAS,
    )
    assert figures['AP'] == pytest.approx((3 + 7 * 51 / 101) / 10)
    assert figures['AR'] == pytest.approx((3 + 7 * 0.5) / 10)


def test_only_the_listed_points_count():
    shift = distances(0.62) * (0, 0, 1)
    args = [person()], [found(shift)]
    for ids, ap in (([0, 1], 1.0), ([2], 0.3), ([2, 0], 0.7)):
        # The mean of 0.62 and 1 meets .5 to .8.
        sigmas = [SIGMAS[i] for i in ids]
        assert evaluate_oks(*args, ids, sigmas)['AP'] == pytest.approx(ap)


def test_unlabelled_points_do_not_count():
    shift = distances(0.01) * (0, 1, 0)
    persons = [person(visible=(2, 0, 1))]
    figures = evaluate_oks(persons, [found(shift)], [0, 1, 2], SIGMAS)
    assert figures['AP'] == pytest.approx(1)


def test_persons_without_a_listed_point_are_ignored():
    persons = [person(1), person(2, visible=(0, 0, 2))]
    detections = [found(image_id=1), found(image_id=2)]
    figures = evaluate_oks(persons, detections, [0, 1], [0.1, 0.1])
    assert figures['AP'] == pytest.approx(1)
    figures = evaluate_oks(persons[1:], detections, [0, 1], [0.1, 0.1])
    assert set(figures.values()) == {-1}


def test_crowds_are_ignored():
    persons = [person(1), person(2, iscrowd=1)]
    figures = evaluate_oks(persons, [found()], [0], SIGMAS[:1])
    assert figures['AR'] == 1


def test_no_detections_give_zero():
    figures = evaluate_oks([person()], [], [0, 1, 2], SIGMAS)
    assert figures['AP'] == figures['AR'] == figures['AP (L)'] == 0


def test_detections_in_empty_images_cost_precision():
    detections = [found(score=0.5), found(image_id=2, score=0.9)]
    args = [person()], detections, [0, 1, 2], SIGMAS
    assert evaluate_oks(*args, image_ids=[1, 2])['AP'] == pytest.approx(0.5)


def test_area_of_a_detection_decides_about_its_size_range():
    # Unmatched: counted against the large persons only if it is large.
    args = [person()], [0, 1, 2], SIGMAS
    for area, ap in ((AREA, 0.5), (40.0**2, 1.0)):
        wrong = found([500] * 3, score=2.0, area=area)
        figures = evaluate_oks(args[0], [found(), wrong], *args[1:])
        assert figures['AP (L)'] == pytest.approx(ap)


def test_use_area_false_takes_the_box():
    # 0.53 of the box: OKS 0.62 becomes 0.62 ** (1 / 0.53) = 0.41.
    persons = [person()]
    del persons[0]['area']
    args = persons, [found(distances(0.62))], [0, 1, 2], SIGMAS
    assert evaluate_oks(*args, use_area=False)['AP'] == 0
    with pytest.raises(ValueError, match='must have an `area`'):
        evaluate_oks(*args)


def test_inputs_are_left_alone_and_nothing_is_printed(capsys):
    persons, detections = [person()], [found()]
    keys = set(persons[0]), set(detections[0])
    evaluate_oks(persons, detections, [0, 1, 2], SIGMAS)
    assert (set(persons[0]), set(detections[0])) == keys
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(sigmas=SIGMAS[:2]), 'one value for each of `keypoint_ids`'),
        (dict(keypoint_ids=[], sigmas=[]), 'at least one'),
        (dict(keypoint_ids=[0, 1, 3]), 'K > 3'),
        (dict(detections=[found(image_id=7)], image_ids=[1]), r'\[7\]'),
        (dict(detections=[found([np.nan, 0, 0])]), 'must be finite'),
    ],
)
def test_wrong_input_is_named(changes, message):
    kwargs = dict(gt=[person()], detections=[found()], keypoint_ids=[0, 1, 2], sigmas=SIGMAS)
    with pytest.raises(ValueError, match=message):
        evaluate_oks(**{**kwargs, **changes})


def test_a_core_without_xtcocotools_names_the_extra():
    code = (
        'import sys; sys.modules["xtcocotools"] = None\n'
        'from mmsapiens.evaluation import evaluate_oks\n'
        'found = dict(image_id=1, keypoints=[[1.0, 1, 1]], score=1.0)\n'
        'evaluate_oks([dict(found, bbox=[0, 0, 9, 9], area=81)], [found], [0], [0.1])'
    )
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith('ImportError: ') and 'pip install "mmsapiens[pose]"' in last
