"""The embedding panel: neighbours by click, analogies, trails over kept steps, names apart."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.insight.symbols import grouping, letter_class, note_letter, ways_for
from seqstudio.insight.vectors import nearest, squared_distances
from seqstudio.studio.inside.embedding.map import symbol_name
from seqstudio.studio.inside.embedding.panel import EmbeddingPanel, trail_steps
from seqstudio.studio.inside.name_places import NamePlaces
from seqstudio.studio.session import Session
from tests.small_runs import small_project

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def session(qtbot, small_text):
    made = Session(Document(small_project("char-rnn", small_text, 100_000)), threads=True)
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=60_000)
    made.end_close()


@pytest.fixture
def panel(qtbot, session, shown):
    made = shown(EmbeddingPanel(session), 900, 560)
    qtbot.waitUntil(lambda: made.looked is not None and made.looked.done, timeout=90_000)
    made.refresh()
    return made


def click(panel: EmbeddingPanel, symbol: str) -> None:
    place = panel.map.pixels(panel.map.data.places)[panel.reading.symbols.index(symbol)]
    QTest.mouseClick(panel.map, LEFT, pos=QPoint(round(place[0]), round(place[1])))


def test_a_click_on_a_symbol_lists_its_neighbours_and_moves_the_shared_cursor(panel) -> None:
    click(panel, "t")
    assert panel.session.cursor.token == "t"
    panel.refresh()
    reading = panel.reading
    t = reading.symbols.index("t")
    want = nearest(reading.vectors, reading.vectors[t], (t,), 10)
    assert panel.side.near.rows == tuple((symbol_name(reading.symbols[i]), c) for i, c in want)
    assert panel.map.near == tuple(want)
    assert panel.map.chosen == t


def test_another_panels_cursor_is_shown_and_an_unknown_token_is_none(panel) -> None:
    panel.session.move_cursor(token="o")
    assert panel.map.chosen == panel.reading.symbols.index("o")
    panel.session.move_cursor(token="Z")
    assert panel.map.chosen == -1


def test_the_map_of_neighbours_is_asked_for_and_says_how_good_it_is(qtbot, panel) -> None:
    panel._way.set_value("neighbours")
    panel.ask_again()
    qtbot.waitUntil(
        lambda: panel.reading.way == "neighbours" and panel.looked.done, timeout=90_000
    )
    panel.refresh()
    assert f"keeps {panel.reading.kept:.0%}" in panel._caption.text()
    assert f"trustworthiness {panel.reading.trust:.2f}" in panel._caption.text()
    assert panel.map.data.axes == ("", ""), "t-SNE has no axes"


def test_analogy_answers_and_says_what_is_not_in_the_table(panel) -> None:
    for field, text in zip(panel.side.given, ("t", "h", "s"), strict=True):
        field.set_value(text)
    panel.side._solve()
    assert len(panel.side.answers.rows) == 6
    assert "few meanings" in panel.side._remark.text()
    panel.side.given[0].set_value("\u00df")
    panel.side._solve()
    assert panel.side.answers.rows == ()
    assert "\u201c\u00df\u201d" in panel.side._remark.text()


def test_search_dims_the_others_and_chooses_a_single_hit(panel) -> None:
    panel.side.searched.emit("space")
    space = panel.reading.symbols.index(" ")
    assert panel.map._hits == {space}
    assert panel.session.cursor.token == " "
    panel.side.searched.emit("")
    assert panel.map._hits is None


def test_an_older_step_is_turned_onto_the_newest_and_never_stretched(qtbot, panel) -> None:
    session = panel.session
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 40, timeout=90_000)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=90_000)
    qtbot.waitUntil(
        lambda: panel.looked is not None and panel.looked.step > 40 and panel.looked.done,
        timeout=90_000,
    )
    panel._trails.set_value(True)
    panel._trails_switched()
    qtbot.waitUntil(lambda: 0 in panel._trail, timeout=90_000)
    assert len(panel.map.data.trail) == 1
    newest = panel.map.data.places.copy()
    np.testing.assert_allclose(newest, panel.reading.places, atol=1e-12)
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0 and panel.looked.done, timeout=90_000)
    panel.refresh()
    old, at = panel.reading.places, panel.map.data.places
    np.testing.assert_allclose(squared_distances(at, at), squared_distances(old, old), atol=1e-9)
    assert np.abs(at - newest).sum() <= np.abs(old - newest).sum() + 1e-9
    assert "turned onto step" in panel.map.data.axes[0]
    assert panel.map.data.trail == ()


def test_zoom_keeps_what_is_under_the_pointer_and_arrows_walk(panel) -> None:
    click(panel, "t")
    panel.refresh()
    at = panel.map.pixels(panel.map.data.places)[panel.map.chosen]
    panel.map._zoom_at(QPointF(*at), 3.0)
    after = panel.map.pixels(panel.map.data.places)
    np.testing.assert_allclose(after[panel.map.chosen], at, atol=1e-9)
    panel.map.show_all()
    QTest.keyClick(panel.map, Qt.Key.Key_Right)
    panel.refresh()
    assert panel.map.chosen != panel.reading.symbols.index("t")


def test_numbers_hold_what_is_shown(panel) -> None:
    numbers = panel.numbers()
    assert tuple(numbers["symbols"]) == panel.reading.symbols
    np.testing.assert_array_equal(numbers["places"], panel.map.data.places)
    assert dict(panel.measured())["Trustworthiness"] == f"{panel.reading.trust:.3f}"


def test_a_model_of_numbers_offers_a_project_that_has_vectors(qtbot, shown) -> None:
    session = Session(Document(make("adding-rnn")), threads=True)
    panel = shown(EmbeddingPanel(session))
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=90_000)
    panel.refresh()
    assert panel.is_empty
    with qtbot.waitSignal(panel.template_wanted) as wanted:
        panel._open_template()
    assert wanted.args == ["char-lstm"]
    session.begin_close()
    assert session.end_close()


# ------------------------------------------------------------------------- without a window


def test_names_never_overlap_unless_one_is_forced() -> None:
    names = NamePlaces(200, 100)
    size, taken = QSize(40, 16), list[QRectF]()
    for number in range(30):
        found = names.find(QPointF(20 + 5 * number, 30 + number), size, 5.0)
        if found is not None:
            assert not any(found.intersects(other) for other in taken)
            taken.append(found)
    assert 4 < len(taken) < 30
    assert names.find(QPointF(100, 50), size, 5.0, force=True) is not None


def test_kinds_of_symbols() -> None:
    kinds = [letter_class(symbol) for symbol in "eT7;\n\u4e2d"]
    assert kinds == ["vowel", "consonant", "digit", "punctuation", "space", "consonant"]
    assert [note_letter(name) for name in ("c", "C#4", "Bb3", "z", "cat")] == [
        "C", "C", "B", "no note", "no note",
    ]  # fmt: skip
    found = grouping(("a", "b", "1"), "letters")
    assert [found.names[i] for i in found.member] == ["vowel", "consonant", "digit"]
    assert ways_for(("cat", "dog"), "symbols", tunes=False, counted=True) == ("frequency",)
    assert ways_for(("A0",), "notes", tunes=False, counted=False) == ("pitch",)


def test_a_trail_goes_evenly_through_what_was_kept() -> None:
    assert trail_steps([0, 10, 20], 20) == [0, 10]
    assert trail_steps(list(range(0, 1001, 10)), 1000)[0] == 0
    assert len(trail_steps(list(range(0, 1001, 10)), 1000)) == 6
    assert trail_steps([0], 0) == []
