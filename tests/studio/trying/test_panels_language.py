"""Trying language by hand in real widgets, with a trainer that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.session import Session
from seqstudio.studio.trying.fill_in import FillInPanel
from seqstudio.studio.trying.hello import HelloPanel
from seqstudio.studio.trying.next_token import NextTokenPanel
from seqstudio.studio.trying.panel import TryPanel
from seqstudio.studio.trying.tagging import TagPanel

BIG = 560, 620
BOOK = "the cat sat on the mat, and the dog sat on the log.\n" * 120


@pytest.fixture
def trying(qtbot, shown, tmp_path: Path) -> Iterator[Callable[..., TryPanel]]:  # type: ignore[no-untyped-def]
    made: list[Session] = []
    book = tmp_path / "book.txt"
    book.write_text(BOOK, encoding="utf-8")

    def build(template: str, kind: type[TryPanel], **data: object) -> TryPanel:
        plain = make(template)
        path = str(book) if plain.data.kind in {"text", "masked"} else ""
        changed = replace(plain.data, path=path, symbols=300, **data)  # type: ignore[arg-type]
        session = Session(Document(replace(plain, data=changed)), threads=True)
        made.append(session)
        panel = kind(session)
        shown(panel, *BIG)
        qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
        qtbot.waitUntil(lambda: panel.looked is panel._drawn, timeout=10_000)
        return panel

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda: session.closed, timeout=20_000)  # noqa: B023
        session.end_close()


def test_a_bar_is_taken_and_taken_back(qtbot, trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("word-lstm", NextTokenPanel)
    assert NextTokenPanel.fits(panel.session.dataset)
    panel.field.committed.emit("the cat")
    qtbot.waitUntil(lambda: panel.reading.tokens == ("the", " cat"), timeout=30_000)
    qtbot.waitUntil(lambda: "cat" in panel.bars.accessibleDescription(), timeout=10_000)
    token = panel.bars.choices[1][0]
    place = QPoint(40, panel.bars.row_middle(1))
    qtbot.mouseClick(panel.bars, Qt.MouseButton.LeftButton, pos=place)
    if "\ufffd" in token:  # the sign for unknown words cannot be written
        assert panel.text() == "the cat"
        return
    assert panel.text() == "the cat" + token
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 3, timeout=30_000)
    panel.undo_button.click()
    assert panel.text() == "the cat"


def test_a_token_in_the_middle_goes_on_from_there(qtbot, trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("word-lstm", NextTokenPanel)
    panel.field.committed.emit("the cat sat on")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 4, timeout=30_000)
    qtbot.waitUntil(lambda: panel.looked is panel._drawn, timeout=10_000)
    panel.strip.clicked.emit(1)
    panel.append(" dog")
    assert panel.text() == "the cat dog"


def test_unknown_words_are_said(qtbot, trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("word-lstm", NextTokenPanel)
    panel.field.committed.emit("the zebra")
    qtbot.waitUntil(lambda: "zebra" in panel.remark.text(), timeout=30_000)
    panel.top_k.set_value(1)
    panel.top_k.committed.emit(1)
    qtbot.waitUntil(lambda: len(panel.bars.choices) == 1, timeout=30_000)
    assert panel.bars.choices[0][1] == 1


def test_a_click_masks_and_uncovers(qtbot, trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("bert-mini", FillInPanel, tokens="words")
    assert FillInPanel.fits(panel.session.dataset)
    assert not TagPanel.fits(panel.session.dataset)
    panel.field.committed.emit("the cat sat on the mat")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 6, timeout=30_000)
    qtbot.waitUntil(lambda: panel.remark.text() == "Click a token to mask it.", timeout=10_000)
    panel.strip.clicked.emit(1)
    panel.strip.clicked.emit(5)
    qtbot.waitUntil(lambda: panel.reading.masked == (1, 5), timeout=30_000)
    qtbot.waitUntil(lambda: panel.filled.text().count("[") == 2, timeout=10_000)
    panel.strip.clicked.emit(1)
    qtbot.waitUntil(lambda: panel.reading.masked == (5,), timeout=30_000)


def test_tags_of_a_typed_text(qtbot, trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("tagger-words", TagPanel)
    assert "Right:" in panel.remark.text()
    panel.field.committed.emit("The old guard the zebra.")
    qtbot.waitUntil(lambda: len(panel.chips.chips) == 6, timeout=30_000)
    assert panel.remark.text() == "Read as one sign for unknown words: zebra."
    whole = panel.chips.chips[1].p
    panel.reads.set_value("so far")
    panel.reads.value_changed.emit("so far")
    assert panel.chips.chips[1].p != whole
    middle = panel.chips.place(2).center().toPoint()
    qtbot.mouseClick(panel.chips, Qt.MouseButton.LeftButton, pos=middle)
    assert panel.session.cursor.t == 2
    qtbot.waitUntil(lambda: "guard" in panel.bars.accessibleDescription(), timeout=10_000)


def test_the_columns_of_hello_are_painted(trying) -> None:  # type: ignore[no-untyped-def]
    panel = trying("hello-rnn", HelloPanel)
    assert HelloPanel.fits(panel.session.dataset)
    assert panel.view.accessibleDescription().startswith("h gives ")
    assert panel.view.columns.hidden.shape == (4, 3)
    picture = panel.view.grab().toImage()
    colours = {
        picture.pixelColor(x, y).name()
        for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)
    }  # fmt: skip
    assert len(colours) > 6
