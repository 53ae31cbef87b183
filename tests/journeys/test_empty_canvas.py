"""From an empty canvas to an LSTM that learns: the presses that the guide writes down."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

KEY = Qt.Key


def choose(canvas, words: str) -> None:  # type: ignore[no-untyped-def]
    """Type into the open menu and take its first line."""
    QTest.keyClicks(canvas.menu.search, words)
    QTest.keyClick(canvas.menu.search, KEY.Key_Return)


def test_an_lstm_from_nothing_learns(open_person, corpus) -> None:
    person = open_person()
    window, canvas = person.window, person.window.build.canvas
    window.build.show_gallery(True)
    QTest.mouseClick(window.build.gallery.empty, Qt.MouseButton.LeftButton)
    person.until(lambda: not canvas.editor.graph.blocks, "an empty canvas")
    assert person.session.report is None or not person.session.report.playable
    window.session.use_file(corpus)
    QTest.keyClick(canvas, KEY.Key_Space)
    choose(canvas, "tok")
    for words in ("emb", "lstm", "next"):
        QTest.keyClick(canvas, KEY.Key_W)
        choose(canvas, words)
    assert [block.kind for block in canvas.editor.graph] == [
        "tokens", "embedding", "lstm", "next_token",
    ]  # fmt: skip
    person.until(lambda: person.session.report.playable, "a check")
    person.play()
    person.until_step(12)
    losses = person.session.history.curves.loss
    assert losses[-3:].mean() < losses[:3].mean()
    person.click(window.transport.stop)
    person.until_state("stopped")
