"""`TokenStrip`: text under study, each token on a background (or underline) of its value.

strip = TokenStrip()
strip.set_tokens(list(text))
strip.set_values(values_N, limit=1.0)                  # one number a token; NaN is no colour
strip.set_quantity("tanh c, unit 203, layer 2")
strip.set_cursor(38)                                    # the shared sequence time
strip.hovered.connect(...); strip.clicked.connect(...); strip.brushed.connect(...)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets.numbers import format_number
from seqstudio.studio.widgets.token_key import INSET, KeyBar, heat
from seqstudio.studio.widgets.token_lines import TokenLines, break_lines

Mode = Literal["background", "underline"]
_CURSOR_WIDTH = 1.75
_UNDERLINE = 2.5
_NONE = -1


class TokenStrip(QWidget):
    """A scrolling text of N tokens with its key bar.

    Signals:
        hovered(int): token under the pointer, -1 when it leaves.
        clicked(int): token that was clicked, or reached with the arrow keys.
        brushed(int, int): first and last token of a range drawn with the mouse, inclusive.
    """

    hovered = Signal(int)
    clicked = Signal(int)
    brushed = Signal(int, int)

    def __init__(self, *, name: str = "Text", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cells = _Cells(self)
        self._cells.setAccessibleName(name)
        self._key = KeyBar(self)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self._cells, 1)
        rows.addWidget(self._key)
        self.setFocusProxy(self._cells)
        self._cells.hovered.connect(self.hovered)
        self._cells.clicked.connect(self.clicked)
        self._cells.brushed.connect(self.brushed)

    def set_tokens(self, tokens: Sequence[str], rows: Sequence[int] = ()) -> None:
        """Show another text; values, cursor and brush are forgotten.

        Args:
            tokens: The text.
            rows: Tokens that begin a line, beside those after a line end.
        """
        self._cells.set_tokens(tokens, rows)

    def set_values(
        self, values_N: ArrayLike | None, limit: float = 1.0, *, signed: bool = True
    ) -> None:
        """Colour the tokens: ±`limit` are the ends of the scale; None takes colours away.

        Args:
            values_N: One number a token, NaN for no colour.
            limit: End of the scale.
            signed: False names a scale from 0 to `limit`.

        Raises:
            ValueError: Not one value a token, or a limit of 0 or less.
        """
        self._cells.set_values(values_N, limit)
        self._key.set_limit(limit, signed)

    def set_marked(self, marked_N: ArrayLike | None) -> None:
        """Underline tokens, one truth a token; None underlines none."""
        self._cells.set_marked(marked_N)

    def set_dimmed(self, count: int) -> None:
        """Print the first `count` tokens paler: a prompt, which nobody had to predict."""
        self._cells.dimmed = count
        self._cells.viewport().update()

    def reveal(self, token: int) -> None:
        """Scroll so that a token can be seen."""
        self._cells.reveal(token)

    def set_mode(self, mode: Mode) -> None:
        """Choose "background" (signed) or "underline" (0 to `limit`, for surprise)."""
        self._cells.mode = mode
        self._key.setVisible(bool(self._key.name) and mode == "background")
        self._cells.viewport().update()

    def set_quantity(self, name: str) -> None:
        """Name what the colours mean; "" hides the key bar."""
        self._key.set_name(name)

    def set_cursor(self, token: int | None, *, reveal: bool = True) -> None:
        """Outline a token without a signal, None for none; scroll to it if `reveal`."""
        self._cells.set_cursor(_NONE if token is None else token, reveal)

    def cursor_token(self) -> int | None:
        """Return the outlined token, None for none."""
        return None if self._cells.cursor_at == _NONE else self._cells.cursor_at

    def set_brush(self, first: int | None, last: int | None = None) -> None:
        """Mark a range of tokens, inclusive, None for none."""
        self._cells.set_brush(first, last)

    def token_rect(self, token: int) -> QRectF:
        """Return where a token is painted, in this widget's coordinates."""
        rect = self._cells.token_rect(token)
        return rect.translated(
            QPointF(self._cells.viewport().mapTo(self, rect.toRect().topLeft()))
            - QPointF(rect.toRect().topLeft())
        )


