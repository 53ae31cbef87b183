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
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.inside.embedding.map import symbol_name
from seqstudio.studio.theme import faded, follow_theme, mix, painting, pen, theme
from seqstudio.studio.widgets.token_lines import columns_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_INSET, _GAP = 10, 12
_GUTTER_MOST = 128.0
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
        self._columns_wide = 1
        self._left = float(_INSET)
        self._cell = self._token_high = self._row_high = 1.0
        self._inks = _Inks()
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
        self._columns_wide = min(widest, _MOST_COLUMNS)
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
        inks = self._inks = _Inks()
        self._token_high = inks.mono.height() + 4
        self._row_high = inks.small.height() + 1
        least = 4 * inks.small_advance if self.content.numbers else 0.0
        self._cell = max(inks.mono.horizontalAdvance("0") * self._columns_wide + 4, least + 6)
        self._left = self._gutter()
        room = self.viewport().width() - self._left - _INSET
        self._columns = max(1, int(room / self._cell))
        self._starts = line_starts(self.content.tokens, self._columns)
        self._set_scroll()
        self.viewport().update()

    def _gutter(self) -> float:
        """Return the room that the names of the rows take."""
        names = [*self.content.rows, *(name for name, _ in self.content.numbers)]
        metrics = QFontMetricsF(theme().font("axis"))
        widest = max(map(metrics.horizontalAdvance, names), default=0.0)
        return min(widest + 16.0, _GUTTER_MOST) if names else _INSET

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

    def _paint_line(self, painter: QPainter, line: int, area: QRect) -> None:
        """Paint what is in `area` of a line, row after row: pens and fonts change seldom."""
        top = _INSET + line * self.line_height - self.verticalScrollBar().value()
        if area.left() < self._left:
            self._paint_gutter(painter, top)
        first, last = int(self._starts[line]), int(self._starts[line + 1])
        tokens = range(
            max(first, first + int((area.left() - self._left) // self._cell)),
            min(last, first + int((area.right() - self._left) // self._cell) + 1),
        )
        left = self._left - first * self._cell
        self._paint_tokens(painter, tokens, left, top)
        self._paint_guesses(painter, tokens, left, top + self._token_high)
        below = top + self._token_high + len(self.content.rows) * self._row_high
        self._paint_numbers(painter, tokens, left, below)

    def _paint_gutter(self, painter: QPainter, top: float) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        names = [*self.content.rows, *(name for name, _ in self.content.numbers)]
        y = top + self._token_high
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for name in names:
            shown = painter.fontMetrics().elidedText(
                name, Qt.TextElideMode.ElideLeft, int(self._left - 10)
            )
            painter.drawText(QRectF(0, y, self._left - 8, self._row_high), right, shown)
            y += self._row_high

    def _paint_tokens(self, painter: QPainter, tokens: range, left: float, top: float) -> None:
        shades, inks, cell = self.content.shade, self._inks, self._cell
        painter.setFont(theme().font("mono"))
        for token in tokens:
            shade = float(shades[token]) if len(shades) else np.nan
            if np.isfinite(shade):
                area = QRectF(left + token * cell, top, cell, self._token_high)
                painter.fillRect(area, inks.shade(shade))
        baseline = top + (self._token_high + inks.ascent) / 2
        painter.setPen(theme().color("textHi"))
        for token in tokens:
            name, width = inks.token(self.content.tokens[token], cell)
            painter.drawText(QPointF(left + token * cell + (cell - width) / 2, baseline), name)

    def _paint_guesses(self, painter: QPainter, tokens: range, left: float, top: float) -> None:
        content, inks, cell, high = self.content, self._inks, self._cell, self._row_high
        painter.setFont(theme().font("monoSmall"))
        strong, weak = theme().color("textHi"), theme().color("textLow")
        came = list[tuple[float, float]]()
        for row in range(len(content.rows)):
            y = top + row * high
            for token in tokens:
                p, guess = float(content.p[token, row]), int(content.best[token, row])
                x = left + token * cell
                painter.fillRect(QRectF(x + 1, y, cell - 2, high - 1), inks.guess(p))
                painter.setPen(strong if p >= 0.05 else weak)
                name, width = inks.symbol(content.symbols[guess], cell)
                painter.drawText(QPointF(x + (cell - width) / 2, y + inks.small_ascent), name)
                if guess == content.true[token]:
                    came.append((x + 1, y + high - 2))
        accent = theme().color("accent")
        for x, y in came:
            painter.fillRect(QRectF(x, y, cell - 2, 2), accent)

    def _paint_numbers(self, painter: QPainter, tokens: range, left: float, top: float) -> None:
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textMid"))
        inks, cell = self._inks, self._cell
        for row, (_, values) in enumerate(self.content.numbers):
            baseline = top + row * self._row_high + inks.small_ascent
            for token in tokens:
                value = float(values[token])
                if np.isfinite(value):
                    text = f"{value:.1f}" if value < 99.95 else "99+"
                    x = left + token * cell + (cell - len(text) * inks.small_advance) / 2
                    painter.drawText(QPointF(x, baseline), text)

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


class _Inks:
    """Fonts, names and fills of the theme in force, each made once: a text has few of them."""

    def __init__(self) -> None:
        self.mono = QFontMetricsF(theme().font("mono"))
        self.small = QFontMetricsF(theme().font("monoSmall"))
        self.ascent = self.mono.ascent() - self.mono.descent()
        self.small_ascent = self.small.ascent()
        self.small_advance = self.small.horizontalAdvance("0")
        self._names: dict[tuple[str, bool], tuple[str, float]] = {}
        self._fills: dict[tuple[str, int], QColor] = {}

    def token(self, text: str, room: float) -> tuple[str, float]:
        """Return a token of the text as it is printed, and its width."""
        return self._named(text, room, self.mono, small=False)

    def symbol(self, text: str, room: float) -> tuple[str, float]:
        """Return a guess as it is printed, and its width."""
        return self._named(text, room, self.small, small=True)

    def _named(
        self, text: str, room: float, metrics: QFontMetricsF, *, small: bool
    ) -> tuple[str, float]:
        found = self._names.get((text, small))
        if found is None:
            name = symbol_name(text)
            name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            found = self._names[text, small] = name, metrics.horizontalAdvance(name)
        return found

    def shade(self, share: float) -> QColor:
        """Return the background of a token."""
        return self._filled("loss", share * _STRONGEST)

    def guess(self, p: float) -> QColor:
        """Return the background of a guess."""
        return self._filled("output", min(1.0, p) * 0.75)

    def _filled(self, role: str, share: float) -> QColor:
        key = role, round(share * 255)
        if key not in self._fills:
            self._fills[key] = mix(theme().role(role), theme().color("surface0"), key[1] / 255)
        return self._fills[key]


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
    """Return the first token of every line, and T at the end.

    A line break ends its line where a third of the line is used: what stands under the tokens
    takes too much room for a line of its own after every empty one.
    """
    starts, used = [0], 0
    for number, token in enumerate(tokens):
        if used == columns:
            starts.append(number)
            used = 0
        used += 1
        if token.endswith("\n") and 3 * used >= columns and number + 1 < len(tokens):
            starts.append(number + 1)
            used = 0
    return np.array([*starts, len(tokens)], np.int64)
