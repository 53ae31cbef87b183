"""`AttentionLines`: the text twice, and lines from a query to the keys that it looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.panels.attending import Mask
from seqstudio.studio.theme import faded, follow_theme, mix, pen, theme
from seqstudio.studio.widgets.token_lines import shown_text

#: More tokens than this make a tangle.
MOST_TOKENS = 40
_PITCH = (11.0, 22.0)
_TOP = 34.0
_SPREAD = (120.0, 300.0)


class AttentionLines(QWidget):
    """Queries at the left, keys at the right; a line is as strong as its weight.

    Signals:
        hovered(int): query under the pointer, -1 when it leaves.
        picked(int): query that was clicked, or reached with the arrow keys.
    """

    hovered = Signal(int)
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weights: NDArray[np.float64] = np.zeros((0, 0))
        self._masked: Mask = np.zeros((0, 0), bool)
        self._tokens: tuple[str, ...] = ()
        self._keys: tuple[str, ...] = ()
        self._widths = (28.0, 28.0)
        self._cursor = 0
        self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Attention as lines")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(
        self,
        weights: NDArray[np.floating],
        masked: Mask,
        tokens: tuple[str, ...],
        keys: tuple[str, ...] | None = None,
    ) -> None:
        """Show one head: weights (T, S) query by key, the T tokens, and S keys if others."""
        self._weights, self._masked, self._tokens = np.asarray(weights, float), masked, tokens
        self._keys = tokens if keys is None else keys
        self._measure()
        self.update()

    def _measure(self) -> None:
        metrics = QFontMetricsF(theme().font("mono"))
        sides = (self._tokens, self._keys)
        longest = (max((shown_text(t) for t in side), key=len, default="") for side in sides)
        widths = [max(28.0, metrics.horizontalAdvance(text) + 12.0) for text in longest]
        self._widths = (widths[0], widths[1])

    def set_cursor(self, query: int) -> None:
        """Choose the query whose lines are drawn while none is under the pointer."""
        self._cursor = query
        self.update()

    @property
    def query(self) -> int:
        """The query whose lines stand out."""
        chosen = self._hover if self._hover >= 0 else self._cursor
        return min(chosen, len(self._tokens) - 1)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, 160)

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours of the theme in force."""
        self._measure()
        self.update()

    # Places

    @property
    def _pitch(self) -> float:
        room = (self.height() - _TOP - 12) / max(1, len(self._tokens), len(self._keys))
        return min(_PITCH[1], max(_PITCH[0], room))

    def token_rect(self, token: int, *, key: bool) -> QRectF:
        """Return where a token stands, as a key or as a query."""
        spread = min(_SPREAD[1], max(_SPREAD[0], self.width() * 0.45))
        middle = self.width() / 2 + (spread if key else -spread) / 2
        width = self._widths[key]
        return QRectF(middle - width / 2, _TOP + token * self._pitch, width, self._pitch)

    def query_at(self, place: QPointF) -> int:
        """Return the query on the line under a pixel, -1 for none."""
        row = int((place.y() - _TOP) // self._pitch)
        return row if 0 <= row < len(self._tokens) else -1

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("surface0"))
        if not self._tokens:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_titles(painter)
        for query in range(len(self._tokens)):
            if query != self.query:
                self._paint_lines(painter, query, 0.0, 0.22)
        self._paint_lines(painter, self.query, 0.12, 1.0)
        self._paint_tokens(painter)

    def _paint_titles(self, painter: QPainter) -> None:
        painter.setFont(theme().font("axis"))
        for key, name in ((False, "query"), (True, "key")):
            rect = self.token_rect(0, key=key).adjusted(-20, 0, 20, 0)
            rect.moveTop(10)
            rect.setHeight(theme().line_height("axis"))
            painter.setPen(theme().role_text(name))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, name)

    def _paint_lines(self, painter: QPainter, query: int, least: float, most: float) -> None:
        """Paint the lines of a query, from `least` opacity for 0 to `most` for a weight of 1."""
        start = self.token_rect(query, key=False)
        colour = theme().role("query")
        for key in np.flatnonzero(~self._masked[query]):
            weight = float(self._weights[query, key])
            if weight * most < 0.01:
                continue
            end = self.token_rect(int(key), key=True)
            opacity = least + (most - least) * weight
            painter.setPen(pen(faded(colour, opacity), 1.25 + 2.0 * weight))
            painter.drawLine(
                QPointF(start.right(), start.center().y()), QPointF(end.left(), end.center().y())
            )

    def _paint_tokens(self, painter: QPainter) -> None:
        painter.setFont(theme().font("mono" if self._pitch >= 16 else "monoSmall"))
        for key, texts in ((False, self._tokens), (True, self._keys)):
            for token, text in enumerate(texts):
                self._paint_token(painter, token, text, key=key)

    def _paint_token(self, painter: QPainter, token: int, text: str, *, key: bool) -> None:
        rect, radius = self.token_rect(token, key=key), theme().radius("bar")
        back = self._background(token, key=key)
        if back is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(back)
            painter.drawRoundedRect(rect.adjusted(0, 0.5, 0, -0.5), radius, radius)
        painter.setPen(theme().color("textMid" if back is None else "textHi"))
        shown = "␣" if text == " " else shown_text(text)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, shown)

    def _background(self, token: int, *, key: bool) -> QColor | None:
        """Return the fill behind a token: the query, and keys by their weight for it."""
        if not key:
            return theme().color("accentSoft") if token == self.query else None
        if self._masked[self.query, token]:
            return None
        weight = float(self._weights[self.query, token])
        well = theme().color("surface0")
        return mix(theme().role("key"), well, 0.5 * weight) if weight >= 0.02 else None

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        query = self.query_at(event.position())
        if query != self._hover:
            self._hover = query
            self.hovered.emit(query)
            self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover = -1
        self.hovered.emit(-1)
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        query = self.query_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and query >= 0:
            self.picked.emit(query)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or not self._tokens:
            super().keyPressEvent(event)
        else:
            self.picked.emit(min(len(self._tokens) - 1, max(0, self._cursor + step)))