class _Cells(QAbstractScrollArea):
    hovered = Signal(int)
    clicked = Signal(int)
    brushed = Signal(int, int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.mode: Mode = "background"
        self.cursor_at = _NONE
        self.dimmed = 0
        self._tokens: tuple[str, ...] = ()
        self._rows: tuple[int, ...] = ()
        self._marked_N: NDArray[np.bool_] = np.zeros(0, bool)
        self._level_N: NDArray[np.int64] = np.zeros(0, int)
        self._value_N: NDArray[np.float64] = np.zeros(0)
        self._lines: TokenLines = break_lines((), 80)
        self._columns = 80
        self._advance, self._pitch, self._cell = 7.8, 26, 22
        self._hover = self._pressed = _NONE
        self._ring = False
        self._brush: tuple[int, int] | None = None
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        follow_theme(self)

    # Data

    def set_tokens(self, tokens: Sequence[str], rows: Sequence[int]) -> None:
        self._tokens, self._rows = tuple(tokens), tuple(rows)
        self._marked_N = np.zeros(len(self._tokens), bool)
        self._level_N = np.full(len(self._tokens), _NONE)
        self._value_N = np.full(len(self._tokens), np.nan)
        self.cursor_at = self._hover = self._pressed = _NONE
        self._brush = None
        self._break()

    def set_values(self, values_N: ArrayLike | None, limit: float) -> None:
        count = len(self._tokens)
        value_N = np.full(count, np.nan) if values_N is None else np.asarray(values_N, float)
        if value_N.shape != (count,) or limit <= 0:
            msg = f"{count} tokens need {count} values and a limit above 0"
            raise ValueError(msg)
        known_N = np.isfinite(value_N)
        share_N = np.clip(np.where(known_N, value_N, 0.0) / limit, -1.0, 1.0)
        self._value_N = value_N
        self._level_N = np.where(known_N, np.rint((share_N + 1.0) * 127.5).astype(int), _NONE)
        self.viewport().update()

    def set_marked(self, marked_N: ArrayLike | None) -> None:
        count = len(self._tokens)
        self._marked_N = np.zeros(count, bool) if marked_N is None else np.array(marked_N, bool)
        self.viewport().update()

    def set_cursor(self, token: int, reveal: bool) -> None:
        self.cursor_at = token if 0 <= token < len(self._tokens) else _NONE
        if reveal and self.cursor_at != _NONE:
            self._reveal(self._lines.line_of(self.cursor_at))
        self.viewport().update()

    def reveal(self, token: int) -> None:
        if 0 <= token < len(self._tokens):
            self._reveal(self._lines.line_of(token))

    def set_brush(self, first: int | None, last: int | None) -> None:
        self._brush = None if first is None else (first, first if last is None else last)
        self.viewport().update()

    # Layout

    @Slot()
    def restyle(self) -> None:
        metrics = QFontMetricsF(theme().font("mono"))
        self._advance = metrics.horizontalAdvance("0" * 50) / 50
        self._pitch = theme().metric("tokenStrip", "line")
        self._cell = min(self._pitch, round(22 * max(1.0, theme().scale)))
        self._break()

    def _break(self) -> None:
        room = self.viewport().width() - 2 * INSET
        self._columns = max(8, int(room / self._advance))
        self._lines = break_lines(self._tokens, self._columns, self._rows)
        self._set_scroll()
        self.viewport().update()

    def _set_scroll(self) -> None:
        height = self._lines.lines * self._pitch + 2 * INSET
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self._pitch)
        bar.setRange(0, max(0, height - self.viewport().height()))

    def _reveal(self, line: int) -> None:
        bar = self.verticalScrollBar()
        top = line * self._pitch + INSET
        if top - self._pitch < bar.value():
            bar.setValue(top - self._pitch)
        elif top + 2 * self._pitch > bar.value() + self.viewport().height():
            bar.setValue(top + 2 * self._pitch - self.viewport().height())

    def token_rect(self, token: int) -> QRectF:
        line = self._lines.line_of(token)
        x = INSET + float(self._lines.column_N[token]) * self._advance
        width = float(self._lines.width_N[token]) * self._advance
        y = INSET + line * self._pitch - self.verticalScrollBar().value()
        return QRectF(x, y, width, self._cell)

    def _token_at(self, place: QPointF) -> int:
        y = place.y() - INSET + self.verticalScrollBar().value()
        found = self._lines.token_at(int(y // self._pitch), (place.x() - INSET) / self._advance)
        return _NONE if found is None else found

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 4 * self._pitch + 2 * INSET)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        room = self.viewport().width() - 2 * INSET
        if max(8, int(room / self._advance)) != self._columns:
            self._break()
        self._set_scroll()

    # Pointer and keys

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._token_at(event.position())
            self._brush = None
            self.viewport().update()

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        token = self._token_at(event.position())
        if token != self._hover:
            self._hover = token
            self.hovered.emit(token)
        if self._pressed != _NONE and token not in (_NONE, self._pressed):
            self._brush = (min(self._pressed, token), max(self._pressed, token))
            self.viewport().update()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._brush is not None:
            self.brushed.emit(*self._brush)
        elif self._pressed != _NONE:
            self._go_to(self._pressed)
        self._pressed = _NONE

    def _go_to(self, token: int) -> None:
        self.set_cursor(token, reveal=True)
        self.clicked.emit(token)

    @override
    def viewportEvent(self, event: QEvent, /) -> bool:
        if event.type() == QEvent.Type.Leave and self._hover != _NONE:
            self._hover = _NONE
            self.hovered.emit(_NONE)
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            self._tell(event)
            return True
        return super().viewportEvent(event)

    def _tell(self, event: QHelpEvent) -> None:
        token = self._token_at(QPointF(event.pos()))
        if token == _NONE:
            QToolTip.hideText()
            return
        value = self._value_N[token]
        number = f"  {format_number(float(value), '.3f')}" if np.isfinite(value) else ""
        QToolTip.showText(event.globalPos(), f"{token:,}  “{self._lines.shown[token]}”{number}")

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        target = self._key_target(Qt.Key(event.key()))
        if target is None or not self._tokens:
            super().keyPressEvent(event)
        else:
            self._go_to(min(len(self._tokens) - 1, max(0, target)))

    def _key_target(self, key: Qt.Key) -> int | None:
        here = max(0, self.cursor_at)
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: len(self._tokens) - 1}
        if key in ends:
            return ends[key]
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            return here + (0 if self.cursor_at == _NONE else step)
        page = max(1, self.viewport().height() // self._pitch - 1)
        lines = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
        }.get(key)
        if lines is None or not self._tokens:
            return None
        column = float(self._lines.column_N[here])
        return self._lines.nearest(self._lines.line_of(here) + lines, column)

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        # A click shows itself as the cursor; the ring is for finding one's way by key.
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
            painter.setFont(theme().font("mono"))
            scroll = self.verticalScrollBar().value()
            first = max(0, (scroll - INSET) // self._pitch)
            last = min(self._lines.lines, (scroll + self.viewport().height()) // self._pitch + 1)
            for line in range(first, last):
                self._paint_line(painter, line)
            self._paint_marks(painter)
            if self._ring:
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))

    def _paint_line(self, painter: QPainter, line: int) -> None:
        tokens = range(int(self._lines.start_L[line]), int(self._lines.start_L[line + 1]))
        if not tokens:
            return
        rect = self.token_rect(tokens[0])
        self._paint_values(painter, tokens, rect)
        self._paint_marked(painter, tokens)
        metrics = painter.fontMetrics()
        baseline = rect.top() + (self._cell + metrics.ascent() - metrics.descent()) / 2
        text = "".join(self._lines.shown[token] for token in tokens)
        painter.setPen(theme().color("textHi"))
        if text.isascii() and tokens[0] >= self.dimmed:
            painter.drawText(QPointF(INSET, baseline), text)
            return
        for token in tokens:
            is_sign = not self._tokens[token].isprintable()
            pale = "textLow" if token < self.dimmed else "textMid" if is_sign else "textHi"
            painter.setPen(theme().color(pale))
            x = INSET + float(self._lines.column_N[token]) * self._advance
            painter.drawText(QPointF(x, baseline), self._lines.shown[token])

    def _paint_values(self, painter: QPainter, tokens: range, rect: QRectF) -> None:
        colours = heat(theme().name)
        output = theme().role("output")
        ratio = self.viewport().devicePixelRatioF()
        for token in tokens:
            level = int(self._level_N[token])
            if level == _NONE:
                continue
            # Cells share edges on device pixels, so that no seam shows between them.
            left = round((INSET + float(self._lines.column_N[token]) * self._advance) * ratio)
            columns = float(self._lines.column_N[token] + self._lines.width_N[token])
            right = round((INSET + columns * self._advance) * ratio)
            if self.mode == "background":
                area = QRectF(left / ratio, rect.top(), (right - left) / ratio, self._cell)
                painter.fillRect(area, colours[level])
            else:
                share = max(0.0, level / 127.5 - 1.0)
                width = (right - left) / ratio
                under = QRectF(left / ratio, rect.bottom() - 1, width, _UNDERLINE)
                painter.fillRect(under, faded(output, 0.12 + 0.88 * share))

    def _paint_marked(self, painter: QPainter, tokens: range) -> None:
        marked = np.flatnonzero(self._marked_N[tokens.start : tokens.stop])
        painter.setPen(Qt.PenStyle.NoPen)
        for token in marked:
            cell = self.token_rect(tokens.start + int(token))
            under = QRectF(cell.left(), cell.bottom() + 1, cell.width(), _UNDERLINE - 1)
            painter.fillRect(under, theme().color("textMid"))

    def _paint_marks(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._brush is not None:
            painter.setPen(pen(theme().color("accent"), 2.0))
            for token in range(self._brush[0], min(self._brush[1] + 1, len(self._tokens))):
                rect = self.token_rect(token)
                painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if self.cursor_at == _NONE:
            return
        rect = self.token_rect(self.cursor_at).adjusted(-0.5, 0, 0.5, 0)
        casing = faded(theme().color("cursorCasing"), 0.6)
        for line in (pen(casing, 4.0), pen(theme().color("cursor"), _CURSOR_WIDTH)):
            painter.setPen(line)
            painter.drawRoundedRect(rect, 3, 3)
