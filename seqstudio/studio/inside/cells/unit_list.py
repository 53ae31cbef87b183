"""`UnitList`: units with the pattern that they follow, each with a bar, a tick and a strip.

The bar is the score on held-out text, the tick what shuffled patterns reach: a bar that does not
clear its tick says nothing. The strip is the unit itself over the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget
from typing_extensions import override

from seqstudio.studio.plots.maps import coloured
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

_NONE = -1
_STRIP = 256


@dataclass(frozen=True)
class UnitRow:
    """One line of the list.

    Attributes:
        unit: Number of the unit.
        title: The pattern, or what it is in the ranking.
        value: Score that the bar shows, NaN for none.
        baseline: Where the tick stands, NaN for none.
        told: All numbers in words, for the tool tip.
        values: What the unit does over the text; empty for no strip.
        levels: Ends of the scale of the strip.
        key: What the line stands for, such as the name of a pattern.
        missing: What is said where the bar does not clear the tick.
    """

    unit: int
    title: str
    value: float
    baseline: float
    told: str
    values: NDArray[np.floating] = field(default_factory=lambda: np.zeros(0))
    levels: tuple[float, float] = (-1.0, 1.0)
    key: str = ""
    missing: str = "none found"

    @property
    def found(self) -> bool:
        """Whether the score clears the baseline; without a baseline it is taken as it is."""
        return not self.value <= self.baseline


class UnitList(QAbstractScrollArea):
    """A scrolling list of units.

    Signals:
        picked(int): line that was clicked, or reached with the arrow keys.
        opened(int): line that was clicked twice, or on which Enter was pressed.
    """

    picked = Signal(int)
    opened = Signal(int)

    def __init__(self, *, name: str = "Units", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[UnitRow, ...] = ()
        self._images: dict[int, QImage] = {}
        self._chosen = self._hover = _NONE
        self._ring = False
        self._pitch = 44
        self.setAccessibleName(name)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        follow_theme(self)

    # Content

    @property
    def rows(self) -> tuple[UnitRow, ...]:
        """What is listed."""
        return self._rows

    @property
    def chosen(self) -> int:
        """The marked line, -1 for none."""
        return self._chosen

    def set_rows(self, rows: Sequence[UnitRow]) -> None:
        """List other units; the mark goes."""
        self._rows = tuple(rows)
        self._images.clear()
        self._chosen = self._hover = _NONE
        told = ", ".join(f"unit {row.unit} {row.title} {row.value:.2f}" for row in rows)
        self.setAccessibleDescription(told)
        self._set_scroll()
        self.viewport().update()

    def set_chosen(self, line: int) -> None:
        """Mark a line without a signal, -1 for none."""
        if line != self._chosen:
            self._chosen = line if line < len(self._rows) else _NONE
            self.viewport().update()

    # Places

    def _inner(self) -> QRectF:
        return QRectF(self.viewport().rect()).adjusted(12, 0, -12, 0)

    def row_rect(self, line: int) -> QRectF:
        """Return where a line is painted, in the viewport."""
        top = line * self._pitch - self.verticalScrollBar().value()
        return QRectF(4, top, self.viewport().width() - 8, self._pitch - 2)

    def _line_at(self, place: QPointF) -> int:
        line = int((place.y() + self.verticalScrollBar().value()) // self._pitch)
        return line if 0 <= line < len(self._rows) else _NONE

    def _set_scroll(self) -> None:
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self._pitch)
        bar.setRange(0, max(0, len(self._rows) * self._pitch - self.viewport().height()))

    def _reveal(self, line: int) -> None:
        bar, top = self.verticalScrollBar(), line * self._pitch
        if top < bar.value():
            bar.setValue(top)
        elif top + self._pitch > bar.value() + self.viewport().height():
            bar.setValue(top + self._pitch - self.viewport().height())

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._pitch = theme().line_height("small") + 26
        self._images.clear()
        self._set_scroll()
        self.viewport().update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(232, 6 * self._pitch)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._set_scroll()

    # Pointer and keys

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self._pick(self._line_at(event.position()))

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        line = self._line_at(event.position())
        if line != _NONE:
            self.opened.emit(line)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        event.accept()

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        line = self._line_at(event.position())
        if line != self._hover:
            self._hover = line
            self.viewport().update()

    def _pick(self, line: int) -> None:
        if line != _NONE:
            self._chosen = line
            self._reveal(line)
            self.viewport().update()
            self.picked.emit(line)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        last = len(self._rows) - 1
        page = max(1, self.viewport().height() // self._pitch - 1)
        moves = {
            Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page, Qt.Key.Key_Home: -last - 1, Qt.Key.Key_End: last + 1,
        }  # fmt: skip
        move = moves.get(Qt.Key(event.key()))
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen != _NONE:
            self.opened.emit(self._chosen)
            return
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if move is None or last < 0 or not plain:
            super().keyPressEvent(event)
        else:
            self._pick(min(last, max(0, self._chosen + move)))

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._hover = _NONE
            self.viewport().update()
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            line = self._line_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._rows[line].told if line != _NONE else "")
            return True
        return super().viewportEvent(event)

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() != Qt.FocusReason.MouseFocusReason
        self.viewport().update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.viewport().update()

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self.viewport()) as painter:
            painter.fillRect(self.viewport().rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            first = self.verticalScrollBar().value() // self._pitch
            shown = self.viewport().height() // self._pitch + 2
            for line in range(first, min(len(self._rows), first + shown)):
                self._paint_row(painter, line)
            if self._ring:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def _paint_row(self, painter: QPainter, line: int) -> None:
        row, rect = self._rows[line], self.row_rect(line)
        if line in (self._chosen, self._hover):
            painter.setPen(Qt.PenStyle.NoPen)
            token = "accentSoft" if line == self._chosen else "surface3"
            painter.setBrush(theme().color(token))
            painter.drawRoundedRect(rect, theme().radius("button"), theme().radius("button"))
        inner = QRectF(rect.left() + 8, rect.top() + 4, rect.width() - 16, rect.height() - 8)
        self._paint_words(painter, row, inner)
        top = inner.top() + theme().line_height("small") + 4
        self._paint_bar(painter, row, QRectF(inner.left(), top, inner.width(), 4))
        self._paint_strip(painter, line, QRectF(inner.left(), top + 8, inner.width(), 5))

    def _paint_words(self, painter: QPainter, row: UnitRow, inner: QRectF) -> None:
        room = QRectF(inner.left(), inner.top(), inner.width(), theme().line_height("small"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textHi" if row.found else "textLow"))
        painter.drawText(room, middle, str(row.unit))
        value = format_number(row.value, ".2f") if np.isfinite(row.value) else "–"
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, value)
        number = painter.fontMetrics().horizontalAdvance("0") * 4 + 6.0
        right = painter.fontMetrics().horizontalAdvance(value) + 8.0
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid" if row.found else "textLow"))
        words = room.adjusted(number, 0, -right, 0)
        title = row.title if row.found else f"{row.title}: {row.missing}"
        fits = painter.fontMetrics().elidedText(
            title, Qt.TextElideMode.ElideRight, int(words.width())
        )
        painter.drawText(words, middle, fits)

    def _paint_bar(self, painter: QPainter, row: UnitRow, bar: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        radius = theme().radius("bar")
        painter.setBrush(theme().color("line"))
        painter.drawRoundedRect(bar, radius, radius)
        if np.isfinite(row.value) and row.value > 0:
            painter.setBrush(theme().color("textMid" if row.found else "textDisabled"))
            width = bar.width() * min(1.0, row.value)
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), width, 4), radius, radius)
        if np.isfinite(row.baseline):
            x = bar.left() + bar.width() * min(1.0, max(0.0, row.baseline))
            painter.fillRect(QRectF(x - 0.75, bar.top() - 3, 1.5, 10), theme().color("textHi"))

    def _paint_strip(self, painter: QPainter, line: int, place: QRectF) -> None:
        row = self._rows[line]
        if not len(row.values):
            return
        if line not in self._images:
            strip, none = thinned(row.values), np.zeros((1, 0), bool)
            low, high = row.levels
            table = theme().lookup("signed")
            table = table if low < 0 else table[128:][np.arange(256) // 2]
            none = np.zeros((1, strip.shape[1]), bool)
            self._images[line] = coloured(strip, none, (low, high), table)
        painter.drawImage(place, self._images[line])


def thinned(values: NDArray[np.floating], most: int = _STRIP) -> NDArray[np.float64]:
    """Return a row (1, n) of at most `most` means over neighbours; NaN where all are."""
    count = min(most, len(values))
    ends = np.linspace(0, len(values), count + 1).astype(int)
    known = np.isfinite(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), ends[:-1])
    counts = np.add.reduceat(known, ends[:-1], dtype=int)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means[None]
