"""Side work costs its share, and the trial finds the fastest setup."""

from __future__ import annotations

import pytest

from seqstudio.engine.cadence import Cadence, Setup, Trial


def spent(cadence: Cadence, cost: float, until: float) -> float:
    now, total = 0.0, 0.0
    while now < until:
        if cadence.due(now):
            now, total = now + cost, total + cost
            cadence.done(now, cost)
        now += 0.01
    return total


@pytest.mark.parametrize("cost", [0.01, 0.2, 3.0])
def test_work_costs_its_share(cost: float) -> None:
    total = spent(Cadence(0.05), cost, 600.0)
    assert total <= 0.05 * 600 + cost
    assert total >= 0.04 * 600


def test_the_first_turn_waits_and_turns_keep_their_distance() -> None:
    cadence = Cadence(1.0, first_s=2.0, at_least_s=4.0)
    assert not cadence.due(1.9)
    assert cadence.due(2.0)
    cadence.done(2.1, 0.1)
    assert not cadence.due(6.0)
    assert cadence.due(6.2)


def test_a_costly_turn_is_paid_back_before_the_next() -> None:
    cadence = Cadence(0.1)
    cadence.done(5.0, 5.0)
    assert not cadence.due(49.0)
    assert cadence.due(51.0)


def times(setup: Setup) -> float:
    return {"bfloat16": 1.0, "float32": 1.5}[setup.precision] * {2: 1.0, 1: 1.8}[setup.threads]


def test_the_trial_keeps_the_fastest() -> None:
    trial = Trial(("bfloat16", "float32"), (2, 1))
    seen = []
    while not trial.over:
        seen.append(trial.current)
        trial.add(times(trial.current))
    assert trial.current == Setup("bfloat16", 2)
    assert set(seen) == {Setup("bfloat16", 2), Setup("float32", 2), Setup("bfloat16", 1)}
    assert "1.8×" in trial.words()


def test_the_first_step_of_a_setup_does_not_count() -> None:
    trial = Trial(("bfloat16", "float32"), (1,))
    for seconds in (99.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0):
        trial.add(seconds)
    assert trial.over
    assert trial.current.precision == "bfloat16"


def test_one_setup_needs_no_trial() -> None:
    trial = Trial(("float32",), (1,))
    assert trial.over
    assert trial.words() == "float32, 1 thread"
