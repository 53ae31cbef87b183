"""The search for actions, the menus and the keys that the window names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from pytestqt.qtbot import QtBot

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.actions_search import ActionsSearch, listed
from seqstudio.studio.session import Session
from seqstudio.studio.theme import manager, themes
from seqstudio.studio.window import MainWindow


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    session = Session(Document(make("hello-rnn")), threads=True)
    made = MainWindow(session)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: session.facts is not None)
    yield made
    made.begin_close()  # not by qtbot: it would ask whether to save
    qtbot.waitUntil(lambda: not made.isVisible())
    made.deleteLater()


def search(window: MainWindow, qtbot: QtBot, words: str) -> ActionsSearch:
    window.find_action()
    popup: Any = window.findChild(ActionsSearch)
    qtbot.keyClicks(popup.search, words)
    return popup  # type: ignore[no-any-return]


def kinds(window: MainWindow) -> set[str]:
    return {block.kind for block in window.session.project.graph}


def test_enter_runs_the_action_found(window: MainWindow, qtbot: QtBot) -> None:
    assert "rnn" in kinds(window)
    popup = search(window, qtbot, "to gru")
    assert popup.shown_keys() == ["model.gru"]
    qtbot.keyClick(popup.search, Qt.Key.Key_Return)
    assert "gru" in kinds(window)
    assert "rnn" not in kinds(window)


def test_every_action_has_words_and_none_stands_twice(window: MainWindow) -> None:
    names = [f"{menu}/{words}" for menu, words, _ in listed(window.menus)]
    assert all(name.split("/", 1)[1].strip() for name in names)
    assert len(names) == len(set(names))
    keys = [
        a.shortcut().toString() for _, _, a in listed(window.menus) if not a.shortcut().isEmpty()
    ]
    assert len(keys) == len(set(keys))


def test_keys_stand_beside_the_words(window: MainWindow, qtbot: QtBot) -> None:
    popup = search(window, qtbot, "paste")
    assert popup.current() is not None
    assert (popup.current().title, popup.current().shortcut) == ("Paste", "Ctrl+V")


def test_blocks_are_changed_only_where_they_are_seen(window: MainWindow, qtbot: QtBot) -> None:
    window.build.canvas.select_all()
    popup = search(window, qtbot, "delete")
    assert popup.shown_keys()[0] == "canvas.delete"
    assert popup.current().why_not == ""
    popup.close()
    qtbot.waitUntil(lambda: window.findChild(ActionsSearch) is None)
    window.show_page("train")
    popup = search(window, qtbot, "delete")
    assert popup.shown_keys()[0] == "canvas.delete"
    assert popup.current().why_not == "Only on the Build page"
    before = window.session.project
    qtbot.keyClick(popup.search, Qt.Key.Key_Return)
    assert popup.isVisible(), "a grey line is not taken"
    assert window.session.project is before
    popup.close()


def test_the_code_of_a_block_comes_to_the_front(window: MainWindow, qtbot: QtBot) -> None:
    canvas, deck = window.build.canvas, window.build.deck
    assert deck.shown() != "Code"
    cell = next(block.id for block in window.session.project.graph if block.kind == "rnn")
    canvas.select([cell])
    qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert deck.shown() == "Code"


@pytest.mark.parametrize(
    ("width", "scale"), [(1280, 1.0), (1440, 1.0), (1280, 1.25), (1440, 1.25)]
)
def test_the_transport_is_complete_and_nothing_overlaps(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, width: int, scale: float
) -> None:
    usual = manager.system_theme
    monkeypatch.setattr(manager, "system_theme", lambda: replace(usual(), scale=scale))
    themes().apply()
    window.resize(width, 800)
    qtbot.wait(20)
    transport, build = window.transport, window.build
    items = (transport.layout().itemAt(i) for i in range(transport.layout().count()))
    seen = [item.widget() for item in items if item.widget() and item.widget().isVisible()]
    spots = [QRect(w.mapTo(window, QPoint()), w.size()) for w in seen]
    assert {transport.play, transport.stop, transport.rate, transport.clip} < set(seen)
    assert {transport.numbers["step"], transport.numbers["left"]} < set(seen)
    assert all(left.right() < right.left() for left, right in pairwise(spots))
    assert spots[-1].right() < window.width()
    inspector = build.inspector_dock.geometry()
    assert inspector.right() <= build.width()
    assert build.deck.mapTo(build, build.deck.rect().topRight()).x() < inspector.left()
    monkeypatch.undo()
    themes().apply()
