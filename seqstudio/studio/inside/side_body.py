"""`SideBody`: the body of a panel with a side that gives way where there is no room for both."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.studio.theme import theme


class SideBody(QWidget):
    """Shows its side from a width on; who derives lays both out and then follows the theme.

    Args:
        side: What gives way.
        least: Width in pixels from which it is shown, at the usual size of text.
    """

    def __init__(self, side: QWidget, least: int) -> None:
        super().__init__()
        self._side, self._least = side, least
        self._side_wanted = True

    def set_side_wanted(self, on: bool) -> None:
        """Show the side where there is room, or never."""
        self._side_wanted = on
        self._fit(self.width())

    def _fit(self, width: int) -> None:
        wide = width >= self._least * max(1.0, theme().scale)
        self._side.setVisible(self._side_wanted and wide)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._fit(event.size().width())
        super().resizeEvent(event)
        layout = self.layout()
        if layout is not None:
            layout.activate()  # a picture is taken before the event loop would do it

    @Slot()
    def restyle(self) -> None:
        """Repaint the well in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface0"))
