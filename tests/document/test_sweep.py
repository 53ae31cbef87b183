"""Sweeps as data: what is typed becomes values, plans have a size, files come back as saved."""

import json
import math
from dataclasses import replace

import pytest

from seqstudio.core.errors import SeqError
from seqstudio.document.param import ParamError
from seqstudio.document.settings import TrainingSettings
from seqstudio.document.sweep import (
    FILE,
    Choices,
    Plan,
    Span,
    Sweep,
    SweepError,
    load_sweep,
    parse_axis,
    parse_sweep,
    save_sweep,
    sweep_text,
)

RATE, BATCH, CARRY = (TrainingSettings.param(n) for n in ("learning_rate", "batch", "carry"))
SIZES = Choices("lstm.hidden", (16, 32, 64))
RATES = Span("training.learning_rate", 1e-4, 1e-2, log=True)


@pytest.mark.parametrize(
    ("param", "text", "axis"),
    [
        (BATCH, "8, 16,16", Choices("k", (8, 16))),
        (CARRY, "on,off", Choices("k", (True, False))),
        (BATCH, "2..64", Span("k", 2, 64, log=False, whole=True)),
        (BATCH, "2 .. 64 : log", Span("k", 2, 64, log=True, whole=True)),
        (RATE, "1e-4..1e-2", Span("k", 1e-4, 1e-2, log=True)),
        (RATE, "1e-4..1e-2:linear", Span("k", 1e-4, 1e-2, log=False)),
    ],
)
def test_what_is_typed_becomes_an_axis_and_is_written_the_same(param, text, axis) -> None:
    assert parse_axis("k", param, text) == axis
    assert parse_axis("k", param, axis.text) == axis


@pytest.mark.parametrize(
    ("param", "text", "said"),
    [
        (BATCH, " , ", "nothing to try"),
        (BATCH, "64..2", "Put the lower end first"),
        (BATCH, "2..64:cubic", ":log or :linear"),
        (TrainingSettings.param("warmup"), "0..100:log", "has no decades"),
        (BATCH, "2..100000", "Batch cannot be"),
        (CARRY, "perhaps", "Carry state cannot be"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(param, text, said) -> None:
    with pytest.raises((SweepError, ParamError)) as raised:
        parse_axis("k", param, text)
    assert said in raised.value.sentence()


def test_a_grid_is_every_combination_with_both_ends_of_each_range() -> None:
    plan = Plan((SIZES, RATES), trials=9)
    points = list(plan.checked().grid())
    assert len(points) == plan.combinations() == 9
    assert points[0] == {"lstm.hidden": 16, "training.learning_rate": 1e-4}
    assert [p["training.learning_rate"] for p in points[:3]] == [1e-4, 1e-3, 1e-2]
    assert points[-1] == {"lstm.hidden": 64, "training.learning_rate": 1e-2}
    assert Plan((Span("k", 1, 3, whole=True),)).combinations() == 3  # not five times the same


def test_random_draws_repeat_with_the_seed_stay_inside_and_never_twice() -> None:
    plan = Plan((SIZES, RATES), "random", trials=40, seed=3)
    drawn = list(plan.draws())
    assert drawn == list(plan.draws())
    assert drawn != list(replace(plan, seed=4).draws())
    rates = [point["training.learning_rate"] for point in drawn]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    below = sum(rate < 1e-3 for rate in rates)
    assert 10 <= below <= 30, "half of the decades, not a tenth"
    assert len(list(Plan((SIZES,), "random", trials=9).draws())) == 3


def test_trials_of_one_combination_stand_together_one_a_seed() -> None:
    sweep = Sweep("s", Plan((SIZES,), seeds=2, seed=5))
    sweep = replace(sweep, trials=sweep.plan.first_trials())
    assert [(t.values["lstm.hidden"], t.seed) for t in sweep.trials] == [
        (16, 5), (16, 6), (32, 5), (32, 6), (64, 5), (64, 6),
    ]  # fmt: skip
    assert [t.number for t in sweep.siblings(sweep.trials[3])] == [2, 3]
    asked = Plan((SIZES,), "optuna", trials=4).first_trials()
    assert [dict(trial.values) for trial in asked] == [{}] * 4


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(()), "varies nothing"),
        (Plan((SIZES, SIZES)), "given twice"),
        (Plan((SIZES, RATES), trials=5), "Allow 6 trials"),
        (Plan((RATES,), "random"), "no end by itself"),
        (Plan((SIZES,), amount=0), "a budget"),
        (Plan((RATES,), "random", trials=20_000), "20,000 runs"),
    ],
)
def test_a_plan_that_cannot_be_says_what_to_change(plan, said) -> None:
    with pytest.raises(SweepError) as raised:
        plan.checked()
    assert said in raised.value.sentence()


def test_the_best_is_the_lowest_loss_of_a_finished_trial() -> None:
    sweep = Sweep("s", Plan((SIZES,)), Plan((SIZES,)).first_trials())
    for number, (state, loss) in enumerate([("done", 2.0), ("failed", 0.5), ("done", 1.5)]):
        sweep = sweep.with_trial(replace(sweep.trials[number], state=state, loss=loss))
    assert [trial.number for trial in sweep.ranked()] == [2, 0, 1]
    assert sweep.best() == sweep.trials[2]
    assert sweep.finished


def test_the_file_gives_back_what_was_saved(tmp_path) -> None:
    plan = Plan((SIZES, RATES, Choices("training.carry", (True, False))), "random", 3, "minutes",
                0.5, seeds=2, seed=7)  # fmt: skip
    sweep = Sweep(tmp_path.name, plan, plan.first_trials())
    done = replace(sweep.trials[0], state="done", run="lstm-1", loss=1.25, step=40, asked=2)
    sweep = sweep.with_trial(done)
    save_sweep(sweep, tmp_path)
    back = load_sweep(tmp_path)
    assert back.plan == sweep.plan
    assert back.trials[0] == done
    assert math.isnan(back.trials[1].loss)
    assert [dict(t.values) for t in back.trials] == [dict(t.values) for t in sweep.trials]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_damaged_and_newer_files_are_refused_in_a_sentence() -> None:
    plan = Plan((SIZES,))
    text = sweep_text(Sweep("s", plan, plan.first_trials()))
    good = json.loads(text)
    for damage in (
        {"format": 2},
        {"trials": [{**good["trials"][0], "run": "../../etc"}]},
        {"trials": [{**good["trials"][0], "state": "singing"}]},
        {"trials": 3},
        {"plan": {**good["plan"], "seeds": 0}},
        {"plan": {**good["plan"], "method": "magic"}},
    ):
        with pytest.raises(SeqError):
            parse_sweep(json.dumps({**good, **damage}).encode(), "s")
    for cut in range(0, len(text) - 2, 37):
        with pytest.raises(SweepError):
            parse_sweep(text[:cut].encode(), "s")
