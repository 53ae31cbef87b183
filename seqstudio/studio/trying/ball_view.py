"""`BallView`: a ball in a box with its trail, and where a model expects it; throw it by mouse."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QMouseEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.records.inside.trying.ball import BallFollowed
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

SPEEDS = (0.02, 0.25)
_FRAME_MS = 120
_BALL = 7.0
_GUESS = 3.0
_REST = 8  # frames of pause at the end
_PULL = 4.0  # a pull as long as the box is wide throws this many times slower


class BallView(QWidget):
    """The box. A press puts the ball down; a drag from there throws it.

    Signals:
        thrown(object): ((x, y), (dx, dy)): start and distance a frame.
    """

    thrown = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: BallFollowed | None = None
        self._frame = 0
        self._pull: tuple[QPointF, QPointF] | None = None
        self._clock = QTimer(self)
        self._clock.setInterval(_FRAME_MS)
        self._clock.timeout.connect(self._tick)
        self.setAccessibleName("Ball in a box. Drag to throw it")
        self.setToolTip("Press where the ball starts, drag in its direction, let go")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def show_ball(self, reading: BallFollowed) -> None:
        """Show what a model expects; another throw begins with its first frame."""
        old, self._shown = self._shown, reading
        # While the model trains, the same throw comes again and again: the ball flies on.
        if old is None or not np.array_equal(old.path, reading.path):
            self._frame = 0
        if not self.isVisible():
            return
        self._clock.start()
        self.update()

    @property
    def frame_shown(self) -> int:
        """The frame that is painted."""
        return self._frame

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        self._clock.start()

    @override
    def hideEvent(self, event: QHideEvent, /) -> None:
        self._clock.stop()

    @override
    def sizeHint(self) -> QSize:
        return QSize(260, 260)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, 120)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    @Slot()
    def _tick(self) -> None:
        if self._shown is None or self._pull is not None:
            return
        self._frame = (self._frame + 1) % (len(self._shown.path) + _REST)
        self.update()

    # Where things are

    def box(self) -> QRectF:
        """Return the box in pixels."""
        side = min(self.width(), self.height()) - 4.0
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def place(self, x: float, y: float) -> QPointF:
        """Return where a point of the box, from -1 to 1, lies in pixels."""
        box = self.box()
        return QPointF(
            box.left() + (x + 1) / 2 * box.width(), box.bottom() - (y + 1) / 2 * box.height()
        )

    def _point(self, place: QPointF) -> tuple[float, float]:
        box = self.box()
        x = (place.x() - box.left()) / box.width() * 2 - 1
        y = (box.bottom() - place.y()) / box.height() * 2 - 1
        return min(1.0, max(-1.0, x)), min(1.0, max(-1.0, y))

    # Throwing

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pull = (event.position(), event.position())
            self.update()

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._pull is not None:
            self._pull = (self._pull[0], event.position())
            self.update()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._pull is None:
            return
        start, end = self._point(self._pull[0]), self._point(event.position())
        self._pull = None
        dx, dy = (end[0] - start[0]) / _PULL, (end[1] - start[1]) / _PULL
        speed = math.hypot(dx, dy)
        if speed > 0:
            wanted = min(SPEEDS[1], max(SPEEDS[0], speed))
            self.thrown.emit((start, (dx / speed * wanted, dy / speed * wanted)))
        self.update()

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_box(painter)
            # A model may think that the ball flies through a wall; what is behind it is not shown.
            painter.setClipRect(self.box().adjusted(-_BALL, -_BALL, _BALL, _BALL))
            if self._pull is not None:
                self._paint_pull(painter, *self._pull)
            elif self._shown is not None:
                self._paint_guesses(painter, self._shown)
                self._paint_ball(painter, self._shown)

    def _paint_box(self, painter: QPainter) -> None:
        painter.setPen(pen(theme().color("lineStrong"), 1.5))
        painter.setBrush(theme().color("surface0"))
        painter.drawRect(self.box())

    def _paint_pull(self, painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(pen(theme().color("accent"), 2.0))
        painter.drawLine(start, end)
        self._disc(painter, start, _BALL, "textHi")

    def _paint_guesses(self, painter: QPainter, shown: BallFollowed) -> None:
        """Paint the ways on from the last frame that the model has seen, one behind the other."""
        if self._frame < shown.seen - 1:
            return
        begin = shown.path[shown.seen - 1]
        steps = min(self._frame - shown.seen + 2, shown.guesses.shape[1])
        colour = theme().role("output")
        for way in shown.guesses:
            painter.setPen(pen(faded(colour, 0.25), 1.0))
            points = [begin, *way[:steps]]
            for one, two in pairwise(points):
                painter.drawLine(self.place(*one), self.place(*two))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faded(colour, 0.55))
            painter.drawEllipse(self.place(*way[steps - 1]), _GUESS, _GUESS)

    def _paint_ball(self, painter: QPainter, shown: BallFollowed) -> None:
        frame = min(self._frame, len(shown.path) - 1)
        self._paint_trail(painter, shown.path[: frame + 1], shown.seen)
        self._paint_expected(painter, shown, frame)
        self._disc(painter, self.place(*shown.path[frame]), _BALL, "textHi")

    def _paint_trail(self, painter: QPainter, trail: NDArray[np.float64], seen: int) -> None:
        for number, point in enumerate(trail):
            word = "accent" if number < seen else "textMid"
            self._disc(painter, self.place(*point), 2.5, word, 0.8)

    def _paint_expected(self, painter: QPainter, shown: BallFollowed, frame: int) -> None:
        """Ring where the model expected this frame from those before: two standard deviations."""
        if frame < 1:
            return
        scale = self.box().width() / 2
        wide, high = (max(2.0, 2 * float(s) * scale) for s in shown.spread[frame])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen(theme().role("output"), 1.5))
        painter.drawEllipse(self.place(*shown.mean[frame]), min(wide, scale), min(high, scale))

    def _disc(
        self, painter: QPainter, at: QPointF, radius: float, word: str, opacity: float = 1.0
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(theme().color(word), opacity))
        painter.drawEllipse(at, radius, radius)
