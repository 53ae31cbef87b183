"""While everything is at work, only the window's own thread touches widgets (row 17)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QGraphicsItem,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

WATCHED: list[tuple[type, str]] = [
    (QLabel, "setText"),
    (QLabel, "setPixmap"),
    (QAbstractButton, "setText"),
    (QLineEdit, "setText"),
    (QPlainTextEdit, "setPlainText"),
    (QWidget, "setVisible"),
    (QWidget, "setToolTip"),
    (QWidget, "setEnabled"),
    (QWidget, "setAccessibleName"),
    (QGraphicsItem, "setPos"),
]


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[str]]]:
    """Note which threads call the setters of widgets."""
    seen: dict[str, set[str]] = {}

    def watch(kind: type, name: str) -> None:
        original = getattr(kind, name)

        def noted(self: object, *given: object, **named: object) -> object:
            thread = threading.current_thread().name
            seen.setdefault(f"{kind.__name__}.{name}", set()).add(thread)
            return original(self, *given, **named)

        monkeypatch.setattr(kind, name, noted)

    for kind, name in WATCHED:
        watch(kind, name)
    return seen


def test_the_guard_sees_a_foreign_thread(qapp, touched: dict[str, set[str]]) -> None:
    label = QLabel()
    note: Callable[[str], None] = lambda words: QLabel.setToolTip(label, words)  # noqa: E731
    thread = threading.Thread(target=note, args=("x",), name="foreign")
    thread.start()
    thread.join()
    assert touched["QWidget.setToolTip"] == {"foreign"}


def test_only_the_window_s_thread_touches_widgets(
    touched: dict[str, set[str]], open_person, tiny
) -> None:
    person = open_person(tiny("char-gpt"))
    session, window = person.session, person.window
    person.play()
    person.until_step(5)
    for page in window.pages:
        window.show_page(page)
        person.qtbot.wait(120)
    session.write("the", 20, 1.0)
    window.learn.run_all()
    person.until(lambda: bool(session.history.samples), "a sample")
    person.until(lambda: session.history.attention.newest() is not None, "attention")
    cards = window.learn.cards.values()
    person.until(lambda: all(card.outcome is not None for card in cards), "all claims")
    person.take(tiny("hello-rnn"))
    QApplication.processEvents()
    assert len(touched) >= 6, "the guard saw nothing"
    assert set().union(*touched.values()) == {"MainThread"}
