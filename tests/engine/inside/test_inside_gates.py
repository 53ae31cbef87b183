"""Gates and states that are shown are those that the fused layers computed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.engine.inside.gates import gates, states
from seqstudio.insight.gating import keep_curve, saturation, time_constants, unit_order
from seqstudio.records.inside.gates import CellRun, GatesOf, TextStates, TextStatesOf
from seqstudio.records.looking import LookFailed
from tests.engine.inside.looking import TEXT, answers, last, small, subject


def traces_of(reading: CellRun) -> dict[str, np.ndarray]:
    return {trace.name: trace.values for trace in reading.traces}


def before(states_TN: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(states_TN[:1]), states_TN[:-1]])


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("layer", [0, 1])
def test_output_of_an_lstm_follows_from_its_gates(layer: int, peepholes: bool) -> None:
    one = subject(small("char-lstm", layers=2, peepholes=peepholes))
    if peepholes:
        cell = one.model.module("lstm").cells[layer]
        for name in ("peep_i", "peep_f", "peep_o"):
            torch.nn.init.uniform_(cell.get_parameter(name), -0.5, 0.5)
    reading = last(gates(one, GatesOf(40, "lstm", layer)))
    assert isinstance(reading, CellRun)
    assert (reading.layer.layer, reading.keep) == (layer, "f")
    found = traces_of(reading)
    c = found["f"] * before(found["c"]) + found["i"] * found["g"]
    np.testing.assert_allclose(found["c"], c, atol=1e-10)
    np.testing.assert_allclose(found["h"], found["o"] * np.tanh(found["c"]), atol=1e-10)
    assert found["h"].dtype == np.float64


def test_gates_of_an_lstm_are_those_of_its_equations() -> None:
    one = subject(small("char-lstm"))
    found = traces_of(last(gates(one, GatesOf(20))))
    cell = one.model.module("lstm").cells[0]
    x = one.model.trace(one.excerpt(20).inputs)[2]["embedding", "out"][0]
    h = torch.from_numpy(before(found["h"]))
    total = x @ cell.weight_ih_l0.T + h @ cell.weight_hh_l0.T + cell.bias_ih_l0 + cell.bias_hh_l0
    i, f, g, o = (part.detach().numpy() for part in total.chunk(4, -1))
    for name, value in {"i": i, "f": f, "o": o}.items():
        np.testing.assert_allclose(found[name], 1 / (1 + np.exp(-value)), atol=1e-10)
    np.testing.assert_allclose(found["g"], np.tanh(g), atol=1e-10)


def test_state_of_a_gru_follows_from_its_gates() -> None:
    found = traces_of(last(gates(subject(small("char-gru")), GatesOf(40))))
    h = (1 - found["z"]) * found["n"] + found["z"] * before(found["h"])
    np.testing.assert_allclose(found["h"], h, atol=1e-10)


def test_a_layer_that_reads_from_the_end_is_told_in_the_order_of_the_text() -> None:
    one = subject(small("char-gru", bidirectional=True))
    found = traces_of(last(gates(one, GatesOf(30, "gru", 0, back=True))))
    after = np.concatenate([found["h"][1:], np.zeros_like(found["h"][:1])])
    h = (1 - found["z"]) * found["n"] + found["z"] * after
    np.testing.assert_allclose(found["h"], h, atol=1e-10)


def test_gates_of_a_drawn_cell_are_told_by_the_names_of_its_blocks() -> None:
    reading = last(gates(subject(small("char-mgu")), GatesOf(30)))
    found = traces_of(reading)
    assert {trace.name: trace.kind for trace in reading.traces} == {
        "f": "gate",
        "n": "signed",
        "h": "signed",
    }
    h = before(found["h"])
    np.testing.assert_allclose(found["h"], h + found["f"] * (found["n"] - h), atol=1e-10)


def test_a_transformer_says_what_gates_would_need() -> None:
    (told,) = answers(small("char-gpt", layers=1), GatesOf())
    assert isinstance(told, LookFailed)
    assert "RNN, GRU or LSTM" in told.hint


def test_without_feedback_the_carousel_is_the_whole_gradient() -> None:
    for template, block in (("char-lstm", "lstm"), ("char-gru", "gru")):
        one = subject(small(template))
        cell = one.model.module(block).cells[0]
        torch.nn.init.zeros_(cell.weight_hh_l0)
        decay = last(gates(one, GatesOf(49, decay=True))).decay
        if template == "char-lstm":
            np.testing.assert_allclose(decay.carousel, decay.measured, atol=1e-9)
        assert decay.carousel[0] == decay.measured[0] == 0.0
        assert decay.measured_slope == pytest.approx(decay.carousel_slope, abs=0.02)
        assert decay.state == {"char-lstm": "c", "char-gru": "h"}[template]


def test_decay_is_not_told_below_the_layer_under_the_head() -> None:
    one = subject(small("char-lstm", layers=2))
    assert last(gates(one, GatesOf(20, "lstm", 0, decay=True))).decay is None
    assert last(gates(one, GatesOf(20, "lstm", 1, decay=True))).decay is not None


def test_states_of_every_layer_are_what_the_layers_gave() -> None:
    one = subject(small("char-lstm", layers=2))
    reading = last(states(one, TextStatesOf(30)))
    assert isinstance(reading, TextStates)
    assert [(each.layer.layer, each.state) for each in reading.layers] == [
        (0, "h"),
        (0, "c"),
        (1, "h"),
        (1, "c"),
    ]
    output = one.model.trace(one.excerpt(30).inputs)[2]["lstm", "out"][0]
    np.testing.assert_array_equal(reading.layers[2].values, output.detach().numpy())
    assert "".join(reading.tokens) == TEXT[:30]


def test_a_transformer_gives_what_leaves_its_blocks() -> None:
    one = subject(small("char-gpt", layers=2, heads=2))
    reading = last(states(one, TextStatesOf(20)))
    assert [each.state for each in reading.layers] == ["residual", "residual"]
    values = one.model.trace(one.excerpt(20).inputs)[2]
    (output,) = (v for (block, _), v in values.items() if block == reading.layers[1].layer.block)
    np.testing.assert_allclose(reading.layers[1].values, output[0].detach().numpy(), atol=1e-12)


def test_watching_leaves_nothing_on_the_model() -> None:
    one = subject(small("char-mgu"))
    kept = {name: value.clone() for name, value in one.model.state_dict().items()}
    last(gates(one, GatesOf(20)))
    assert all(not module._forward_hooks for module in one.model.modules())
    assert all(torch.equal(kept[name], value) for name, value in one.model.state_dict().items())


def test_time_constants_and_products_of_a_constant_gate() -> None:
    keep = np.tile(np.exp(-1 / np.array([2.0, 10.0, 100.0])), (40, 1))
    np.testing.assert_allclose(time_constants(keep), [2.0, 10.0, 100.0])
    curve = keep_curve(keep)
    np.testing.assert_allclose(curve.units[:, 1], -np.arange(41) / 10 / math.log(10), atol=1e-12)
    np.testing.assert_allclose(curve.median, curve.units[:, 1])
    assert time_constants(np.ones((5, 1)))[0] == math.inf
    assert list(unit_order(keep, "tau", keep)) == [2, 1, 0]


def test_product_over_a_distance_is_the_geometric_mean_over_places() -> None:
    keep = np.random.default_rng(0).uniform(0.2, 1.0, (12, 3))
    logs = [np.log10(np.prod(keep[start : start + 4], 0)) for start in range(9)]
    np.testing.assert_allclose(keep_curve(keep).units[4], np.mean(logs, 0))


def test_saturation_counts_the_time_beyond_both_thresholds() -> None:
    values = np.array([[0.05, 0.95], [0.5, 0.95], [0.08, 0.2], [0.95, 0.95]])
    left, right = saturation(values)
    np.testing.assert_array_equal(left, [0.5, 0.0])
    np.testing.assert_array_equal(right, [0.25, 0.75])
    left, _ = saturation(values, low=0.3)
    np.testing.assert_array_equal(left, [0.5, 0.25])


def test_units_are_ordered_by_what_a_person_asks() -> None:
    time = np.linspace(0, 2 * np.pi, 50)
    values = np.stack([0.1 * np.sin(time) + 3, np.sin(time), -2 * np.sin(time)], 1)
    assert list(unit_order(values, "number")) == [0, 1, 2]
    assert unit_order(values, "mean")[0] == 0
    assert list(unit_order(values, "pattern")) == [2, 0, 1]


def test_unknown_layer_falls_back_to_the_topmost() -> None:
    one = replace(subject(small("char-lstm", layers=2)))
    assert last(gates(one, GatesOf(10, "gone", 7))).layer.layer == 1
