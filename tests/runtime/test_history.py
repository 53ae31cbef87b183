"""The history of a run: growth, look-up by step, thinning with age, rewinding."""

import numpy as np
import pytest

from seqstudio.records.messages import Failed, LiveChanged, Progress, Saved, StateChanged
from seqstudio.records.readings import (
    AttentionReading,
    GradientReading,
    Metrics,
    Sample,
    Validation,
)
from seqstudio.runtime.history import Curves, RunHistory
from seqstudio.runtime.series import RECENT


def metrics(first: int, count: int) -> Metrics:
    steps = np.arange(first, first + count)
    loss = 3.0 / steps
    return Metrics(steps, loss, loss, loss, loss * 0, steps * 0.5, steps * 64, 12.0)


def gradient(step: int) -> GradientReading:
    return GradientReading(step, (), (), (), 1, 1, "training step", 0.0)


def sample(request: int, step: int, *, done: bool) -> Sample:
    return Sample(request, step, "", "t", np.zeros(1, np.float32), (), 1.0, 0, done)


def test_curves_grow_and_keep_every_step() -> None:
    history = RunHistory("r")
    for first in range(1, 5000, 7):
        history.extend([metrics(first, 7)])
    assert history.curves.steps.tolist() == list(range(1, 5006))
    assert np.array_equal(history.curves.loss, 3.0 / history.curves.steps)
    assert history.step == 5005
    assert history.curves.memory_mb == 12.0


def test_views_are_read_only() -> None:
    history = RunHistory()
    history.extend([metrics(1, 3)])
    with pytest.raises(ValueError, match="read-only"):
        history.curves.loss[0] = 0.0


def test_speed_is_tokens_over_training_time() -> None:
    curves = Curves()
    assert np.isnan(curves.tokens_per_second())
    curves.extend(metrics(1, 100))
    assert curves.tokens_per_second() == pytest.approx(128.0)


def test_a_very_long_run_stays_bounded_and_keeps_its_spikes() -> None:
    curves = Curves(limit_rows=1000)
    steps = np.arange(1, 20_001)
    loss = np.ones(20_000)
    loss[4321] = 50.0
    for start in range(0, 20_000, 100):
        part = slice(start, start + 100)
        column = loss[part]
        curves.extend(
            Metrics(steps[part], column, column, column, column, steps[part] * 1.0, steps[part])
        )
    assert len(curves) <= 1000
    assert curves.thinned
    assert curves.steps[np.argmax(curves.loss)] == 4322
    assert curves.steps[-250:].tolist() == list(range(19_751, 20_001))


def test_the_reading_at_a_step_is_the_newest_that_was_there() -> None:
    history = RunHistory()
    history.extend([gradient(step) for step in (10, 20, 30)])
    assert history.reading_at("gradient", 9) is None
    assert history.reading_at("gradient", 20) == gradient(20)
    assert history.reading_at("gradient", 29) == gradient(20)
    assert history.reading_at("gradient", 10**9) == gradient(30)
    assert history.steps_with("gradient").tolist() == [10, 20, 30]
    assert history.reading_at("attention", 30) is None


def test_an_unknown_kind_of_reading_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        RunHistory().reading_at("gates", 1)


def test_old_readings_thin_out_and_the_newest_stay() -> None:
    history = RunHistory()
    for step in range(1, 100_001, 20):
        history.extend([AttentionReading(step, (), (), 0.0)])
    steps = history.steps_with("attention")
    assert len(steps) < 90
    assert steps[-RECENT:].tolist() == list(range(99_841, 100_001, 20))
    # Four parts of each doubling: two neighbours lie less than two parts apart.
    assert np.max(steps[10:] / steps[9:-1]) < 2 ** (2 / 4)


def test_a_reading_of_the_same_step_replaces_the_older() -> None:
    history = RunHistory()
    first, second = gradient(5), GradientReading(5, ("new",), (), (), 1, 1, "training step", 0.0)
    history.extend([gradient(4), first, gradient(6), second])
    assert history.reading_at("gradient", 5) == second
    assert history.steps_with("gradient").tolist() == [4, 5, 6]


def test_resuming_from_an_older_checkpoint_forgets_what_came_after() -> None:
    history = RunHistory()
    history.extend(
        [
            StateChanged("running", 0),
            metrics(1, 700),
            gradient(400),
            gradient(650),
            Validation(500, 1.5, 0.5, 10, False, True),
            Validation(600, 1.4, 0.5, 10, False, True),
            LiveChanged(620, "clip", 0.5),
            sample(1, 650, done=True),
            StateChanged("running", 500),
        ]
    )
    assert history.step == 500
    assert history.curves.steps[-1] == 500
    assert history.steps_with("gradient").tolist() == [400]
    assert [each.step for each in history.validations] == [500]
    assert history.live == []
    assert [each.step for each in history.samples] == [650]
    history.extend([metrics(501, 10)])
    assert history.curves.steps.tolist() == list(range(1, 511))


def test_a_failure_keeps_the_curves() -> None:
    history = RunHistory()
    failure = Failed("It broke", "why", "hint")
    history.extend([metrics(1, 50), failure, StateChanged("failed", 0, "It broke")])
    assert (history.state, history.step, len(history.curves)) == ("failed", 50, 50)
    assert history.failures == [failure]


def test_samples_are_found_by_step() -> None:
    history = RunHistory()
    history.extend([sample(1, 10, done=False)])
    assert history.writing is not None
    history.extend([sample(1, 10, done=True), sample(2, 30, done=True), sample(3, 40, done=False)])
    assert history.writing is not None
    assert history.writing.request == 3
    assert history.sample_at(9) is None
    assert history.sample_at(29).request == 1
    assert history.sample_at(30).request == 2


def test_notes_are_kept() -> None:
    history = RunHistory()
    best, last = Saved(5, "best", best=True), Saved(9, "last", best=False)
    seen = history.extend(
        [best, last, Progress("loading", 0.5), Validation(1, float("nan"), 0.0, 0, True, False)]
    )
    assert (history.saved, history.best) == (last, best)
    assert history.progress == {"loading": 0.5}
    assert seen == {Saved, Progress, Validation}
    assert history.best_validation() is None
    history.extend(
        [Validation(2, 1.5, 0.0, 1, True, True), Validation(3, 1.7, 0.0, 1, True, False)]
    )
    assert history.best_validation().step == 2
