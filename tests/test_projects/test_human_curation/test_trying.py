"""One image through all checks."""

import cv2
import pytest
from tiny_models import LARGE_PERSON, draw, encode, person_jpeg


def test_all_checks_speak_also_after_one_that_fails(options):
    from human_curation.trying import describe, try_image

    image = draw((200, 480), person=(20, 20, 200, 180), text=(390, 0, 470, 190))
    trial = try_image(encode(image), options)
    failed = [line.name for line in trial.lines if not line.passes]
    assert failed == ['size', 'person', 'text'] and trial.verdict == 'size'
    assert trial.row['people'] == 1  # seen, but too small
    assert 'FAILS' in describe(trial)


def test_scores_are_those_of_a_run(options):
    from human_curation.trying import try_image

    trial = try_image(person_jpeg(), options)
    assert trial.verdict == 'kept'
    scores = {line.name: line.score for line in trial.lines}
    assert scores['size'] == 400 and scores['aspect'] == pytest.approx(1.2)
    box = trial.row['boxes']
    assert box == pytest.approx(LARGE_PERSON, abs=16)  # a cell of the tiny network


def test_image_of_too_many_pixels_is_not_decoded(options, monkeypatch):
    from dataclasses import replace

    from human_curation import trying

    monkeypatch.setattr(trying, 'decode_small', lambda *_: pytest.fail('decoded'))
    trial = trying.try_image(person_jpeg(), replace(options, limits=dict(pixels=1000)))
    assert trial.verdict == 'pixels' and trial.image is None
    assert trying.draw(trial).ndim == 3


def test_command_draws_and_tells_what_is_broken(models_file, tmp_path, capsys):
    from human_curation.cli import main

    good, bad = tmp_path / 'good.jpg', tmp_path / 'bad.jpg'
    good.write_bytes(person_jpeg())
    bad.write_bytes(person_jpeg()[:5000])
    words = ['try', str(good), str(bad), '--models', str(models_file), '--out', str(tmp_path)]
    assert main(words) == 1
    text = capsys.readouterr().out
    assert 'verdict: kept' in text and 'verdict: broken (the file was cut short)' in text
    assert 'watermark: not checked' in text
    drawn = cv2.imread(str(tmp_path / 'good.try.jpg'))
    assert drawn.shape[1] > 900 and not (tmp_path / 'bad.try.jpg').exists()
