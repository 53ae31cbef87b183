"""`BasesView`: coloured bases in rows, each with a bar of what the model makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

COLOURS = {"A": "output", "C": "input", "G": "cell", "T": "key"}
"""Roles of the theme that colour the letters."""
_BAR, _GAP = 22, 10
_INSET, _LEAST = 12, 80


class BasesView(QWidget):
    """Letters with bars above them; a mark across a bar is what the process itself would say.

    Signals:
        pointed(int): base that was clicked.
    """

    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letters = ""
        self._height_of = np.zeros(0)
        self._best = np.zeros(0)
        self._islands = np.zeros(0, np.int64)
        self._cursor = -1
        self.setAccessibleName("Bases")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_bases(
        self,
        letters: str,
        shares: NDArray[np.float64],
        best: NDArray[np.float64],
        islands: NDArray[np.int64],
    ) -> None:
        """Show other bases.

        Args:
            letters: T bases.
            shares: (T,) from 0 to 1, how high each bar is; NaN for none.
            best: (T,) what the process would say, empty where it is not known.
            islands: (T,) 1 on a tinted ground; empty for none.
        """
        self._letters, self._height_of = letters, shares
        self._best, self._islands = best, islands
        self._grow()
        self.update()

    def _grow(self) -> None:
        """Be as high as all rows need at this width."""
        rows = -(-len(self._letters) // self._columns())
        self.setMinimumHeight(max(_LEAST, round(2 * _INSET + rows * self._cell()[1])))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._grow()

    def set_cursor(self, place: int) -> None:
        """Ring one base, -1 for none."""
        self._cursor = place
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 220)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, _LEAST)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    def _cell(self) -> tuple[float, float]:
        return theme().text_px("mono") * 0.85 + 2, _BAR + theme().line_height("mono") + _GAP

    def _columns(self) -> int:
        return max(1, int((self.width() - 2 * _INSET) / self._cell()[0]))

    def cell_rect(self, place: int) -> QRectF:
        """Return where a base stands, its bar above the letter."""
        wide, high = self._cell()
        line, column = divmod(place, self._columns())
        return QRectF(_INSET + column * wide, _INSET + line * high, wide, high - _GAP)

    def _place_at(self, at: QPointF) -> int:
        wide, high = self._cell()
        column, line = int((at.x() - _INSET) // wide), int((at.y() - _INSET) // high)
        place = line * self._columns() + column
        inside = 0 <= column < self._columns() and 0 <= place < len(self._letters)
        return place if inside else -1

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        place = self._place_at(event.position())
        if place >= 0:
            self.pointed.emit(place)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setFont(theme().font("mono"))
            for place, letter in enumerate(self._letters):
                rect = self.cell_rect(place)
                if rect.intersects(QRectF(event.rect())):
                    self._paint_base(painter, rect, place, letter)

    def _paint_base(self, painter: QPainter, rect: QRectF, place: int, letter: str) -> None:
        if place < len(self._islands) and self._islands[place]:
            painter.fillRect(rect, faded(theme().color("accent"), 0.16))
        role = COLOURS.get(letter)
        colour = theme().role(role) if role else theme().color("textMid")
        self._paint_bar(painter, rect, place)
        painter.setPen(colour)
        text = rect.adjusted(-2, _BAR, 2, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignCenter, "↵" if letter == "\n" else letter)
        if place == self._cursor:
            painter.setPen(pen(theme().color("cursor"), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect)

    def _paint_bar(self, painter: QPainter, rect: QRectF, place: int) -> None:
        share = float(self._height_of[place])
        if np.isfinite(share):
            high = share * _BAR
            bar = QRectF(rect.left() + 1, rect.top() + _BAR - high, rect.width() - 2, high)
            painter.fillRect(bar, faded(theme().role("output"), 0.45))
        if place < len(self._best):
            level = rect.top() + _BAR * (1 - float(self._best[place]))
            painter.setPen(pen(theme().color("textHi"), 1.5))
            painter.drawLine(QPointF(rect.left(), level), QPointF(rect.right(), level))
