"""`WeightBars`: a row of weights as bars over its keys; a hand may drag them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

_LEFT, _RIGHT, _TOP = 44.0, 16.0, 22.0


class WeightBars(QWidget):
    """Bars from 0 to 1, a bar a key; masked keys are hatched away.

    Args:
        title: Above the bars.
        hand: Whether bars can be dragged to another height.

    Signals:
        hovered(int): key under the pointer, -1 when it leaves.
        picked(int): key that was clicked.
        dragged(int, float): key and weight while it is dragged.
        dropped(): end of the gesture.
    """

    hovered = Signal(int)
    picked = Signal(int)
    dragged = Signal(int, float)
    dropped = Signal()

    def __init__(
        self, title: str = "weight", *, hand: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title, self._hand = title, hand
        self._rows: list[NDArray[np.float64]] = []
        self._seen: NDArray[np.bool_] = np.zeros(0, bool)
        self._keys: tuple[str, ...] = ()
        self._cursor = -1
        self._hover = -1
        self._drag = -1
        self._whole = 1.0
        self.setMouseTracking(True)
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(
        self,
        row: ArrayLike,
        keys: Sequence[str],
        seen: ArrayLike,
        other: ArrayLike | None = None,
        *,
        by_largest: bool = False,
    ) -> None:
        """Show weights (S,) of S keys, with another row (S,) beside them.

        Args:
            row: Weights, 0 to 1; the one that a hand moves.
            keys: Words.
            seen: (S,) false where the query may not look.
            other: Drawn as an outline: how it was before.
            by_largest: The axis ends at the largest weight instead of 1.
        """
        self._rows = [np.asarray(row, float)]
        if other is not None:
            self._rows.append(np.asarray(other, float))
        self._keys, self._seen = tuple(keys), np.asarray(seen, bool)
        largest = max((float(r.max(initial=0.0)) for r in self._rows), default=1.0)
        self._whole = max(largest, 1e-6) if by_largest else 1.0
        self.update()

    def set_cursor(self, key: int) -> None:
        """Mark a key, -1 for none."""
        if key != self._cursor:
            self._cursor = key
            self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 170)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 110)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.update()

    # Places

    def plot_rect(self) -> QRectF:
        """Return where the bars stand."""
        bottom = theme().line_height("mono") + 10.0
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -bottom)

    def _pitch(self) -> float:
        return self.plot_rect().width() / max(1, len(self._keys))

    def bar_rect(self, key: int, weight: float) -> QRectF:
        """Return the bar of a key for a weight."""
        rect, pitch = self.plot_rect(), self._pitch()
        gap = min(3.0, pitch * 0.15)
        height = rect.height() * min(1.0, weight / self._whole)
        left = rect.left() + key * pitch + gap
        return QRectF(left, rect.bottom() - height, max(0.75, pitch - 2 * gap), height)

    def key_at(self, place: QPointF) -> int:
        """Return the key under a pixel, -1 for none."""
        key = int((place.x() - self.plot_rect().left()) // self._pitch())
        return key if 0 <= key < len(self._keys) else -1

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            self._paint_axis(painter)
            if not self._rows:
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_bars(painter)
            self._paint_keys(painter)

    def _paint_axis(self, painter: QPainter) -> None:
        rect = self.plot_rect()
        painter.setFont(theme().font("axis"))
        metrics = painter.fontMetrics()
        for share in (0.0, 0.5, 1.0):
            y = rect.bottom() - share * rect.height()
            painter.setPen(theme().color("gridMajor" if share else "zeroLine"))
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
            text = format_number(share * self._whole, ".2f")
            painter.setPen(theme().color("textLow"))
            place = QPointF(rect.left() - 6 - metrics.horizontalAdvance(text), y + 4)
            painter.drawText(place, text)
        painter.setPen(theme().color("textMid"))
        painter.drawText(QPointF(12, metrics.ascent() + 2), self._title)

    def _paint_bars(self, painter: QPainter) -> None:
        row = self._rows[0]
        # Of bars as thin as a pixel, soft edges are all cost and no use.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self._pitch() >= 4)
        for key in np.flatnonzero(self._seen):
            lit = key in (self._hover, self._cursor, self._drag)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colour(lit))
            painter.drawRect(self.bar_rect(int(key), float(row[key])))
        if len(self._rows) > 1:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pen(theme().color("textHi"), 1.25))
            for key in np.flatnonzero(self._seen):
                rect = self.bar_rect(int(key), float(self._rows[1][key]))
                painter.drawLine(rect.topLeft(), rect.topRight())

    def _colour(self, lit: bool) -> QColor:
        return faded(theme().role("key"), 1.0 if lit else 0.72)

    def _paint_keys(self, painter: QPainter) -> None:
        pitch, rect = self._pitch(), self.plot_rect()
        painter.setFont(theme().font("mono" if pitch >= 11 else "monoSmall"))
        metrics = painter.fontMetrics()
        if pitch < 7:
            self._paint_ends(painter, rect)
            return
        for key, text in enumerate(self._keys):
            hidden = not self._seen[key]
            lit = key in (self._hover, self._cursor)
            painter.setPen(
                theme().color("textDisabled" if hidden else "textHi" if lit else "textMid")
            )
            shown = "␣" if text == " " else shown_text(text)
            shown = metrics.elidedText(shown, Qt.TextElideMode.ElideRight, int(pitch + 6))
            place = QRectF(rect.left() + key * pitch - 4, rect.bottom() + 4, pitch + 8, 20)
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop,
                             shown)  # fmt: skip

    def _paint_ends(self, painter: QPainter, rect: QRectF) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        base = rect.bottom() + painter.fontMetrics().ascent() + 5
        painter.drawText(QPointF(rect.left(), base), "1")
        last = f"key {len(self._keys):,}"
        width = painter.fontMetrics().horizontalAdvance(last)
        painter.drawText(QPointF(rect.right() - width, base), last)

    # Pointer

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._drag >= 0:
            self.dragged.emit(self._drag, self._weight_at(event.position()))
            return
        key = self.key_at(event.position())
        if key != self._hover:
            self._hover = key
            self.setToolTip(self._told(key))
            self.hovered.emit(key)
            self.update()

    def _weight_at(self, place: QPointF) -> float:
        rect = self.plot_rect()
        share = (rect.bottom() - place.y()) / max(1.0, rect.height())
        return float(min(1.0, max(0.0, share * self._whole)))

    def _told(self, key: int) -> str:
        if key < 0 or not self._rows:
            return ""
        word = "␣" if self._keys[key] == " " else shown_text(self._keys[key])
        if not self._seen[key]:
            return f"{key + 1} “{word}”: masked"
        return f"{key + 1} “{word}”: {format_number(float(self._rows[0][key]), '.4f')}"

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        key = self.key_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or key < 0:
            return
        self.picked.emit(key)
        if self._hand and self._seen[key]:
            self._drag = key
            self.dragged.emit(key, self._weight_at(event.position()))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._drag >= 0:
            self._drag = -1
            self.dropped.emit()
            self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        if self._hover >= 0:
            self._hover = -1
            self.hovered.emit(-1)
            self.update()
