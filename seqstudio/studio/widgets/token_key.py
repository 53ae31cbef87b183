"""`KeyBar`: what the colours behind a text mean."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets.numbers import MINUS, format_number

INSET = 16


class KeyBar(QWidget):
    """The scale of the background, 150 × 8, with its ends and the name of the quantity."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.name = ""
        self._limit, self._signed = 1.0, True
        self.hide()
        follow_theme(self)

    def set_name(self, name: str) -> None:
        """Name the quantity; without a name the bar hides."""
        self.name = name
        self.setVisible(bool(name))
        self.update()

    def set_limit(self, limit: float, signed: bool) -> None:
        """Take the end of the scale, and whether it begins at -limit or at 0."""
        self._limit, self._signed = limit, signed
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Take the height from the theme in force."""
        self.setFixedHeight(12 + 8 + theme().line_height("axis") + 8)
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            bar = QRectF(INSET, 8, 150, 8)
            colours = heat(theme().name)
            for pixel in range(150):
                column = QRectF(bar.left() + pixel, bar.top(), 1, bar.height())
                place = pixel / 149 if self._signed else 0.5 + pixel / 298
                painter.fillRect(column, colours[round(place * 255)])
            end = format_number(self._limit)
            painter.setFont(theme().font("axis"))
            painter.setPen(theme().color("textLow"))
            below = QRectF(bar.left(), bar.bottom() + 3, 150, theme().line_height("axis"))
            low, middle, high = (
                (f"{MINUS}{end}", "0", f"+{end}") if self._signed else ("0", "", end)
            )
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, low)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, middle)
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, high)
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textMid"))
            y = bar.center().y() + painter.fontMetrics().ascent() / 2 - 1
            painter.drawText(QPointF(bar.right() + 16, y), self.name)


@lru_cache(maxsize=2)
def heat(name: str) -> tuple[QColor, ...]:
    """Return the 256 background colours of a theme."""
    return tuple(QColor(*(int(c) for c in row)) for row in theme().lookup("text"))
