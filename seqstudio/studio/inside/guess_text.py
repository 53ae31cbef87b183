"""`GuessText`: a text with what the model expected under every token; only what is seen is drawn.

text = GuessText()
text.set_content(GuessContent(...))
text.set_cursor(38)
text.hovered.connect(...); text.clicked.connect(...)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.inside.embedding_map import symbol_name
from seqstudio.studio.theme import faded, follow_theme, mix, painting, pen, theme
from seqstudio.studio.widgets.token_lines import columns_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GUTTER, _INSET, _GAP = 72, 10, 12
_MOST_COLUMNS = 9
_STRONGEST = 0.6


@dataclass(frozen=True)
class GuessContent:
    """What stands under T tokens: R rows of guesses and rows of numbers.

    Attributes:
        tokens: (T,) the text.
        symbols: (V,) what is guessed.
        shade: (T,) from 0 (nothing) to 1: background of the tokens; NaN for none.
        rows: (R,) names of the rows of guesses.
        best: (T, R) guessed symbol.
        p: (T, R) its probability.
        true: (T,) the symbol that came, -1 where none is asked.
        numbers: (name, (T,) values) of the rows of numbers.
    """

    tokens: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    shade: Floats = field(default_factory=lambda: np.zeros(0))
    rows: tuple[str, ...] = ()
    best: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    p: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    true: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    numbers: tuple[tuple[str, Floats], ...] = ()


class GuessText(QAbstractScrollArea):
    """Lines of cells; a cell is a token with its guesses and numbers below.

    Signals:
        hovered(int): token under the pointer, -1 when it leaves.
        clicked(int): token that was clicked, or reached with the arrow keys.
    """

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = GuessContent()
        self.cursor_at = self._hover = -1
        self._starts: Ints = np.zeros(1, np.int64)
        self._columns = 1
        self._widths: tuple[int, int] = (1, 1)
        self._cell = self._token_high = self._row_high = 1.0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Text with predictions")
        self.viewport().setMouseTracking(True)
        follow_theme(self)

    def set_content(self, content: GuessContent) -> None:
        """Show another text, or other rows under the same."""
        longer = content.tokens != self.content.tokens
        self.content = content
        names = {*content.tokens, *(content.symbols if content.rows else ())}
        widest = max((columns_of(symbol_name(name)) for name in names), default=1)
        self._widths = min(widest, _MOST_COLUMNS), widest
        if longer:
            self.cursor_at = self._hover = -1
        self._break()

    def set_cursor(self, token: int, *, reveal: bool = True) -> None:
        """Outline a token, -1 for none; scroll to it if `reveal`."""
        token = token if 0 <= token < len(self.content.tokens) else -1
        if token == self.cursor_at:
            return
        before, self.cursor_at = self.cursor_at, token
        if reveal and token >= 0:
            self._reveal(token)
        for each in (before, token):
            if each >= 0:
                self.viewport().update(self.cell_rect(each).adjusted(-4, -4, 4, 4).toRect())

    # Layout

    @property
    def line_height(self) -> float:
        """Height of a line with everything under it."""
        rows = len(self.content.rows) + len(self.content.numbers)
        return self._token_high + rows * self._row_high + _GAP

    @property
    def lines(self) -> int:
        """Lines that the text has."""
        return len(self._starts) - 1

    @Slot()
    def restyle(self) -> None:
        """Take fonts from the theme in force."""
        self._break()

    def _break(self) -> None:
        mono = QFontMetricsF(theme().font("mono"))
        small = QFontMetricsF(theme().font("monoSmall"))
        self._token_high = mono.height() + 4
        self._row_high = small.height() + 1
        least = small.horizontalAdvance("0.00") if self.content.numbers else 0.0
        self._cell = max(mono.horizontalAdvance("0") * self._widths[0] + 4, least + 6)
        room = self.viewport().width() - self._left - _INSET
        self._columns = max(1, int(room / self._cell))
        self._starts = line_starts(self.content.tokens, self._columns)
        self._set_scroll()
        self.viewport().update()

    @property
    def _left(self) -> float:
        return GUTTER if self.content.rows or self.content.numbers else _INSET

    def _set_scroll(self) -> None:
        bar = self.verticalScrollBar()
        high = round(self.lines * self.line_height + 2 * _INSET)
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(max(8, round(self.line_height / 3)))
        bar.setRange(0, max(0, high - self.viewport().height()))

    def line_of(self, token: int) -> int:
        """Return the line that a token stands in."""
        return int(np.searchsorted(self._starts, token, side="right")) - 1

    def cell_rect(self, token: int) -> QRectF:
        """Return where a token and what is under it are painted."""
        line = self.line_of(token)
        x = self._left + (token - int(self._starts[line])) * self._cell
        y = _INSET + line * self.line_height - self.verticalScrollBar().value()
        return QRectF(x, y, self._cell, self.line_height - _GAP)

    def token_at(self, place: QPointF) -> int:
        """Return the token under a pixel of the viewport, -1 for none."""
        y = place.y() - _INSET + self.verticalScrollBar().value()
        line, column = int(y // self.line_height), int((place.x() - self._left) // self._cell)
        if not 0 <= line < self.lines or not 0 <= column < self._columns or place.x() < self._left:
            return -1
        token = int(self._starts[line]) + column
        return token if token < int(self._starts[line + 1]) else -1

    def _reveal(self, token: int) -> None:
        bar, line = self.verticalScrollBar(), self.line_of(token)
        top = line * self.line_height
        if top < bar.value():
            bar.setValue(round(top))
        elif top + self.line_height + _INSET > bar.value() + self.viewport().height():
            bar.setValue(round(top + self.line_height + 2 * _INSET - self.viewport().height()))

    @override
    def sizeHint(self) -> QSize:
        return QSize(480, 260)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._break()

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        token = self.token_at(event.position())
        if token != self._hover:
            self._hover = token
            self.hovered.emit(token)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        token = self.token_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and token >= 0:
            self.clicked.emit(token)

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave and self._hover >= 0:
            self._hover = -1
            self.hovered.emit(-1)
        return super().viewportEvent(event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        here, last = max(0, self.cursor_at), len(self.content.tokens) - 1
        targets = {
            Qt.Key.Key_Left: here - 1, Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Up: here - self._columns, Qt.Key.Key_Down: here + self._columns,
            Qt.Key.Key_Home: 0, Qt.Key.Key_End: last,
        }  # fmt: skip
        target = targets.get(Qt.Key(event.key()))
        if target is None or last < 0:
            super().keyPressEvent(event)
        else:
            self.clicked.emit(min(last, max(0, target)))

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self.viewport()) as painter:
            painter.fillRect(event.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            scroll = self.verticalScrollBar().value() - _INSET
            first = max(0, int((event.rect().top() + scroll) // self.line_height))
            last = int((event.rect().bottom() + scroll) // self.line_height) + 1
            for line in range(first, min(last, self.lines)):
                self._paint_line(painter, line, event.rect())
            self._paint_cursor(painter)

    def _paint_line(self, painter: QPainter, line: int, area: object) -> None:
        top = _INSET + line * self.line_height - self.verticalScrollBar().value()
        self._paint_gutter(painter, top)
        left, right = area.left() - self._cell, area.right()  # type: ignore[attr-defined]
        for token in range(int(self._starts[line]), int(self._starts[line + 1])):
            rect = self.cell_rect(token)
            if left <= rect.left() <= right:
                self._paint_token(painter, token, rect)
                self._paint_guesses(painter, token, rect)
                self._paint_numbers(painter, token, rect)

    def _paint_gutter(self, painter: QPainter, top: float) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        names = [*self.content.rows, *(name for name, _ in self.content.numbers)]
        y = top + self._token_high
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for name in names:
            shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideLeft, GUTTER - 12)
            painter.drawText(QRectF(0, y, GUTTER - 8, self._row_high), right, shown)
            y += self._row_high

    def _paint_token(self, painter: QPainter, token: int, rect: QRectF) -> None:
        cell = QRectF(rect.left(), rect.top(), rect.width(), self._token_high)
        shade = float(self.content.shade[token]) if len(self.content.shade) else np.nan
        if np.isfinite(shade):
            well = theme().color("surface0")
            painter.fillRect(cell, mix(theme().role("loss"), well, _STRONGEST * shade))
        text = self.content.tokens[token]
        painter.setFont(theme().font("mono"))
        plain = text.isprintable() and text != " "
        painter.setPen(theme().color("textHi" if plain else "textMid"))
        painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, self._short(painter, text))

    def _short(self, painter: QPainter, text: str) -> str:
        name = symbol_name(text)
        if len(name) <= 1:
            return name
        return painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight,
                                                int(self._cell))  # fmt: skip

    def _paint_guesses(self, painter: QPainter, token: int, rect: QRectF) -> None:
        painter.setFont(theme().font("monoSmall"))
        y, content = rect.top() + self._token_high, self.content
        role, true = theme().role("output"), int(content.true[token]) if content.rows else -1
        for row in range(len(content.rows)):
            cell = QRectF(rect.left() + 1, y, rect.width() - 2, self._row_high - 1)
            p, guess = float(content.p[token, row]), int(content.best[token, row])
            painter.fillRect(cell, faded(role, min(1.0, p) * 0.75))
            tone = "textHi" if p >= 0.05 else "textLow"
            painter.setPen(theme().color(tone))
            name = self._short(painter, content.symbols[guess])
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, name)
            if guess == true:
                painter.setPen(pen(theme().color("accent"), 2.0))
                painter.drawLine(cell.bottomLeft(), cell.bottomRight())
            y += self._row_high

    def _paint_numbers(self, painter: QPainter, token: int, rect: QRectF) -> None:
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textMid"))
        y = rect.top() + self._token_high + len(self.content.rows) * self._row_high
        for _, values in self.content.numbers:
            value = float(values[token])
            if np.isfinite(value):
                text = f"{value:.1f}" if value < 99.95 else "99+"
                cell = QRectF(rect.left(), y, rect.width(), self._row_high)
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, text)
            y += self._row_high

    def _paint_cursor(self, painter: QPainter) -> None:
        if self.cursor_at < 0:
            return
        rect = self.cell_rect(self.cursor_at).adjusted(-0.5, -0.5, 0.5, 1.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        casing = faded(theme().color("cursorCasing"), 0.6)
        strokes = (casing, theme().stroke("cursorCasing")), (
            theme().color("cursor"), theme().stroke("cursor"))  # fmt: skip
        for colour, width in strokes:
            painter.setPen(pen(colour, width))
            painter.drawRoundedRect(rect, 3, 3)


class ShadeKey(QWidget):
    """The scale of the background with its two ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ends = ("", "")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_ends(self, low: str, high: str) -> None:
        """Name the ends: without colour, and with the strongest."""
        self._ends = low, high
        self.setAccessibleName(f"colour scale from {low} to {high}")
        self.updateGeometry()
        self.update()

    @override
    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(theme().font("axis"))
        return QSize(round(96 + sum(map(metrics.horizontalAdvance, self._ends))), 20)

    @Slot()
    def restyle(self) -> None:
        """Take colours and fonts of the theme in force."""
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setFont(theme().font("axis"))
            painter.setPen(theme().color("textLow"))
            metrics = QFontMetricsF(theme().font("axis"))
            left = metrics.horizontalAdvance(self._ends[0]) + 6
            middle = Qt.AlignmentFlag.AlignVCenter
            area = QRectF(self.rect())
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | middle, self._ends[0])
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | middle, self._ends[1])
            well = theme().color("surface0")
            for pixel in range(80):
                colour = mix(theme().role("loss"), well, _STRONGEST * pixel / 79)
                painter.fillRect(QRectF(left + pixel, area.center().y() - 4, 1, 8), colour)


def line_starts(tokens: tuple[str, ...], columns: int) -> Ints:
    """Return the first token of every line, and T at the end; a line break ends its line."""
    starts, used = [0], 0
    for number, token in enumerate(tokens):
        if used == columns:
            starts.append(number)
            used = 0
        used += 1
        if token.endswith("\n") and number + 1 < len(tokens):
            starts.append(number + 1)
            used = 0
    return np.array([*starts, len(tokens)], np.int64)
