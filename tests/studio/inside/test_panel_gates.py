"""The gates panel asks a model and links its views with the shared cursor."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.document.document import Document
from seqstudio.insight.gating import saturation, time_constants
from seqstudio.studio.inside.gates.panel import ENDS, MEMORY, GatesPanel
from seqstudio.studio.session import Session
from seqstudio.studio.widgets import Button
from tests.small_runs import small_project


@pytest.fixture
def opened(qtbot, small_text):
    sessions = []

    def give(template: str) -> tuple[Session, GatesPanel]:
        session = Session(Document(small_project(template, small_text, 1000)), threads=True)
        sessions.append(session)
        panel = GatesPanel(session)
        qtbot.addWidget(panel)
        panel.resize(1000, 700)
        panel.show()
        there = lambda: panel.looked is not None or panel.refused is not None  # noqa: E731
        qtbot.waitUntil(there, timeout=30_000)
        panel.refresh()
        return session, panel

    yield give
    for session in sessions:
        session.begin_close()
        qtbot.waitUntil(lambda: session.closed, timeout=20_000)  # noqa: B023
        session.end_close()


def test_the_map_shows_the_keeping_gate_slowest_unit_on_top(opened) -> None:
    _, panel = opened("char-lstm")
    keep = next(trace for trace in panel.reading.traces if trace.name == "f")
    tau = time_constants(keep.values)
    assert panel.trace is not None
    assert panel.trace.name == "f"
    assert panel.map.shape() == (24, len(panel.reading.tokens))
    assert list(tau[list(panel.map.units)]) == sorted(tau, reverse=True)
    row, t = 3, 5
    assert panel.map.value(row, t) == pytest.approx(keep.values[t, panel.map.units[row]])


def test_pointing_at_a_cell_moves_the_shared_cursor_and_all_views_follow(qtbot, opened) -> None:
    session, panel = opened("char-lstm")
    frame = panel.map.frame()
    place = frame.row_rect(4).center().toPoint()
    place.setX(round(frame.column_rect(9).center().x()))
    qtbot.mouseClick(panel.map, Qt.MouseButton.LeftButton, pos=place)
    unit = panel.map.units[4]
    assert (session.cursor.t, session.cursor.unit, session.cursor.block) == (9, unit, "lstm")
    assert panel.ends.plot.chosen == unit
    session.move_cursor(unit=panel.map.units[0], t=2)
    assert panel.ends.plot.chosen == panel.map.units[0]
    dot = panel.ends.plot.places(panel.ends.plot.frame())[panel.map.units[7]]
    qtbot.mouseMove(panel.ends.plot, QPoint(round(dot[0]), round(dot[1])))
    shown = panel.ends.plot
    pointed = session.cursor.unit
    assert (shown.xs[pointed], shown.ys[pointed]) == pytest.approx(
        (shown.xs[panel.map.units[7]], shown.ys[panel.map.units[7]])
    )


def test_thresholds_count_again_at_once(opened) -> None:
    _, panel = opened("char-lstm")
    keep = panel.trace.values
    np.testing.assert_array_equal(panel.ends.plot.xs, saturation(keep, 0.1, 0.9)[0])
    panel.ends.high.set_value(0.7)
    panel.ends.high.value_changed.emit(0.7)
    np.testing.assert_array_equal(panel.ends.plot.ys, saturation(keep, 0.1, 0.7)[1])


def test_each_gate_and_state_can_be_shown_on_its_scale(opened) -> None:
    _, panel = opened("char-lstm")
    for name, levels in (("i", (0.0, 1.0)), ("o", (0.0, 1.0)), ("g", (-1.0, 1.0))):
        panel.traces.set_value(name)
        panel.traces.committed.emit(name)
        assert panel.trace.name == name
        assert panel.map._levels == levels
    panel.traces.committed.emit("c")
    low, high = panel.map._levels
    assert low == -high <= -np.abs(panel.trace.values).max()


def test_units_can_be_ordered_by_number(opened) -> None:
    _, panel = opened("char-gru")
    panel.orders.set_value("number")
    panel.orders.committed.emit("number")
    assert panel.map.units == tuple(range(24))
    assert panel.reading.keep == "z"


def test_memory_is_measured_when_it_is_looked_at(qtbot, opened) -> None:
    _, panel = opened("char-lstm")
    assert panel.tiles.form == "all"
    assert panel.reading.decay is not None
    assert {curve.key for curve in panel.memory.curves()} >= {"carousel alone", "true dL/dc"}
    assert (
        panel.measured()[-2][0],
        panel.measured()[-2][1][:9],
    ) == ("Carousel alone", "÷10 every")
    panel.resize(400, 300)
    panel.refresh()
    assert panel.tiles.form == "one"
    qtbot.waitUntil(lambda: panel.reading.decay is None, timeout=30_000)
    panel.views.value_changed.emit("memory")
    assert panel.tiles.chosen == MEMORY
    qtbot.waitUntil(lambda: panel.reading.decay is not None, timeout=30_000)
    panel.views.value_changed.emit("ends")
    assert panel.tiles.views[ENDS].isVisible()
    assert not panel.map.isVisible()


def test_letters_show_the_page_of_the_cursor(qtbot, opened) -> None:
    session, panel = opened("char-rnn")
    assert panel.keep is None
    panel.letters.set_value(True)
    panel.letters.committed.emit(True)
    first = panel.map.shape()[1]
    assert first < len(panel.reading.tokens)
    session.move_cursor(t=len(panel.reading.tokens) - 1)
    assert panel.map.first + panel.map.shape()[1] == len(panel.reading.tokens)
    last = panel.map.value(0, panel.map.shape()[1] - 1)
    assert last == pytest.approx(panel.trace.values[-1, panel.map.units[0]])


def test_a_transformer_is_told_what_it_would_need(opened) -> None:
    session, panel = opened("char-gpt")
    assert panel.is_empty
    assert panel.refused.what == "This model has no gates"
    blocks = len(session.project.graph.blocks)
    button = next(b for b in panel.findChildren(Button)
                  if b.text() == "Add an LSTM")  # fmt: skip
    button.click()
    assert len(session.project.graph.blocks) == blocks + 1
    session.document.undo()
    assert len(session.project.graph.blocks) == blocks


def test_a_text_of_one_step_is_shown(qtbot, opened) -> None:
    session, panel = opened("char-lstm")
    session.set_probe_text("at")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 1, timeout=30_000)
    panel.refresh()
    assert panel.map.shape() == (24, 1)
    panel.letters.committed.emit(True)
    session.move_cursor(t=5, unit=3, block="lstm")
    assert not panel.to_image(800, 500).isNull()


def test_a_picture_of_an_unseen_panel_has_all_of_it(qtbot, opened) -> None:
    session, shown = opened("char-lstm")
    shown.hide()
    panel = GatesPanel(session)
    qtbot.addWidget(panel)
    panel.refresh()
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    assert not panel.to_image(1100, 760).isNull()
    assert {curve.key for curve in panel.memory.curves()} >= {"median", "carousel alone"}
