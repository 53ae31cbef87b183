"""Curves, gradient norms and the panel base, on real runs and under a real pointer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from seqstudio.records.messages import Facts, LiveChanged
from seqstudio.records.readings import Metrics, Validation
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.curves import CurvesPanel
from seqstudio.studio.panels.explanation import InfoPopover
from seqstudio.studio.panels.measures import FAMILIES, TrailingMean, family_of
from seqstudio.studio.panels.norms import NormsPanel, clip_words, clipped
from seqstudio.studio.theme import theme, themes
from seqstudio.studio.widgets import EquationView, Label

LEFT = Qt.MouseButton.LeftButton


def metrics(first, losses, *, norm=None, clip=1.0):
    n = len(losses)
    steps = np.arange(first, first + n)
    return Metrics(
        steps=steps,
        loss=np.asarray(losses, float),
        grad_norm=np.full(n, 0.5) if norm is None else np.asarray(norm, float),
        rate=np.full(n, 2e-3),
        clip=np.full(n, clip),
        seconds=steps * 0.5,
        tokens=steps * 10,
    )


def facts(floor=1.5, unit="nats per character"):
    return Facts(1000, 4.0, "counting 5-grams", floor, unit, 100, 10, "cpu")


def given(session, *events, run="lstm-9"):
    """Put a history made of exact records in view."""
    session.history = RunHistory(run)
    session.history.extend(events)
    session.state = "running"
    return session


def curve(panel, key):
    return panel._chart.curve(key)


# ------------------------------------------------------------------------------- smoothing


def test_trailing_mean_is_the_mean_of_the_last_twentieth():
    values = np.random.default_rng(0).normal(size=1000)
    means = TrailingMean().extend(values)
    for step in (1, 19, 20, 21, 400, 999, 1000):
        window = min(200, max(1, math.ceil(0.05 * step)))
        assert means[step - 1] == pytest.approx(values[step - window : step].mean())


def test_trailing_mean_in_parts_equals_the_whole():
    values = np.random.default_rng(1).normal(size=6000)
    whole, parts = TrailingMean().extend(values), TrailingMean()
    pieces = [parts.extend(piece) for piece in np.split(values, [1, 7, 500, 501, 4321])]
    np.testing.assert_allclose(np.concatenate(pieces), whole)


def test_trailing_mean_leaves_nan_out():
    means = TrailingMean().extend(np.array([np.nan] * 2 + [3.0] * 38 + [np.nan]))
    assert np.isnan(means[0])
    assert means[-1] == pytest.approx(3.0)


def test_measures_of_nats_are_closed_forms():
    loss, perplexity, bits = FAMILIES[family_of("nats per character")]
    assert loss.of(1.5) == 1.5
    assert perplexity.of(math.log(65)) == pytest.approx(65)
    assert bits.of(math.log(2)) == pytest.approx(1)
    assert bits.title("nats per character") == "loss, bits per character"
    for unit, keys in (
        ("mean squared error", ["loss", "log"]),
        ("nats per value", ["loss", "bits"]),
        ("nats per step, over all keys", ["loss", "bits"]),
    ):
        assert [each.key for each in FAMILIES[family_of(unit)]] == keys


# ---------------------------------------------------------------------------------- curves


def test_curves_end_where_the_history_ends(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(CurvesPanel(session))
    history, run = session.history, session.history.run
    raw = curve(panel, f"{run}/raw").series
    assert raw.last() == (history.curves.steps[-1], history.curves.loss[-1])
    assert len(raw) == len(history.curves)
    window = math.ceil(0.05 * len(history.curves))
    smooth = curve(panel, f"{run}/train").series.last()
    assert smooth == (history.step, pytest.approx(history.curves.loss[-window:].mean()))
    newest = max(history.validations, key=lambda each: each.step)
    valid = curve(panel, f"{run}/valid").series.last()
    assert valid[0] == newest.step
    assert session.run_title() in panel.header.subtitle()


def test_curves_take_in_only_what_is_new(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0, 3.0]))
    panel = shown(CurvesPanel(session))
    session.events.emit(session.history.extend([metrics(3, [2.0, 1.0])]))
    raw = curve(panel, "lstm-9/raw").series
    np.testing.assert_array_equal(raw.y, [4, 3, 2, 1])
    # Going on from an older checkpoint replaces what came after it.
    session.events.emit(session.history.extend([metrics(2, [9.0])]))
    np.testing.assert_array_equal(raw.x, [1, 2])
    np.testing.assert_array_equal(raw.y, [4, 9])


def test_switching_to_bits_and_minutes_redraws_all(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0, 3.0]))
    panel = shown(CurvesPanel(session))
    panel._units["nats"].set_value("bits")
    panel._clock.set_value("minutes")
    panel._switched("")
    raw = curve(panel, "lstm-9/raw").series
    np.testing.assert_allclose(raw.y, np.array([4.0, 3.0]) / math.log(2))
    np.testing.assert_allclose(raw.x, np.array([0.5, 1.0]) / 60)


def test_verdict_stands_below_or_above_the_floor_in_words_and_colour(viewing, shown):
    below = Validation(2, 1.4, 0.5, 100, True, True)
    session = given(viewing("char-lstm"), facts(1.5), metrics(1, [4.0, 3.0]), below)
    panel = shown(CurvesPanel(session))
    assert panel._verdict.text() == "0.10 below the floor"
    assert panel._verdict.property("tone") == "success"
    session.history.extend([Validation(3, 1.75, 0.5, 100, True, False)])
    session.history.step = 3
    panel.refresh()
    assert panel._verdict.text() == "0.25 above the floor"
    assert panel._verdict.property("tone") == "error"
    session.history.extend([Validation(4, 1.501, 0.5, 100, True, False)])
    session.history.step = 4
    panel.refresh()
    assert panel._verdict.text() == "level with the floor"


def test_read_out_tells_the_step_under_the_pointer(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, np.linspace(4, 2, 100)))
    panel = shown(CurvesPanel(session))
    panel._chart.hovered.emit(41.3)
    box = panel._read_out(panel._hover)
    assert box.title.endswith("step 41")
    told = {name: value for _, name, value in box.rows}
    assert told["learning rate"] == "2.0e-3"
    window = math.ceil(0.05 * 41)
    expected = session.history.curves.loss[41 - window : 41].mean()
    assert told["training"] == f"{expected:.3f}"
    panel._chart.hovered.emit(math.nan)
    assert panel._hover is None


def test_click_on_the_curve_moves_the_training_clock(viewing, shown, qtbot):
    session = given(viewing("char-lstm"), facts(), metrics(1, np.linspace(4, 2, 100)))
    panel = shown(CurvesPanel(session))
    frame = panel._chart.frame()
    place = frame.point(40.0, 3.0).toPoint()
    with qtbot.waitSignal(session.cursor_changed):
        QTest.mouseClick(panel._chart, LEFT, pos=place)
    assert abs(session.cursor.step - 40) <= 1
    end = QPoint(int(frame.rect.right()) - 2, place.y())
    QTest.mouseClick(panel._chart, LEFT, pos=end)
    assert session.cursor.step is None, "the newest step is followed again"


def test_one_spike_does_not_flatten_the_axis(viewing, shown):
    losses = np.full(200, 2.0)
    losses[150] = 1e4
    session = given(viewing("char-lstm"), facts(), metrics(1, losses))
    panel = shown(CurvesPanel(session))
    assert panel._chart.view()[1].high < 10


def test_runs_beside_have_their_colour_and_dash(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0, 3.0]))
    other, same = RunHistory("gru-1"), RunHistory("lstm-2")
    for history in (other, same):
        history.extend([metrics(1, [3.5, 3.2, 3.1])])
    session.others = {"gru-1": other, "lstm-2": same}
    panel = shown(CurvesPanel(session))
    assert curve(panel, "gru-1/train").paint == "arch:gru"
    assert curve(panel, "gru-1/train").dash == ()
    assert curve(panel, "lstm-2/train").dash == theme().dash("secondRun")
    assert curve(panel, "lstm-9/train").dash == ()
    assert curve(panel, "lstm-9/train").label == "lstm-9", "two of one architecture go by name"
    assert panel._chart.curves()[-1].key.startswith("lstm-9"), "the run in view lies on top"


def test_before_the_first_run_guessing_and_floor_are_drawn(viewing, shown, qtbot):
    session = viewing("hello-rnn", run=False)
    panel = shown(CurvesPanel(session))
    assert panel.is_empty
    assert panel._chance == pytest.approx(math.log(4))
    qtbot.waitUntil(lambda: math.isfinite(panel._floor))
    assert panel._floor == pytest.approx(math.log(2) / 2)
    session.history = RunHistory("rnn-1")
    session.run_changed.emit()
    session.events.emit(session.history.extend([metrics(1, [1.0, 0.9])]))
    assert not panel.is_empty


def test_a_changed_live_setting_leaves_a_mark(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, np.full(100, 2.0)))
    panel = shown(CurvesPanel(session))
    before = panel.grab().toImage()
    session.history.extend([LiveChanged(50, "learning_rate", 1e-3)])
    panel.refresh()
    assert panel.grab().toImage() != before


def test_a_hundred_thousand_steps_are_fed_at_once(viewing, shown):
    losses = 2 + np.random.default_rng(0).normal(size=100_000) * 0.1
    session = given(viewing("char-lstm"), facts(), metrics(1, losses))
    panel = shown(CurvesPanel(session))
    raw = curve(panel, "lstm-9/raw").series
    assert len(raw) == 100_000
    x = panel._chart.view()[0]
    assert len(raw.reduce(x.low, x.high, 600).x) < 5000


# ----------------------------------------------------------------------------------- norms


def test_norms_draw_both_sides_of_the_clip(viewing, shown):
    session = viewing("char-lstm")
    panel = shown(NormsPanel(session))
    curves = session.history.curves
    np.testing.assert_array_equal(panel._before.series.y, curves.grad_norm)
    np.testing.assert_array_equal(panel._after.series.y, np.minimum(curves.grad_norm, 0.25))
    assert panel.clip == 0.25


def test_clipped_leaves_norms_where_there_is_no_clip():
    norm = np.array([0.5, 3.0, 3.0])
    np.testing.assert_array_equal(clipped(norm, np.array([1.0, 1.0, 0.0])), [0.5, 1.0, 3.0])


def test_clip_words_count_the_last_500_steps():
    norm = np.concatenate([np.full(600, 5.0), np.full(470, 0.1), np.full(30, 2.0)])
    assert clip_words(norm, np.ones(1100)) == "6 % of steps clipped, last 500"
    assert clip_words(norm, np.zeros(1100)) == "clipping is off"


def test_dragging_the_clip_line_sets_the_clip_norm(viewing, shown, qtbot):
    session = viewing("char-lstm")
    session.state = "running"
    panel = shown(NormsPanel(session))
    chart, frame = panel._chart, panel._chart.frame()
    x = int(frame.rect.right()) - 5
    start = QPoint(x, int(float(frame.py(0.25))))
    goal = QPoint(x, int(float(frame.py(2.0))))
    QTest.mousePress(chart, LEFT, pos=start)
    for share in (0.3, 0.6, 1.0):
        QTest.mouseMove(chart, start + (goal - start) * share)
        qtbot.wait(1)
    QTest.mouseRelease(chart, LEFT, pos=goal)
    assert session.document.project.training.clip == pytest.approx(2.0, rel=0.05)
    assert panel.clip == session.document.project.training.clip


def test_clipping_can_be_switched_off_and_on(viewing, shown):
    session = viewing("char-lstm")
    session.state = "running"
    panel = shown(NormsPanel(session))
    panel._clipping.click()
    assert session.document.project.training.clip == 0
    assert "clip" not in panel._chart._thresholds
    panel._clipping.click()
    assert session.document.project.training.clip == 1
    assert "clip" in panel._chart._thresholds


# -------------------------------------------------------------------------- what all share


def test_hidden_panels_wait_until_they_are_seen(viewing, shown, qtbot):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0]))
    panel = shown(NormsPanel(session))
    panel.hide()
    session.events.emit(session.history.extend([metrics(2, [3.0])]))
    assert len(panel._before.series) == 1
    panel.show()
    assert len(panel._before.series) == 2


def test_words_follow_at_most_four_times_a_second_but_the_last_one_comes(viewing, shown, qtbot):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0], norm=[5.0]))
    panel = shown(NormsPanel(session))
    for step in range(2, 40):
        session.events.emit(session.history.extend([metrics(step, [4.0], norm=[0.1])]))
    assert "50 %" in panel.header.subtitle(), "the words of step 2 still stand"
    qtbot.waitUntil(lambda: "3 %" in panel.header.subtitle())


def test_picture_has_the_size_asked_for_and_something_on_it(viewing):
    session = viewing("char-lstm")
    for kind in (CurvesPanel, NormsPanel):
        panel = kind(session)
        for ratio in (1.0, 2.0):
            image = panel.to_image(640, 300, ratio=ratio)
            assert (image.width(), image.height()) == (640 * ratio, 300 * ratio)
            colours = {
                QColor(image.pixelColor(x, y)).name()
                for x in range(0, image.width(), 3)
                for y in range(0, image.height(), 3)
            }
            assert len(colours) > 20
        panel.deleteLater()


def test_picture_of_a_shown_panel_leaves_it_in_place(viewing, shown):
    panel = shown(CurvesPanel(viewing("char-lstm")))
    body = panel._chart.geometry()
    panel.to_image(300, 200)
    assert panel._chart.geometry() == body


def test_writing_a_picture_tells_when_it_cannot(viewing, shown, qtbot, tmp_path):
    panel = shown(NormsPanel(viewing("char-lstm")))
    with qtbot.waitSignal(panel.session.notice) as told:
        panel.save_as(str(tmp_path / "norms.png"))
    assert told.args[0].level == "info"
    assert (tmp_path / "norms.png").stat().st_size > 1000
    for name in ("no/such/folder.png", "norms.xyz"):
        with qtbot.waitSignal(panel.session.notice) as told:
            panel.save_as(str(tmp_path / name))
        assert told.args[0].level == "error"


def test_a_panel_is_saved_as_a_drawing_and_as_its_numbers(viewing, shown, tmp_path):
    session = viewing("char-lstm")
    panel = shown(NormsPanel(session))
    for ending in ("svg", "csv", "npz"):
        panel.save_as(str(tmp_path / f"norms.{ending}"))
    drawing = (tmp_path / "norms.svg").read_text(encoding="utf-8")
    assert "<svg" in drawing
    assert "polyline" in drawing or "<path" in drawing, "lines are lines, not a picture"
    with np.load(tmp_path / "norms.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["grad_norm"], session.history.curves.grad_norm)
    lines = (tmp_path / "norms.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "name,i,value"
    assert f"step,0,{session.history.curves.steps[0]}" in lines


def test_a_panel_without_numbers_says_so(viewing, shown, tmp_path, qtbot):
    session = viewing("char-lstm", run=False)
    panel = shown(NormsPanel(session))
    with qtbot.waitSignal(session.notice) as told:
        panel.save_as(str(tmp_path / "norms.csv"))
    assert told.args[0].what == "Gradient norm has no numbers to save"
    assert not (tmp_path / "norms.csv").exists()


def test_theme_switch_repaints_in_the_other_colours(viewing, shown):
    panel = shown(CurvesPanel(viewing("char-lstm")))
    assert panel._chart.grab().toImage().pixelColor(3, 3) == theme().color("surface0")
    themes().set_mode("light")
    assert panel._chart.grab().toImage().pixelColor(3, 3) == theme().color("surface0")
    assert theme().color("surface0").lightness() > 200


def test_explanation_opens_with_what_stands_behind_the_numbers(viewing, shown, qtbot):
    panel = shown(CurvesPanel(viewing("char-lstm")))
    panel.show_info()
    (popover,) = panel.findChildren(InfoPopover)
    told = [label.text() for label in popover.findChildren(QWidget) if hasattr(label, "text")]
    assert any("Witten" in text for text in told)
    assert any("predictions" in text for text in told)
    popover.close()
    qtbot.waitUntil(lambda: not panel.findChildren(InfoPopover))


def test_explanation_has_room_for_all_its_words(viewing, shown, qtbot):
    panel = shown(CurvesPanel(viewing("char-lstm")))
    QTest.keyClicks(panel, "?")
    (popover,) = panel.findChildren(InfoPopover)
    (formulas,) = popover.findChildren(EquationView)
    plain = formulas.sizeHint().height()
    qtbot.waitUntil(lambda: formulas.sizeHint().height() != plain, timeout=20_000)
    QGuiApplication.sendPostedEvents()
    for part in [*popover.findChildren(Label), formulas]:
        needed = part.heightForWidth(part.width())
        assert part.height() >= max(needed, 0)
    assert formulas.height() >= formulas.sizeHint().height()
    assert popover.height() == popover.layout().totalHeightForWidth(popover.width())
    popover.close()


def test_narrow_panels_leave_switches_out_instead_of_cutting_them(viewing, shown):
    panel = shown(CurvesPanel(viewing("char-lstm")), 400, 240)
    assert panel.width() == 400
    assert not panel._clock.isVisible()
    assert panel._units["nats"].isVisible()
    panel.resize(720, 420)
    assert panel._clock.isVisible()
    assert panel._verdict.isVisible()


def test_another_run_takes_the_place_of_the_first(viewing, shown):
    session = given(viewing("char-lstm"), facts(), metrics(1, [4.0, 3.0]))
    panel, norms = shown(CurvesPanel(session)), shown(NormsPanel(session))
    second = RunHistory("lstm-10")
    second.extend([facts(), metrics(1, [2.5], norm=[0.75])])
    session.history = second
    session.run_changed.emit()
    assert curve(panel, "lstm-10/raw").series.last() == (1, 2.5)
    with pytest.raises(KeyError):
        curve(panel, "lstm-9/raw")
    np.testing.assert_array_equal(norms._before.series.y, [0.75])


def test_errors_of_tasks_without_nats_are_drawn_plain_or_by_decades(viewing, shown):
    session = viewing("adding-lstm", run=False)
    given(session, facts(1 / 6, "mean squared error"), metrics(1, [0.2, 0.02]))
    panel = shown(CurvesPanel(session))
    assert panel._units["error"].isVisible()
    assert not panel._units["nats"].isVisible()
    panel._units["error"].set_value("log")
    panel._switched("log")
    assert panel._chart.view()[1].log
    assert replace(panel.measure, key="loss").of(0.02) == 0.02
