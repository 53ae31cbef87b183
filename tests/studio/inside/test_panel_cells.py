"""The cells panel as a person uses it: colours, patterns, a brush, the cursor, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.inside.cells.panel import CellsPanel
from seqstudio.studio.inside.cells.unit_list import UnitList, UnitRow, thinned
from seqstudio.studio.inside.cells.words import levels
from seqstudio.studio.session import Session
from seqstudio.studio.theme import theme
from tests.small_runs import small_project

CODE = 'def f(a, b):\n    if a in (1, 2):\n        return "x"  # why\n    b = (a, (b, 2))\n' * 40


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    path = tmp_path_factory.mktemp("code") / "code.py"
    path.write_text(CODE * 3)
    return path


@pytest.fixture
def open_panel(qtbot, code):
    made = []

    def build(template: str = "char-lstm") -> CellsPanel:
        text = template.startswith("char")
        project = small_project(template, code, 100) if text else make(template)
        session = Session(Document(project), threads=True)
        made.append(session)
        panel = CellsPanel(session)
        qtbot.addWidget(panel)
        panel.resize(900, 520)
        panel.show()
        qtbot.waitUntil(lambda: answered(panel), timeout=30_000)
        return panel

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda s=session: s.closed, timeout=20_000)
        session.end_close()


def answered(panel: CellsPanel) -> bool:
    return panel.refused is not None or (panel.looked is not None and panel.looked.done)


def drag(qtbot, panel: CellsPanel, first: int, last: int) -> None:
    strip = panel.strip
    strip.reveal(first)
    cells = strip.findChild(type(strip._cells)).viewport()

    def place(token: int) -> QPoint:
        return cells.mapFrom(strip, strip.token_rect(token).center().toPoint())

    qtbot.mousePress(cells, Qt.MouseButton.LeftButton, pos=place(first))
    qtbot.mouseMove(cells, place(last))
    qtbot.mouseRelease(cells, Qt.MouseButton.LeftButton, pos=place(last))


def test_text_is_coloured_by_the_unit_of_the_cursor(qtbot, open_panel) -> None:
    panel = open_panel()
    reading, session = panel.reading, panel.session
    assert "".join(reading.tokens) in CODE * 3
    assert panel.listed.rows
    assert "Not in both halves of this text: " in panel._told.text()
    assert panel.unit == panel.listed.rows[0].unit, "the best of the list before anybody points"
    session.move_cursor(unit=5)
    want = np.array(reading.values[list(reading.units).index(5)], float)
    shown = panel.strip._cells._value_N
    np.testing.assert_allclose(shown, want, atol=1e-6)
    limit = levels(reading, want)[1]
    assert np.log2(limit) == round(np.log2(limit))
    assert (np.abs(want) <= limit).mean() >= 0.99
    top = int(np.argmin(np.abs(want - 0.5 * limit)))
    value = float(want[top]) / limit
    colour = theme().lookup("text")[round((value + 1) * 127.5)]
    panel.strip.reveal(top)
    picture = panel.strip.grab().toImage()
    at = panel.strip.token_rect(top).topLeft().toPoint() + QPoint(1, 1)
    pixel = picture.pixelColor(at * picture.devicePixelRatio())
    assert abs(pixel.red() - colour[0]) <= 2
    assert abs(pixel.blue() - colour[2]) <= 2


def test_picking_a_line_and_keys_walk_the_units(qtbot, open_panel) -> None:
    panel = open_panel()
    session = panel.session
    panel.listed.setFocus()
    qtbot.keyClick(panel.listed, Qt.Key.Key_Down)
    qtbot.keyClick(panel.listed, Qt.Key.Key_Down)
    assert session.cursor.unit == panel.listed.rows[2].unit, "the first was marked"
    before = session.cursor.unit
    qtbot.keyClick(panel, Qt.Key.Key_U)
    assert session.cursor.unit == (before + 1) % panel.reading.total
    qtbot.keyClick(panel, Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert session.cursor.unit == before


def test_picking_asks_nothing_and_a_unit_far_off_asks_for_its_page(qtbot, open_panel) -> None:
    panel = open_panel("brackets-lstm")
    asked, send = [], panel.session.send_look
    panel.session.send_look = lambda wish: (asked.append(wish), send(wish))
    panel.listed._pick(0)
    panel.refresh()
    assert asked == []
    rows = panel.listed.rows
    far = next(unit for unit in range(panel.reading.total) if unit not in panel.reading.units)
    panel.session.move_cursor(unit=far)
    assert panel.strip._key.name == f"unit {far} is on its way…"
    qtbot.waitUntil(lambda: far in panel.reading.units, timeout=20_000)
    assert [row.unit for row in panel.listed.rows] == [row.unit for row in rows]
    assert len(asked) == 1


def test_hover_moves_the_shared_time_and_tells_the_number(qtbot, open_panel) -> None:
    panel = open_panel()
    panel.strip.hovered.emit(17)
    assert panel.session.cursor.t == 17
    assert "at 17" in panel._readout.text()
    panel.strip.hovered.emit(-1)
    panel.session.move_cursor(t=40)
    assert panel.strip.cursor_token() == 40
    panel.session.move_cursor(t=1_000_000)
    assert panel.strip.cursor_token() is None


def test_a_brush_ranks_units_and_a_click_takes_it_away(qtbot, open_panel) -> None:
    panel = open_panel()
    text = "".join(panel.reading.tokens)
    at = text.index("return")
    drag(qtbot, panel, at, at + 5)
    qtbot.waitUntil(lambda: panel.reading.ranking is not None, timeout=20_000)
    ranking = panel.reading.ranking
    assert ranking.title == "return"
    assert ranking.count == text.count("return")
    assert [row.unit for row in panel.listed.rows] == [each.unit for each in ranking.units]
    assert f"stands {ranking.count} times" in panel._told.text()
    marked = panel.strip._cells._marked_N
    assert marked.sum() == 6 * ranking.count
    panel.strip.clicked.emit(3)
    qtbot.waitUntil(lambda: panel.reading.ranking is None, timeout=20_000)


def test_a_pattern_from_the_list_ranks_all_units(qtbot, open_panel) -> None:
    panel = open_panel()
    keys = [row.key for row in panel.listed.rows]
    panel.listed._pick(keys.index("quote"))
    qtbot.keyClick(panel.listed, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.reading.ranking is not None, timeout=20_000)
    assert panel.reading.ranking.title == "inside quotes"
    assert panel._ask.value() == "quote"
    assert "held-out" in panel._how.text()
    numbers = panel.numbers()
    assert set(numbers) >= {"unit", "c", "pattern", "ranked_unit", "ranked_held_out"}
    assert numbers["c"].shape == (len(numbers["unit"]), len(numbers["pattern"]))


def test_other_numbers_of_the_layer_have_their_own_scale(qtbot, open_panel) -> None:
    panel = open_panel()
    panel._which.set_value("f")
    panel._which.committed.emit("f")
    qtbot.waitUntil(lambda: panel.reading.state == "f" and panel.looked.done, timeout=20_000)
    assert not panel.reading.signed
    assert not panel.strip._key._signed
    assert "Forget gate" in panel.strip._key.name


def test_pasted_text_names_what_the_model_never_saw(qtbot, open_panel) -> None:
    panel = open_panel()
    QGuiApplication.clipboard().setText("def\u4e2d\n  a")
    panel._text._source.committed.emit("take-clipboard")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 7 and panel.looked.done, timeout=20_000)
    assert "\u4e2d" in panel._note.text()
    assert panel._note.isVisible()
    assert "16 tokens are the least" in panel._told.text()
    panel._text.take("\u4e2d", "one")
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=20_000)
    assert panel.is_empty


def test_ten_thousand_tokens_scroll_and_paint_what_is_in_sight(qtbot, open_panel) -> None:
    panel = open_panel()
    panel._text.take(CODE * 5, "long")
    panel._text._length.set_value(10_000)
    panel._text._length.committed.emit(10_000)
    qtbot.waitUntil(lambda: panel.reading.read == 10_000 and panel.looked.done, timeout=60_000)
    painted = []
    cells = panel.strip._cells
    plain = cells._paint_line
    cells._paint_line = lambda painter, line: (painted.append(line), plain(painter, line))
    panel.strip.set_cursor(9_990)
    panel.strip.grab()
    assert 0 < len(set(painted)) < 40, "of some hundred lines"
    assert "left out" in panel._note.text()


def test_a_model_of_pictures_says_what_it_would_need(qtbot, open_panel) -> None:
    panel = open_panel("shapes-vit")
    assert panel.is_empty
    wanted = []
    panel.template_wanted.connect(wanted.append)
    panel.empty_action("Open Character LSTM", panel._want_template).click()
    assert wanted == ["char-lstm"]


def test_a_line_says_when_nothing_was_found(qtbot) -> None:
    listed = UnitList()
    qtbot.addWidget(listed)
    listed.resize(240, 200)
    listed.set_rows([
        UnitRow(3, "quotes", 0.8, 0.2, ""), UnitRow(4, "if", 0.1, 0.2, "", np.arange(5.0)),
    ])  # fmt: skip
    assert [row.found for row in listed.rows] == [True, False]
    picked = []
    listed.picked.connect(picked.append)
    qtbot.mouseClick(
        listed.viewport(), Qt.MouseButton.LeftButton, pos=listed.row_rect(1).center().toPoint()
    )
    assert picked == [1]
    listed.grab()
    np.testing.assert_allclose(thinned(np.arange(8.0), 4), [[0.5, 2.5, 4.5, 6.5]])
    assert thinned(np.array([np.nan, 1.0]), 1)[0, 0] == 1.0
