"""Each pathology is named where its evidence is there, with its numbers, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqstudio.blocks import treating
from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.document.document import Document
from seqstudio.document.project import Project
from seqstudio.records.health import HealthReading, UnitHealth
from seqstudio.records.messages import Facts, Failed
from seqstudio.records.readings import GradientReading, Horizon, Metrics, Validation
from seqstudio.runtime.codec import pack, unpack
from seqstudio.runtime.diagnosis import Finding, diagnose
from seqstudio.runtime.history import RunHistory
from seqstudio.runtime.vitals import VITALS, medians, memory_horizon

NAN = float("nan")
CHANCE = 4.0


def unit(kind: str, block: str = "rnn", name: str = "h", **shares: float) -> UnitHealth:
    blank = dict.fromkeys(
        ("saturated", "slope", "inactive", "dead", "left", "right", "shut", "open"), NAN
    )
    return UnitHealth(block, name, kind, 64, 4096, **{**blank, **shares})


def health(step: int, ratio: float = 1e-3, units: tuple = (), rate: float = 1e-3) -> HealthReading:
    weight, norm = np.array([2.0, 1.0]), np.array([0.5, 0.1])
    return HealthReading(
        step, ("w", "b"), ("rnn", "rnn"), (1, 0), weight, weight * ratio, norm, norm / 2,
        units, 10, 4, 0, "", rate, 0.001,
    )  # fmt: skip


def horizon(
    step: int, slope: float, window: int = 50, quantity: str = "dl/dh", block: str = "rnn"
):
    distance = np.arange(window)
    curve = slope * distance
    reach = -1 / slope if slope < 0 else float("inf")
    found = Horizon(block, "rnn", quantity, distance, curve, curve, curve, distance, slope, reach)
    return GradientReading(step, (), (), (found,), 4, window, "probe text", 0.01)


def history(
    loss: np.ndarray, *, norm: float | np.ndarray = 0.5, clip: float = 1.0, tokens: int = 1000
) -> RunHistory:
    made, count = RunHistory("run"), len(loss)
    ones = np.ones(count)
    steps = np.arange(1, count + 1)
    made.extend([
        Facts(10, CHANCE, "", NAN, "nats", tokens, 100, "cpu"),
        Metrics(steps, loss, norm * ones, 1e-3 * ones, clip * ones, steps * 0.01, steps * 10),
    ])  # fmt: skip
    return made


def falling(count: int = 1000) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.05, count)
    return 1.5 + 2.5 * np.exp(-np.arange(count) / 200) + noise


def found(project: Project, run: RunHistory, **given) -> dict[str, Finding]:
    return {each.key: each for each in diagnose(run, project, None, **given)}


@pytest.fixture(scope="module")
def text() -> Project:
    return make("char-lstm")


@pytest.fixture(scope="module")
def adding() -> Project:
    return make("adding-rnn")


def test_a_healthy_run_has_no_finding(text: Project) -> None:
    run = history(falling())
    for step in range(100, 1000, 100):
        units = (
            unit("tanh", saturated=0.5),
            unit("gate", name="input gate i", shut=0.0, open=0.1),
        )
        run.extend([health(step, 3e-3, units), horizon(step, -1 / 30, 128)])
    run.extend(
        [Validation(s, 2.5 - s / 1000, NAN, 100, True, True) for s in range(100, 1000, 100)]
    )
    assert found(text, run) == {}


def test_vanishing_needs_three_readings_and_a_task_that_is_not_learned(adding: Project) -> None:
    run = history(np.full(400, 4.0))
    run.extend([horizon(100, -1 / 3.9), horizon(200, -1 / 3.9)])
    assert found(adding, run) == {}
    run.extend([horizon(300, -1 / 4.1)])
    finding = found(adding, run)["vanishing"]
    assert "every 4.1 steps" in finding.evidence
    assert "At step 300" in finding.evidence
    assert "10⁻¹²" in finding.evidence
    assert "that of a guess (4)" in finding.evidence
    assert finding.since == 100
    assert found(adding, run, step=250) == {}, "the clock is before the third reading"
    learned = history(np.full(400, 0.3))
    learned.extend([horizon(s, -1 / 4) for s in (100, 200, 300)])
    assert found(adding, learned) == {}


def test_the_cell_that_reaches_farther_counts() -> None:
    short, long = horizon(1, -1 / 4).horizons[0], horizon(1, -1 / 40, quantity="dl/dc").horizons[0]
    reading = replace(horizon(1, -1 / 4), horizons=(short, long))
    assert memory_horizon(reading) is long


def test_forget_bias_is_named_in_its_place(text: Project) -> None:
    block = next(b for b in text.graph if b.kind == "lstm")
    closed = text.with_graph(text.graph.with_block(block.with_param("forget_bias", 0.0)))
    run = history(falling())
    run.extend([horizon(s, -1 / 4, 128, block=block.id) for s in (400, 500, 600)])
    finding = found(closed, run)["forget bias"]
    assert finding.evidence.startswith("LSTM starts with forget bias 0. ")
    assert finding.treatments[0].words == "Forget bias 1"
    after = finding.treatments[0].edit.apply(closed)
    assert after.graph.blocks[block.id].params["forget_bias"] == 1.0
    assert set(found(text, run)) == {"vanishing"}, "with an open gate it is not the bias"


def test_a_gradient_that_grows_explodes(adding: Project) -> None:
    run = history(np.full(400, 4.0))
    run.extend([horizon(s, 1 / 12) for s in (100, 200, 300)])
    finding = found(adding, run)["exploding"]
    assert "tenfold every 12.0 steps back" in finding.evidence
    assert "10⁴ times as large" in finding.evidence


def test_steps_that_are_all_clipped_by_far_explode(text: Project) -> None:
    norms = np.linspace(1, 60, 1000)
    finding = found(text, history(falling(), norm=norms))["exploding"]
    assert "100 % of steps 801 to 1,000 were clipped" in finding.evidence
    assert "factor of 54" in finding.evidence
    assert found(text, history(falling(), norm=2.0)) == {}, "clipped, but not by far"


@pytest.mark.parametrize(
    ("units", "key", "said"),
    [
        ((unit("relu", inactive=0.9, dead=0.8),), "dead", "51 of 64 units"),
        ((unit("tanh", saturated=0.96, slope=0.05),), "saturated", "96 %"),
        ((unit("gate", name="input gate i", shut=0.95, open=0.0),), "saturated", "95 %"),
    ],
)
def test_units_that_do_not_work(text: Project, units: tuple, key: str, said: str) -> None:
    run = history(falling())
    run.extend([health(s, units=units) for s in (300, 400)])
    assert found(text, run) == {}
    run.extend([health(500, units=units)])
    assert said in found(text, run)[key].evidence


def test_gates_that_stay_open_are_no_illness(text: Project) -> None:
    run = history(falling())
    units = (unit("gate", name="forget gate f", shut=0.0, open=1.0),)
    run.extend([health(s, units=units) for s in (300, 400, 500)])
    assert found(text, run) == {}


def test_weights_that_hardly_move(text: Project) -> None:
    run = history(np.full(400, 3.9))
    run.extend([health(s, 2e-6) for s in (100, 200, 300)])
    finding = found(text, run)["small updates"]
    assert "2.0e−06 of its size at step 300" in finding.evidence
    late = history(falling())
    late.extend([health(s, 2e-6, rate=1e-6) for s in (700, 800, 900)])
    assert found(text, late) == {}, "the schedule has come to its end"


def test_a_rate_that_is_too_high(text: Project) -> None:
    loss = falling()
    loss[600:] += 1.2
    finding = found(text, history(loss))["rate"]
    assert "around step 59" in finding.evidence or "around step 60" in finding.evidence
    slower = finding.treatments[0]
    assert slower.live
    changed = slower.edit.apply(text)
    assert changed.training.learning_rate == pytest.approx(text.training.learning_rate / 10)
    thrown = history(falling())
    thrown.extend([health(s, 0.3) for s in (200, 300, 400)])
    assert "30 % of its size" in found(text, thrown)["rate"].evidence


def test_numbers_that_are_not_finite(text: Project) -> None:
    run = history(falling(20))
    what = "Training stopped before step 21: numbers are not finite any more"
    run.extend([Failed(what, "loss nan; it began in what LSTM gives", "")])
    finding = found(text, run)["exploding"]
    assert "it began in what LSTM gives" in finding.evidence


def test_overfitting_needs_data_that_end(text: Project) -> None:
    values = [(100, 2.5), (300, 2.0), (500, 2.1), (700, 2.2), (900, 2.3)]
    told = [Validation(step, loss, NAN, 100, True, False) for step, loss in values]
    run = history(falling())
    run.extend(told)
    finding = found(text, run)["overfitting"]
    assert "lowest at step 300 (2) and is 2.3 at step 900" in finding.evidence
    assert finding.treatments[0].words == "Twice the dropout"
    endless = history(falling(), tokens=0)
    endless.extend(told)
    assert found(text, endless) == {}


def test_a_window_shorter_than_the_memory(text: Project) -> None:
    run = history(falling())
    run.extend([horizon(s, -1 / 30, 16) for s in (400, 500, 600)])
    finding = found(text, run)["window"]
    assert "÷10 every 30 steps" in finding.evidence
    assert f"{100 * 10 ** (-16 / 30):.0f} %" in finding.evidence
    doubled = finding.treatments[0].edit.apply(text)
    assert doubled.training.window == 2 * text.training.window


def test_a_guess_is_named_when_nothing_else_explains_it(text: Project) -> None:
    run = history(np.full(1200, 4.0))
    assert set(found(text, run)) == {"guessing"}
    assert found(text, history(np.full(900, 4.0))) == {}, "some tasks have a flat stretch"


def test_every_treatment_is_one_step_that_undo_takes_back(adding: Project) -> None:
    run = history(np.full(400, 4.0))
    run.extend([horizon(s, -1 / 4) for s in (100, 200, 300)])
    facts = facts_of(open_dataset(adding.data, None), adding.training)
    (finding,) = diagnose(run, adding, facts)
    words = [treatment.words for treatment in finding.treatments]
    assert words[:3] == [
        "Replace RNN by LSTM",
        "Replace RNN by GRU",
        "Orthogonal recurrent matrix",
    ]
    for treatment in finding.treatments:
        document = Document(adding)
        assert document.apply(treatment.edit)
        assert document.project != adding
        assert treatment.said
        document.undo()
        assert document.project is adding
        assert not document.undo_label


def test_treatments_that_find_nothing_to_change_are_not_offered(text: Project) -> None:
    assert treating.plain_to("lstm")(text) is None
    assert treating.residual(text) is None
    once = treating.layer_norm(text)
    assert once is not None
    assert treating.layer_norm(once.edit.apply(text)) is None


def test_health_survives_the_run_store() -> None:
    reading = health(7, units=(unit("relu", inactive=0.5, dead=0.25),))
    back = unpack(pack(reading))
    np.testing.assert_array_equal(back.ratio, reading.ratio)
    assert back.units[0].dead == 0.25
    run = RunHistory("run")
    run.extend([reading])
    assert run.reading_at("health", 10) is reading
    run.rewind(5)
    assert run.reading_at("health", 10) is None


def test_medians_keep_steps_and_drop_spikes() -> None:
    values = np.ones(100)
    values[50:] = 3.0
    values[[20, 70]] = 100.0
    steps, middle = medians(np.arange(1, 101), values, 9)
    assert steps[-1] == 100
    assert set(middle.tolist()) == {1.0, 3.0}
    assert np.isinf(medians(np.arange(3), np.full(3, NAN))[1]).all()


def test_vitals_say_themselves_in_words() -> None:
    assert VITALS["reach"].words(3.94) == "÷10 every 3.94 steps"
    assert VITALS["clip"].words(0.25) == "25 %"
    assert VITALS["loss"].words(NAN) == "not measured"


def test_dropout_is_put_where_there_is_none() -> None:
    plain = make("brackets-lstm")
    treatment = treating.dropout(plain)
    assert treatment is not None
    after = treatment.edit.apply(plain).graph
    (block,) = [each for each in after if each.kind == "dropout"]
    assert block.params["share"] == 0.2
    assert [wire.source for wire in after.wires if wire.target == block.id] == ["lstm"]
