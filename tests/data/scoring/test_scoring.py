"""Measures against closed forms and hand-counted examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqstudio.data.scoring.classes import classified
from seqstudio.data.scoring.series import LEVELS, forecast, naive_error
from seqstudio.data.scoring.texts import chrf, cider, written


def test_a_small_confusion_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    told = np.array([0, 0, 1, 1, 1, 0])
    found = classified(np.eye(3)[told], truth)
    assert found.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.majority == 0.5
    np.testing.assert_allclose(found.f1, [2 / 3, 0.8, 0.0])
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.8) / 3)


def test_surprise_and_calibration_of_a_coin() -> None:
    truth = np.array([0, 1] * 500)
    found = classified(np.full((1000, 2), 0.5), truth)
    assert found.nats == pytest.approx(math.log(2))
    assert found.calibration_error == pytest.approx(0.0)
    sure = classified(np.tile([1.0, 0.0], (1000, 1)), truth)
    assert sure.calibration_error == pytest.approx(0.5)


def test_answers_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="do not go"):
        classified(np.ones((3, 2)), np.zeros(4, np.int64))


def test_errors_of_a_forecast_by_hand() -> None:
    found = forecast(np.array([1.0, 2.0, 3.0]), np.array([2.0, np.nan, 6.0]), 4.0)
    assert (found.mae, found.count, found.mase) == (2.0, 2, 0.5)
    assert found.rmse == pytest.approx(math.sqrt(5))


def test_bands_of_a_normal_series_hold_what_they_promise() -> None:
    values = np.random.default_rng(1).standard_normal(20_000)
    found = forecast(np.zeros(20_000), values, 1.0, np.ones(20_000))
    np.testing.assert_allclose(found.coverage, LEVELS, atol=0.01)


def test_naive_error_of_seasons() -> None:
    values = np.tile([1.0, 5.0, 2.0], 5)
    assert naive_error(values, 3) == 0.0
    assert naive_error(values, 1) == pytest.approx(np.abs(np.diff(values)).mean())
    assert math.isnan(naive_error(values, 99))


def test_right_sentences_have_full_marks() -> None:
    lines = ["the cat sat on the mat", "a dog ran over the green hill"]
    found = written(lines, [[line] for line in lines])
    assert (found.bleu, found.chrf, found.exact) == (pytest.approx(100), pytest.approx(100), 1.0)
    assert cider(lines, [[line] for line in lines]) == pytest.approx(10)


def test_bleu_is_that_of_the_definition() -> None:
    """Precisions 5/6, 3/5, 1/4 and, smoothed, 1/(2*3), no brevity penalty."""
    found = written(["the cat sat on a mat"], [["the cat stood on a mat"]])
    want = 100 * math.exp(sum(map(math.log, (5 / 6, 3 / 5, 1 / 4, 1 / 6))) / 4)
    assert found.bleu == pytest.approx(want)
    assert found.exact == 0.0


def test_better_sentences_score_higher() -> None:
    right = "un grand chien noir"
    assert chrf("un grand chat noir", right) > chrf("une maison", right)
    pictures = [["a red square"], ["a blue circle"], ["a green star"]]
    near = ["a red circle", "a blue circle", "a green star"]
    assert cider(near, pictures) > cider(["a", "a", "a"], pictures)


def test_sentences_without_a_right_one_are_refused() -> None:
    with pytest.raises(ValueError, match="right one"):
        written(["a"], [[]])
