"""`Film`: the row of time steps; white while the play goes forward, red on its way back."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from seqstudio.records.inside.player import Played
from seqstudio.records.readings import Floats
from seqstudio.studio.inside.playing.ink import paint_symbol, visible
from seqstudio.studio.inside.playing.playhead import Playhead
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

LEFT, RIGHT = 84, 16
NARROWEST, WIDEST = 15.0, 46.0
LOSS, ARROW, SHARE = 30, 26, 30  # heights of the rows
DECADES = 6.0  # between the thinnest and the widest arrow


class Film(QWidget):
    """Columns of time: loss, what is read, gradient by the state, share of the gradient.

    Signals:
        picked(int): the time step that was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._played: Played | None = None
        self._head = Playhead(1)
        self._norms: Floats = np.zeros(1)
        self._sizes: Floats = np.zeros(1)
        self._shares: Floats = np.zeros(1)
        self._low = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Time steps")
        follow_theme(self)

    def set_played(self, played: Played, shares: Floats) -> None:
        """Show another text or layer.

        Args:
            played: All numbers.
            shares: (T,) what each step adds to the gradient that is summed, see `shares`.
        """
        self._played, self._shares = played, shares
        self._norms = np.linalg.norm(played.total, axis=1)
        self._sizes = np.linalg.norm(played.h, axis=1)
        self.update()

    def set_head(self, head: Playhead) -> None:
        """Show where the play is."""
        self._head = head
        if self._played is not None:
            self.setAccessibleDescription(f"{head.phase}, {self.told(head.t)}")
        self.update()

    def set_low(self, low: bool) -> None:
        """Leave the losses and the shares out where there is little room."""
        if low != self._low:
            self._low = low
            self.restyle()

    # Layout

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(720, round(self._share_top() + (2 if self._low else SHARE + 8)))

    @property
    def _token(self) -> float:
        return float(theme().line_height("mono") + 4)

    def _token_top(self) -> float:
        return 6 if self._low else 8 + LOSS + 4

    def _arrow_top(self) -> float:
        return self._token_top() + self._token + 2

    def _share_top(self) -> float:
        return self._arrow_top() + ARROW + 2

    def columns(self) -> tuple[int, int, float]:
        """Return the first step in view, how many there are, and the width of each."""
        steps = self._head.steps
        room = max(NARROWEST, self.width() - LEFT - RIGHT)
        width = min(WIDEST, max(NARROWEST * max(1.0, theme().scale), room / steps))
        shown = min(steps, max(1, int(room / width)))
        first = min(max(0, self._head.t - shown // 2), steps - shown)
        return first, shown, width

    def column_rect(self, t: int) -> QRectF:
        """Return the place of a time step."""
        first, _, width = self.columns()
        return QRectF(LEFT + (t - first) * width, 4, width, self.height() - 8)

    def _step_at(self, x: float) -> int | None:
        first, shown, width = self.columns()
        place = int((x - LEFT) // width)
        return first + place if x >= LEFT and 0 <= place < shown else None

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        played = self._played
        if played is None:
            return
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_names(painter)
            first, shown, _ = self.columns()
            for t in range(first, first + shown):
                self._paint_step(painter, played, t)
            self._paint_more(painter, first, shown)
            self._paint_cursor(painter)

    def _paint_names(self, painter: QPainter) -> None:
        symbolic = self._played is not None and self._played.symbolic
        rows = (
            ("loss", 8 + LOSS - 4, "textMid"),
            ("reads" if symbolic else "t", self._token_top() + self._token * 0.72, "textMid"),
            (self._arrow_name(), self._arrow_top() + ARROW * 0.68, "textMid"),
            ("share", self._share_top() + SHARE * 0.62, "textMid"),
        )
        for words, y, tone in rows[1:3] if self._low else rows:
            paint_symbol(painter, QPointF(12, y), words, theme().color(tone), "axis")

    def _arrow_name(self) -> str:
        return "‖h_t‖" if self._head.phase == "forward" else "‖∂L/∂h_t‖"

    def _reached(self, t: int, *, back: bool) -> bool:
        if back:
            return self._head.phase == "backward" and t >= self._head.t
        return self._head.phase == "backward" or t <= self._head.t

    def _paint_step(self, painter: QPainter, played: Played, t: int) -> None:
        column = self.column_rect(t)
        if not self._low:
            self._paint_loss(painter, column, played.outcomes[t].loss, t)
            self._paint_share(painter, column, float(self._shares[t]), t)
        self._paint_token(painter, column, played.tokens[t], t)
        if self._reached(t, back=True):
            share = _decades(float(self._norms[t]), float(self._norms.max()))
            self._paint_arrow(painter, column, share, red=True)
        elif self._head.phase == "forward" and self._reached(t, back=False):
            most = float(self._sizes.max()) or 1.0
            self._paint_arrow(painter, column, float(self._sizes[t]) / most, red=False)

    def _paint_loss(self, painter: QPainter, column: QRectF, loss: float, t: int) -> None:
        assert self._played is not None
        most = max(
            (abs(o.loss) for o in self._played.outcomes if math.isfinite(o.loss)), default=0
        )
        if not math.isfinite(loss) or not most or not self._reached(t, back=False):
            return
        height = max(1.5, LOSS * max(0.0, loss) / most)
        bar = QRectF(column.left() + 2, 8 + LOSS - height, column.width() - 4, height)
        painter.fillRect(bar, theme().role("loss"))

    def _paint_token(self, painter: QPainter, column: QRectF, token: str, t: int) -> None:
        box = QRectF(column.left() + 1, self._token_top(), column.width() - 2, self._token)
        red = self._reached(t, back=True)
        reached = self._reached(t, back=False)
        role = theme().role("gradient" if red else "forward")
        painter.setPen(pen(role if reached else theme().color("lineStrong"), 1.0))
        painter.setBrush(
            faded(role, 0.22 if red else 0.16) if reached else theme().color("surface1")
        )
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(theme().color("textHi" if reached else "textLow"))
        symbolic = self._played is not None and self._played.symbolic
        text = visible(token) if symbolic else str(t + 1)
        painter.setFont(theme().font("mono" if len(text) == 1 else "monoSmall"))
        metrics, room = painter.fontMetrics(), int(box.width()) + 1
        if not symbolic and metrics.horizontalAdvance(text) > room:
            text = ""
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_arrow(self, painter: QPainter, column: QRectF, share: float, *, red: bool) -> None:
        """Paint an arrow, as wide as its share: white to the right, red to the left.

        Below 0 it is too small for a width and dashed; NaN is an exact zero and not drawn.
        """
        if math.isnan(share):
            return
        width, small = 1 + 7 * max(0.0, share), share <= 0
        colour = theme().role("gradient" if red else "forward")
        y, tip = self._arrow_top() + ARROW / 2, min(7.0, column.width() * 0.4)
        inner = column.adjusted(1, 0, -1, 0)
        point = QPointF(inner.left() if red else inner.right(), y)
        neck = point + QPointF(tip if red else -tip, 0)
        tail = QPointF(inner.right() if red else inner.left(), y)
        painter.setPen(pen(colour, width, (1, 2) if small else ()))
        painter.drawLine(tail, neck)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        half = QPointF(0, 3 + width / 2)
        painter.drawPolygon(QPolygonF([point, neck - half, neck + half]))

    def _paint_share(self, painter: QPainter, column: QRectF, share: float, t: int) -> None:
        """Paint a bar from the middle: up for a part along the gradient, down against it."""
        middle = self._share_top() + SHARE / 2
        painter.fillRect(
            QRectF(column.left(), middle, column.width(), 1), theme().color("zeroLine")
        )
        most = float(np.nanmax(np.abs(self._shares))) if np.isfinite(self._shares).any() else 0.0
        if not math.isfinite(share) or not most:
            return
        height = (SHARE / 2 - 1) * share / most
        bar = QRectF(column.left() + 2, middle - max(height, 0), column.width() - 4, abs(height))
        red = theme().role("gradient")
        painter.fillRect(bar, red if self._reached(t, back=True) else self._faint(red))

    def _faint(self, colour: QColor) -> QColor:
        return faded(colour, 0.25)

    def _paint_more(self, painter: QPainter, first: int, shown: int) -> None:
        """Say that the text goes on at a side."""
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        y = self._token_top() + self._token * 0.72
        if first > 0:
            painter.drawText(QPointF(LEFT - 12, y), "‹")
        if first + shown < self._head.steps:
            painter.drawText(QPointF(self.column_rect(first + shown).left() + 4, y), "›")

    def _paint_cursor(self, painter: QPainter) -> None:
        place = self.column_rect(self._head.t).adjusted(0.5, 0, -0.5, 0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in (
            (theme().color("cursorCasing"), 4.0),
            (theme().color("cursor"), 1.5),
        ):
            painter.setPen(pen(faded(colour, 0.5) if width > 2 else colour, width))
            painter.drawRoundedRect(place, 5, 5)
        if self.hasFocus():
            painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 5, 5)

    # Pointer

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        t = self._step_at(event.position().x())
        if t is None or self._played is None:
            QToolTip.hideText()
            return
        QToolTip.showText(event.globalPosition().toPoint(), self.told(t), self)

    def told(self, t: int) -> str:
        """Return the numbers of a time step in words."""
        assert self._played is not None
        outcome, token = self._played.outcomes[t], self._played.tokens[t]
        words = [f"t = {t + 1}"]
        if self._played.symbolic:
            words[0] += f", reads “{visible(token)}”"
        if math.isfinite(outcome.loss):
            words.append(f"loss {format_number(outcome.loss)} {self._played.unit}")
        words.append(f"‖∂L/∂h‖ {format_number(float(self._norms[t]))}")
        if math.isfinite(self._shares[t]):
            words.append(f"{self._shares[t]:.1%} of the gradient".replace("-", "−"))
        return "\n".join(words)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        t = self._step_at(event.position().x())
        if t is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(t)

    @override
    def focusInEvent(self, event: QEvent, /) -> None:
        self.update()

    @override
    def focusOutEvent(self, event: QEvent, /) -> None:
        self.update()


def _decades(norm: float, most: float) -> float:
    """Return 1 for the largest norm, 0 for one `DECADES` below it, NaN for zero."""
    if not norm > 0 or not most > 0:
        return math.nan
    return 1 + math.log10(norm / most) / DECADES
