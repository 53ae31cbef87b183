"""`Stars`: how much a person likes a take, 0 to 5, with pointer and keys."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.listen.shelf_file import MOST_STARS
from seqstudio.studio.theme import follow_theme, painting, pen, theme

_CELL, _HEIGHT, _INNER = 16, 20, 0.42


class Stars(QWidget):
    """Five stars; a click on the last lit one takes it away.

    Signals:
        chosen(int): the person gave so many.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = 0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip("Stars (keys 0 to 5)")
        self.set_value(0)
        follow_theme(self)

    def value(self) -> int:
        """Return how many are lit."""
        return self._value

    def set_value(self, stars: int) -> None:
        """Light so many without a signal."""
        self._value = stars
        self.setAccessibleName(f"{stars} of {MOST_STARS} stars")
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(MOST_STARS * _CELL + 2, _HEIGHT)

    def _give(self, stars: int) -> None:
        if stars != self._value:
            self.set_value(stars)
            self.chosen.emit(stars)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            stars = min(MOST_STARS, 1 + max(0, int(event.position().x())) // _CELL)
            self._give(stars - 1 if stars == self._value else stars)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        digit = event.key() - Qt.Key.Key_0
        if 0 <= digit <= MOST_STARS:
            self._give(digit)
        elif event.key() in steps:
            self._give(min(MOST_STARS, max(0, self._value + steps[Qt.Key(event.key())])))
        else:
            super().keyPressEvent(event)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(painter.RenderHint.Antialiasing)
            for number in range(MOST_STARS):
                lit = number < self._value
                centre = QPointF(number * _CELL + _CELL / 2 + 1, _HEIGHT / 2)
                painter.setPen(pen(theme().color("warn" if lit else "textLow"), 1.0))
                painter.setBrush(theme().color("warn") if lit else Qt.BrushStyle.NoBrush)
                painter.drawPolygon(_star(centre, 6.0))
            if self.hasFocus():
                painter.setPen(pen(theme().color("focus"), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)


def _star(centre: QPointF, radius: float) -> QPolygonF:
    points = []
    for corner in range(10):
        reach = radius if corner % 2 == 0 else radius * _INNER
        angle = math.pi * (corner / 5 - 0.5)
        points.append(centre + QPointF(reach * math.cos(angle), reach * math.sin(angle)))
    return QPolygonF(points)
