"""Pages: sizes of docks at the first showing, the arrangement kept, and the way back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QByteArray, QPoint, Qt
from PySide6.QtWidgets import QDockWidget, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.studio.page import Page

LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea


class _Two(Page):
    """Two docks side by side, 600 and 200 wide."""

    def __init__(self) -> None:
        super().__init__("two")
        self.left = self.add(QWidget(), LEFT, title="Left")
        self.right = self.add(QWidget(), RIGHT, title="Right")
        self.size_docks([self.left, self.right], [600, 200], Qt.Orientation.Horizontal)


def shown(qtbot: QtBot, state: QByteArray | None = None) -> _Two:
    page = _Two()
    qtbot.addWidget(page)
    if state is not None:
        page.arrange(state)
    page.resize(805, 300)
    with qtbot.waitExposed(page):
        page.show()
    qtbot.wait(20)  # sizes are given by the event loop, after the first layout
    return page


def width(dock: QDockWidget) -> float:
    return pytest.approx(dock.width(), abs=6)  # type: ignore[no-any-return]


def squeezed(qtbot: QtBot) -> QByteArray:
    page = shown(qtbot)
    page.resizeDocks([page.left, page.right], [300, 500], Qt.Orientation.Horizontal)
    qtbot.wait(20)
    assert width(page.left) == 300
    return page.arrangement()


def test_docks_have_their_sizes_at_the_first_showing(qtbot: QtBot) -> None:
    assert width(shown(qtbot).left) == 600


def test_an_arrangement_comes_back(qtbot: QtBot) -> None:
    assert width(shown(qtbot, squeezed(qtbot)).left) == 300


def test_a_page_never_seen_has_no_arrangement_to_keep(qtbot: QtBot) -> None:
    unseen = _Two()
    qtbot.addWidget(unseen)
    assert unseen.arrangement().isEmpty()
    assert width(shown(qtbot, unseen.arrangement()).left) == 600


def test_a_restored_page_can_be_reset(qtbot: QtBot) -> None:
    page = shown(qtbot, squeezed(qtbot))
    page.addDockWidget(RIGHT, page.left)
    page.reset()
    qtbot.wait(20)
    assert page.dockWidgetArea(page.left) == LEFT
    assert width(page.left) == 600
    assert page.left.mapTo(page, QPoint()).x() < page.right.mapTo(page, QPoint()).x()
