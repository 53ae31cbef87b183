"""`PickBars`: bars of candidates of which a person takes one, by mouse or key."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.studio.panels.bars import ChoiceBars
from seqstudio.studio.theme import pen, theme

_NONE = -1


class PickBars(ChoiceBars):
    """Bars that can be clicked; arrows and Enter do the same.

    Signals:
        picked(str): the token of a bar.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._at = _NONE
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)

    @override
    def set_choices(self, caption: str, choices: Sequence[tuple[str, float]]) -> None:
        super().set_choices(caption, choices)
        self._at = min(self._at, len(self.choices) - 1)

    def row_at(self, y: float) -> int:
        """Return the bar at a height of this widget, -1 for none."""
        row = int((y - theme().line_height("small") - 6) // self._pitch())
        return row if 0 <= row < len(self.choices) else _NONE

    def row_middle(self, row: int) -> int:
        """Return the height of the middle of a bar."""
        top = theme().line_height("small") + 6 + row * self._pitch()
        return int(top + self._pitch() / 2)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._move_to(self.row_at(event.position().y()))
        shape = Qt.CursorShape
        self.setCursor(shape.ArrowCursor if self._at == _NONE else shape.PointingHandCursor)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        row = self.row_at(event.position().y())
        if event.button() == Qt.MouseButton.LeftButton and row != _NONE:
            self.picked.emit(self.choices[row][0])

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        key, last = Qt.Key(event.key()), len(self.choices) - 1
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and last >= 0:
            self._move_to(max(0, min(last, self._at + (1 if key == Qt.Key.Key_Down else -1))))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._at >= 0:
            self.picked.emit(self.choices[self._at][0])
        else:
            super().keyPressEvent(event)

    def _move_to(self, row: int) -> None:
        if row != self._at:
            self._at = row
            self.update()

    @override
    def _paint_row(
        self, painter: QPainter, top: float, token: str, probability: float, label: float
    ) -> None:
        super()._paint_row(painter, top, token, probability, label)
        row = round((top - theme().line_height("small") - 6) / self._pitch())
        if row == self._at:
            painter.setPen(pen(theme().color("focus"), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(8, int(top), self.width() - 16, self._pitch() - 1)
