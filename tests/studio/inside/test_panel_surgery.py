"""Units are held from the panel, and everything that they cost is shown."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.document.document import Document
from seqstudio.studio.inside.surgery.panel import SurgeryPanel, typed_units
from seqstudio.studio.inside.surgery.tiles import common_start
from seqstudio.studio.session import Session
from tests.small_runs import small_project


@pytest.fixture
def opened(qtbot, small_text, monkeypatch):
    monkeypatch.setattr("seqstudio.studio.inside.surgery.panel.WRITTEN", 12)
    sessions = []

    def give(template: str) -> tuple[Session, SurgeryPanel]:
        session = Session(Document(small_project(template, small_text, 1000)), threads=True)
        sessions.append(session)
        panel = SurgeryPanel(session)
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


def hold(qtbot, panel: SurgeryPanel, text: str) -> None:
    panel.units.set_value(text)
    panel.units.committed.emit(text)
    held = typed_units(text)
    done = lambda: panel.reading.units == held and panel.looked.done  # noqa: E731
    qtbot.waitUntil(done, timeout=30_000)
    panel.refresh()


def test_holding_units_colours_the_text_and_tells_both_losses(qtbot, opened) -> None:
    _, panel = opened("char-lstm")
    assert panel.reading.units == ()
    assert "Nothing is held" in panel.text_tile.words.text()
    hold(qtbot, panel, "3, 5")
    reading = panel.reading
    shown = panel.text_tile.strip._cells._value_N
    np.testing.assert_allclose(shown, reading.after - reading.before)
    told = panel.text_tile.words.text()
    assert "units 3, 5 at 0" in told
    assert f"{np.nanmean(reading.after):.3f}" in told
    assert f"{reading.held_after:.3f}" in told
    assert reading.held_count > 0
    assert reading.wrote_before != ()
    assert panel.header.subtitle().startswith("LSTM, state h · units 3, 5 at 0")


def test_next_tokens_are_those_at_the_cursor(qtbot, opened) -> None:
    session, panel = opened("char-gru")
    hold(qtbot, panel, "2")
    session.move_cursor(t=11)
    reading = panel.reading
    best = int(np.argmax(reading.p_after[11]))
    symbol = reading.symbols[reading.choices[11][best]]
    assert panel.next_tile.after.choices[0] == (symbol, pytest.approx(reading.p_after[11][best]))
    panel.text_tile.strip.clicked.emit(4)
    assert session.cursor.t == 4


def test_the_unit_of_the_cursor_is_held_when_none_is_typed(qtbot, opened) -> None:
    session, panel = opened("char-gru")
    block = panel.reading.site.block
    session.move_cursor(block=block, layer=0, unit=6)
    qtbot.waitUntil(lambda: panel.reading.units == (6,), timeout=30_000)
    assert "6, of the cursor" in panel.units.placeholderText()
    hold(qtbot, panel, "1")
    session.move_cursor(unit=9)
    assert panel.held() == (1,)


def test_values_and_places_can_be_chosen(qtbot, opened) -> None:
    _, panel = opened("char-lstm")
    hold(qtbot, panel, "0")
    at_zero = panel.reading.after.copy()
    panel.to.set_value("plus")
    panel.to.committed.emit("plus")
    qtbot.waitUntil(lambda: panel.reading.to == "plus", timeout=30_000)
    assert not np.array_equal(panel.reading.after, at_zero)
    cell = next((s.block, s.layer, s.back, s.part) for s in panel.reading.sites if s.part == "c")
    panel.sites.set_value(cell)
    panel.sites.committed.emit(cell)
    qtbot.waitUntil(lambda: panel.reading.site.part == "c", timeout=30_000)


def test_the_ranking_is_ordered_and_a_click_holds_its_unit(qtbot, opened) -> None:
    _, panel = opened("char-rnn")
    panel.rank_tile.button.click()
    assert panel.rank_tile.button.text() == "Stop"
    qtbot.waitUntil(lambda: not panel._side.waiting, timeout=30_000)
    ranking = panel._ranking
    assert np.isfinite(ranking.increase).all()
    assert panel.rank_tile.words.text().endswith("untrained weights, seed 0")
    order = panel.rank_tile.list.order
    assert list(ranking.increase[list(order)]) == sorted(ranking.increase, reverse=True)
    assert panel.rank_tile.button.text() == "Rank the units"
    rows = panel.rank_tile.list
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(40, rows.pitch() // 2))
    assert panel.units.value() == str(order[0])
    qtbot.waitUntil(lambda: panel.reading.units == (order[0],), timeout=30_000)
    panel.refresh()
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    assert panel.units.value() == str(order[1])


def test_a_ranking_can_be_stopped(qtbot, opened) -> None:
    _, panel = opened("char-lstm")
    panel.rank_tile.button.click()
    panel.rank_tile.button.click()
    qtbot.waitUntil(lambda: not panel._side.waiting, timeout=30_000)
    assert panel.rank_tile.button.text() == "Rank the units"
    assert panel._ranking is None or not np.isfinite(panel._ranking.increase).all()


def test_heads_of_a_transformer_are_held(qtbot, opened) -> None:
    _, panel = opened("char-gpt")
    heads = next(
        (s.block, s.layer, s.back, s.part) for s in panel.reading.sites if s.part == "heads"
    )
    panel.sites.committed.emit(heads)
    qtbot.waitUntil(lambda: panel.reading.site.part == "heads", timeout=30_000)
    hold(qtbot, panel, "1")
    assert "head 1 at 0" in panel.text_tile.words.text()
    assert [panel.to.itemText(n) for n in range(panel.to.count())] == [
        "held at 0",
        "held at mean",
        "turned, × −1",
    ]


def test_what_is_no_unit_is_marked_and_left_out(qtbot, opened) -> None:
    _, panel = opened("char-gru")
    hold(qtbot, panel, "4")
    panel.units.set_value("4, 999")
    panel.units.committed.emit("4, 999")
    assert panel.units.accessibleDescription() == "The units of this place are 0 to 23"
    assert panel.held() == (4,)
    panel.units.set_value("seven")
    panel.units.committed.emit("seven")
    assert panel.units.accessibleDescription().startswith("Type numbers")
    qtbot.waitUntil(lambda: panel.reading.units == (), timeout=30_000)
    hold(qtbot, panel, "4")
    assert panel.units.accessibleDescription() == ""


def test_numbers_of_units_are_read_as_people_write_them() -> None:
    assert typed_units("7, 12 40-42;7") == (7, 12, 40, 41, 42)
    assert typed_units("") == typed_units("a") == typed_units("3-") == ()


def test_common_start_of_two_texts() -> None:
    assert common_start("abcd", "abxd") == 2
    assert common_start("ab", "abc") == 2
    assert common_start("", "abc") == 0


def test_a_text_of_one_step_is_shown(qtbot, opened) -> None:
    session, panel = opened("char-lstm")
    session.set_probe_text("at")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 1, timeout=30_000)
    panel.refresh()
    assert panel.reading.before.shape == (1,)
    session.move_cursor(t=5, unit=3, block="lstm")
    assert not panel.to_image(800, 500).isNull()
