"""The tour leads through real controls of the open window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from seqstudio.blocks.templates import make
from seqstudio.studio.app import open_window
from seqstudio.studio.widgets import CoachMark
from seqstudio.studio.window import MainWindow


@pytest.fixture
def window(qtbot, tmp_path: Path) -> Iterator[MainWindow]:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    opened = open_window(None, settings=settings, threads=True)
    opened.session.new(make("hello-rnn"))
    with qtbot.waitExposed(opened):
        opened.show()
    qtbot.waitUntil(lambda: opened.session._loading is None)
    opened.tour.end()
    yield opened
    opened.begin_close()
    qtbot.waitUntil(lambda: not opened.isVisible())
    opened.deleteLater()


def marks(window: MainWindow) -> list[CoachMark]:
    return [each for each in window.findChildren(CoachMark) if each.isVisible()]


def press(mark: CoachMark, words: str) -> None:
    (button,) = [each for each in mark.findChildren(QAbstractButton) if each.text() == words]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_each_next_leaves_one_mark_inside_the_window_and_the_last_ends_it(
    qtbot, window: MainWindow
) -> None:
    window.tour.start()
    for step in range(5):
        (mark,) = marks(window)
        top_left = mark.mapTo(window, mark.rect().topLeft())
        bottom_right = mark.mapTo(window, mark.rect().bottomRight())
        assert window.rect().contains(top_left)
        assert window.rect().contains(bottom_right)
        if step < 4:
            press(mark, "Next")
    with qtbot.waitSignal(window.tour.ended):
        press(mark, "Done")
    assert marks(window) == []


def test_skip_ends_the_tour_at_once(qtbot, window: MainWindow) -> None:
    window.tour.start()
    with qtbot.waitSignal(window.tour.ended):
        press(marks(window)[0], "Skip")
    assert marks(window) == []
