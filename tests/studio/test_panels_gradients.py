"""The gradient horizon and the gradient through time, on real runs and exact records."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from seqstudio.records.readings import GradientReading, Horizon, LayerGradient
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.horizon import HorizonPanel, pathology, ratio_text, reach_words
from seqstudio.studio.panels.through_time import ThroughTimePanel
from seqstudio.studio.theme import theme, themes

LEFT = Qt.MouseButton.LeftButton


def straight(slope, *, arch="rnn", quantity="dl/dh", steps=64):
    """A line that falls by `slope` decades a step, with the fit that belongs to it."""
    d = np.arange(steps)
    median = slope * d
    reach = -1 / slope if slope < 0 else math.inf
    count = np.maximum(1, 64 - d)
    return Horizon(
        "cell", arch, quantity, d, median - 0.5, median, median + 0.5, count, slope, reach
    )


def looked(*horizons, step=10, window=64):
    return GradientReading(step, tuple("x" * window), (), horizons, 4, window, "probe text", 0.01)


def with_readings(session, *readings, run="rnn-9"):
    session.history = RunHistory(run)
    session.history.extend(readings)
    session.history.step = max(reading.step for reading in readings)
    return session


def measured_layer(total, direct, *, block="rnn", layer=0, cell=None, wall=0.5):
    wall_c = None if cell is None else 0.25
    arch = "rnn" if cell is None else "lstm"
    parts = (np.asarray(total, float), np.asarray(direct, float))
    cells = None if cell is None else np.asarray(cell, float)
    return LayerGradient(block, layer, arch, *parts, cells, wall, wall_c)


def at_step(*layers, step=42, text="hello"):
    return GradientReading(step, tuple(text), layers, (), 4, len(text), "training step", 0.002)


# --------------------------------------------------------------------------------- horizon


def test_horizon_draws_the_recorded_median_and_band(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(HorizonPanel(session))
    reading = session.history.horizons.newest()
    (recorded,) = [each for each in reading.horizons if each.quantity == "dl/dh"]
    (line,) = panel._chart.curves()
    np.testing.assert_allclose(line.series.y, 10.0**recorded.median)
    assert set(panel.numbers()) >= {f"{line.key}.log10_median", f"{line.key}.count"}
    np.testing.assert_array_equal(line.series.x, recorded.distance)
    np.testing.assert_allclose(line.band[1], 10.0**recorded.low)
    assert line.paint == "arch:lstm"
    assert line.detail == reach_words(recorded)
    assert f"step {reading.step:,}" in panel.header.subtitle()


def test_axes_are_fixed_whatever_the_data_say(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-2.0)))
    panel = shown(HorizonPanel(session))
    x, y = panel._chart.view()
    assert (y.low, y.high, y.log) == (1e-12, 1e4, True)
    assert x.low == 0
    assert x.high > 64, "there is room behind the wall"


def test_switch_chooses_state_cell_or_input(viewing, shown, qtbot):
    session = viewing("char-lstm")
    panel = shown(HorizonPanel(session))
    reading = session.history.horizons.newest()
    for quantity in ("dl/dc", "dl/demb"):
        (button,) = [
            each for each in panel._quantity._buttons.values() if each.property("key") == quantity
        ]
        QTest.mouseClick(button, LEFT)
        (recorded,) = [each for each in reading.horizons if each.quantity == quantity]
        line, *gates = panel._chart.curves()
        np.testing.assert_allclose(line.series.y, 10.0**recorded.median)
        assert len(gates) == (quantity == "dl/dc")


def test_the_decay_that_the_forget_gates_predict_lies_beside_the_measured_one(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(HorizonPanel(session), 900)
    QTest.mouseClick(panel._quantity._buttons["dl/dc"], LEFT)
    reading = session.history.horizons.newest()
    (recorded,) = [each for each in reading.horizons if each.quantity == "dl/dc"]
    measured, gates = panel._chart.curves()
    np.testing.assert_allclose(gates.series.y, 10.0**recorded.predicted)
    assert gates.label == "product of forget gates"
    assert gates.dash
    assert not measured.dash
    assert panel._read_out(8.0).rows[1][1] == "LSTM, gates alone"
    panel._gates.click()
    assert len(panel._chart.curves()) == 1


def test_raw_norms_are_those_of_the_record_and_older_records_have_none(viewing, shown):
    session = viewing("char-gpt")
    panel = shown(HorizonPanel(session), 900)
    (recorded,) = session.history.horizons.newest().horizons
    QTest.mouseClick(panel._start._buttons["raw"], LEFT)
    (line,) = panel._chart.curves()
    np.testing.assert_allclose(line.series.y, 10.0 ** recorded.raw[1])
    np.testing.assert_allclose(line.band[2], 10.0 ** recorded.raw[2])
    panel.session.history = with_readings(session, looked(straight(-0.1))).history
    session.run_changed.emit()
    assert not panel._start._buttons["raw"].isEnabled()
    assert panel._start.value() == "0"
    assert len(panel._chart.curves()) == 1


def test_distance_and_time_are_linked_through_the_last_loss(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-0.5)))
    panel = shown(HorizonPanel(session))
    panel._chart.hovered.emit(20.2)
    assert session.cursor.t == 63 - 20
    panel._chart.hovered.emit(math.nan)
    session.move_cursor(t=60)
    assert panel._chart._cursor == 3.0


def test_a_transformer_has_its_input_gradient_and_says_why_not_the_rest(viewing, shown):
    panel = shown(HorizonPanel(viewing("char-gpt")))
    assert panel.quantity == "dl/demb"
    (line,) = panel._chart.curves()
    assert line.paint == "arch:transformer"
    assert not panel._quantity._buttons["dl/dh"].isEnabled()
    assert "recurrent" in panel._quantity._buttons["dl/dh"].toolTip()
    beside = RunHistory("rnn-1")
    beside.extend([looked(straight(-0.5), straight(-0.5, quantity="dl/demb"))])
    panel.session.others = {"rnn-1": beside}
    panel.session.run_changed.emit()
    assert panel.quantity == "dl/demb", "the run in view decides, so that all are drawn"
    assert len(panel._chart.curves()) == 2


def test_input_gradient_can_be_told_relative_to_the_first_step_back(viewing, shown):
    panel = shown(HorizonPanel(viewing("char-gpt")))
    before = np.array(panel._chart.curves()[0].series.y)
    assert before[0] == pytest.approx(1)
    QTest.mouseClick(panel._start._buttons["1"], LEFT)
    (line,) = panel._chart.curves()
    np.testing.assert_allclose(line.series.y, before / before[1])
    assert line.series.y[1] == pytest.approx(1)
    session = panel.session
    session.history = with_readings(session, looked(straight(-0.1))).history
    session.run_changed.emit()
    assert panel._start.value() == "0"
    assert not panel._start._buttons["1"].isEnabled(), "a state has no shortcut to leave out"


def test_words_of_the_reach():
    assert reach_words(straight(-1 / 3.9)) == "÷10 every 3.9"
    assert reach_words(straight(-1 / 15)) == "÷10 every 15"
    assert reach_words(straight(0.1)) == "×10 every 10"
    assert reach_words(straight(-0.001)) == "flat"
    assert reach_words(straight(math.nan)) == "too short to fit"
    assert pathology(straight(-1 / 3.9)) == "fades to a tenth every 3.9 steps"
    assert pathology(straight(0.25)) == "grows tenfold every 4.0 steps"
    assert pathology(straight(-1 / 15)) == ""
    assert pathology(straight(-0.0001)) == ""


def test_subtitle_names_what_is_wrong(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-0.5)))
    panel = shown(HorizonPanel(session))
    assert panel.header.subtitle().endswith("fades to a tenth every 2.0 steps")


def test_runs_beside_are_drawn_with_their_reach(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-0.5)))
    other = RunHistory("lstm-3")
    other.extend([looked(straight(-0.1, arch="lstm"), straight(-0.1, arch="lstm",
                                                               quantity="dl/demb"))])  # fmt: skip
    session.others = {"lstm-3": other}
    panel = shown(HorizonPanel(session))
    assert [line.paint for line in panel._chart.curves()] == ["arch:lstm", "arch:rnn"]
    assert "1 beside it" in panel.header.subtitle()


def test_the_training_clock_shows_the_reading_of_then(viewing, shown):
    readings = [looked(straight(-0.5), step=10), looked(straight(-0.1), step=20)]
    session = with_readings(viewing("char-rnn"), *readings)
    panel = shown(HorizonPanel(session))
    assert panel._chart.curves()[0].detail == "÷10 every 10"
    session.move_cursor(step=15)
    assert panel._chart.curves()[0].detail == "÷10 every 2.0"


def test_before_the_first_measurement_it_is_told_and_one_can_go_there(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-0.5), step=10),
                            at_step(measured_layer([1] * 5, [1] * 5)))  # fmt: skip
    for made, first in ((HorizonPanel, 10), (ThroughTimePanel, 42)):
        panel = shown(made(session))
        session.move_cursor(step=3)
        assert panel.is_empty
        (button,) = [
            each for each in panel.findChildren(QPushButton) if each.text() == "Go to the first"
        ]
        button.click()
        assert session.cursor.step == first
        assert not panel.is_empty


def test_read_out_gives_ratio_and_number_of_pairs(viewing, shown):
    session = with_readings(viewing("char-rnn"), looked(straight(-0.5)))
    panel = shown(HorizonPanel(session))
    panel._chart.hovered.emit(20.2)
    box = panel._read_out(20.0)
    assert box.title == "d = 20 steps back"
    assert box.rows[0][1:] == ("RNN", "1.0e-10")
    assert box.note == "median of 44 pairs"
    panel._chart.hovered.emit(math.nan)
    assert panel._hover is None


def test_nothing_at_all_is_told_apart_from_little():
    assert ratio_text(-math.inf) == "0"
    assert ratio_text(-30.0) == "1.0e-30"
    assert ratio_text(-1.0) == "0.1"


def test_an_exact_zero_is_a_gap_with_a_mark_not_the_floor_of_the_axis(viewing, shown):
    line = straight(-0.1)
    holed = np.where(line.distance == 30, -np.inf, line.median)
    gap = Horizon(line.block, line.arch, line.quantity, line.distance, holed, holed, holed,
                  line.count, line.slope, line.reach)  # fmt: skip
    panel = shown(HorizonPanel(with_readings(viewing("char-rnn"), looked(gap))))
    frame = panel._chart.frame()
    (drawn,) = panel._chart.curves()
    assert np.isnan(frame.py(drawn.series.y)[30])
    with_mark = panel._chart.grab().toImage()
    panel._chart.over.remove(panel._paint_zeros)
    panel._chart.update()
    assert panel._chart.grab().toImage() != with_mark


def test_far_below_the_axis_the_region_of_float32_is_hatched(viewing, shown):
    panel = shown(HorizonPanel(with_readings(viewing("char-rnn"), looked(straight(-1.0)))))
    panel._chart.set_range(y=(1e-60, 1e4))
    hatched = panel._chart.grab().toImage()
    panel._chart.under.remove(panel._paint_floor)
    panel._chart.update()
    assert panel._chart.grab().toImage() != hatched


def test_horizon_before_a_run_shows_axes_and_the_wall(viewing, shown):
    session = viewing("char-lstm", run=False)
    panel = shown(HorizonPanel(session))
    assert panel.is_empty
    assert panel._chart.view()[0].high == pytest.approx(session.facts.window * 4 / 3)
    frame = panel._chart.frame()
    wall = (
        panel._chart.grab()
        .toImage()
        .pixelColor(round(float(frame.px(session.facts.window))), int(frame.rect.center().y()))
    )
    assert wall.red() > wall.blue() + 60, "the wall of the window is drawn already"


# ---------------------------------------------------------------------------- through time


def test_through_time_draws_total_direct_and_cell(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(ThroughTimePanel(session))
    (layer,) = session.history.gradients.newest().layers
    chart = panel._chart
    np.testing.assert_array_equal(chart.curve("total dL/dh").series.y, layer.total_h)
    np.testing.assert_array_equal(chart.curve("direct part").series.y, layer.direct_h)
    np.testing.assert_array_equal(chart.curve("dL/dc").series.y, layer.total_c)
    np.testing.assert_array_equal(
        chart.curve("total dL/dh").series.x, np.arange(1, len(layer.total_h) + 1)
    )
    assert panel.header.subtitle().startswith("training step")
    assert "window 32" in panel.header.subtitle()
    np.testing.assert_array_equal(chart.curve("direct part, c").series.y, layer.direct_c)
    np.testing.assert_array_equal(panel.numbers()[f"{layer.block}.0.direct_c"], layer.direct_c)


def test_the_subtitle_tells_what_clipping_made_of_that_very_step(viewing, shown):
    session = viewing("char-lstm")
    session.history = copy.deepcopy(session.history)
    panel = shown(ThroughTimePanel(session))
    curves = session.history.curves
    reading = session.history.gradients.newest()
    (place,) = np.flatnonzero(curves.steps == reading.step + 1)
    norm, limit = float(curves.grad_norm[place]), float(curves.clip[place])
    assert limit == 0.25
    if norm > limit:
        assert f", then clipped to {100 * limit / norm:.0f} %," in panel.header.subtitle()
    else:
        assert ", not clipped," in panel.header.subtitle()
    assert "limit 0.25" in dict(panel.measured())["Clipping"]
    session.history.curves.rewind(reading.step)
    panel.refresh()
    assert "Clipping" not in dict(panel.measured()), "nothing is said where nothing is known"


def test_all_layers_can_be_seen_at_once(viewing, shown):
    layers = (measured_layer([1] * 5, [1] * 5), measured_layer([2] * 5, [1] * 5, layer=1))
    panel = shown(ThroughTimePanel(with_readings(viewing("char-rnn"), at_step(*layers))))
    panel._layers.set_value("all")
    panel._layer_chosen("all")
    panel.refresh()
    lower, upper = panel._chart.curves()
    assert (lower.series.y[0], upper.series.y[0]) == (1, 2)
    assert lower.dash != upper.dash
    assert not panel._direct.isVisible()
    panel._layer_chosen(("rnn", 0))
    panel.refresh()
    assert panel._direct.isVisible()
    assert len(panel._chart.curves()) == 2, "direct part and total of one layer"


def test_the_direct_part_is_never_called_gradient(viewing, shown):
    panel = shown(ThroughTimePanel(viewing("char-lstm")))
    labels = {curve.key: curve.label for curve in panel._chart.curves()}
    assert labels["direct part"] == "direct part"
    assert "gradient" not in panel._direct.text().lower()


def test_switches_take_lines_away(viewing, shown):
    panel = shown(ThroughTimePanel(viewing("char-lstm")))
    panel._direct.click()
    panel._cell.click()
    assert [curve.key for curve in panel._chart.curves()] == ["total dL/dh"]
    panel._direct.click()
    assert [curve.key for curve in panel._chart.curves()] == ["direct part", "total dL/dh"]


def test_an_rnn_has_no_cell_to_switch(viewing, shown):
    session = with_readings(viewing("char-rnn"), at_step(measured_layer([1] * 5, [1] * 5)))
    panel = shown(ThroughTimePanel(session))
    assert not panel._cell.isVisible()
    assert panel._total.isVisible()


def test_axis_grows_by_decades_for_a_vanishing_gradient(viewing, shown):
    layer = measured_layer(10.0 ** np.array([-9.5, -7, -5, -3, -1]), [0, 0, 0, 0, 0.1], wall=1e-11)
    panel = shown(ThroughTimePanel(with_readings(viewing("char-rnn"), at_step(layer))))
    assert panel._chart.view()[1].low == pytest.approx(1e-11)
    assert panel._chart.view()[1].high == pytest.approx(1e2)


def test_layers_are_chosen_by_the_shared_cursor(viewing, shown):
    layers = (measured_layer([1] * 5, [1] * 5), measured_layer([2] * 5, [1] * 5, layer=1))
    session = with_readings(viewing("char-rnn"), at_step(*layers))
    panel = shown(ThroughTimePanel(session))
    assert panel._layers.isVisible()
    assert panel._chart.curve("total dL/dh").series.y[0] == 2, "the topmost layer comes first"
    panel._layer_chosen(("rnn", 0))
    assert (session.cursor.block, session.cursor.layer) == ("rnn", 0)
    assert panel._chart.curve("total dL/dh").series.y[0] == 1


def test_click_moves_the_sequence_clock(viewing, shown, qtbot):
    session = with_readings(viewing("char-rnn"), at_step(measured_layer([1] * 5, [1] * 5)))
    panel = shown(ThroughTimePanel(session))
    place = panel._chart.frame().point(4.0, 1.0).toPoint()
    with qtbot.waitSignal(session.cursor_changed):
        QTest.mouseClick(panel._chart, LEFT, pos=place)
    assert session.cursor.t == 3, "time step 4 is the token with number 3"
    box = panel._read_out(4.0)
    assert "“l”" in box.title
    assert {name: value for _, name, value in box.rows} == {"total dL/dh": "1", "direct part": "1"}


def test_a_transformer_is_told_what_it_would_need(viewing, shown):
    session = viewing("char-gpt")
    panel = shown(ThroughTimePanel(session))
    assert panel.is_empty
    (button,) = [each for each in panel.findChildren(QPushButton) if "LSTM" in each.text()]
    button.click()
    kinds = [block.kind for block in session.document.project.graph]
    assert "lstm" in kinds
    session.document.undo()
    assert "lstm" not in [block.kind for block in session.document.project.graph]


def test_what_is_cut_off_at_the_wall_is_among_the_numbers(viewing, shown):
    layer = measured_layer([1] * 5, [1] * 5, cell=[1] * 5, wall=0.5)
    panel = shown(ThroughTimePanel(with_readings(viewing("char-lstm"), at_step(layer))))
    told = dict(panel.measured())
    assert told["Cut off, dL/dh₀"] == "0.5"
    assert told["Cut off, dL/dc₀"] == "0.25"


@pytest.mark.parametrize("panel_type", [HorizonPanel, ThroughTimePanel])
def test_pictures_follow_the_theme(viewing, panel_type):
    panel = panel_type(viewing("char-lstm"))
    for mode in ("dark", "light"):
        themes().set_mode(mode)
        image = panel.to_image(500, 320)
        assert (image.width(), image.height()) == (500, 320)
        assert image.pixelColor(2, 318) == theme().color("surface0")
        line = theme().arch("lstm") if panel_type is HorizonPanel else theme().role("gradient")
        pixels = {image.pixelColor(x, y).name() for x in range(500) for y in range(60, 300)}
        assert line.name() in pixels
    panel.deleteLater()
