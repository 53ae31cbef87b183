"""`Scatter`: points on two axes that can be pointed at; the base of planes of units and of steps.

class Triangle(Scatter):
    def paint_under(self, painter: QPainter, frame: Frame) -> None: ...
    def paint_points(self, painter: QPainter, frame: Frame) -> None: ...
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots import Scale
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.plots.paint import paint_grid, paint_ticks, paint_titles
from seqstudio.studio.plots.series import FloatArray
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme

_NEAR = 10.0
_ZOOM = 0.8
_LEAST = 24.0
DOT = 2.75


class Scatter(QWidget):
    """Points (n,) with axes in words; points at NaN are left out.

    The wheel zooms, a drag beside the points moves, a double click shows all; left and right go
    from point to point.

    Signals:
        hovered(int): point under the pointer, -1 when it leaves.
        picked(int): point that was clicked.
    """

    hovered = Signal(int)
    picked = Signal(int)

    def __init__(
        self, x_title: str, y_title: str, *, square: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.xs: FloatArray = np.zeros(0)
        self.ys: FloatArray = np.zeros(0)
        self.chosen: int | None = None
        self._scales = Scale(0.0, 1.0), Scale(0.0, 1.0)
        self._titles = (x_title, y_title)
        self._square = square
        self._hover = -1
        self._zoomed: tuple[Scale, Scale] | None = None
        self._grip: QPointF | None = None
        self._ring = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(f"{y_title} against {x_title}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    # For painting, in classes of their own

    def paint_under(self, painter: QPainter, frame: Frame) -> None:
        """Paint what lies under the points."""

    def paint_points(self, painter: QPainter, frame: Frame) -> None:
        """Paint the points; the usual ones are discs of the cell's colour."""
        paint_dots(painter, self.places(frame), theme().role("cell"))

    def told(self, index: int) -> str:
        """Return the tool tip of a point."""
        return f"{index}"

    # Data

    def set_points(self, x: ArrayLike, y: ArrayLike) -> None:
        """Show other points, both of shape (n,)."""
        self.xs, self.ys = np.asarray(x, float), np.asarray(y, float)
        self.update()

    def set_scales(self, x: Scale, y: Scale) -> None:
        """Set both ranges, to which a double click returns."""
        self._scales = x, y
        self.update()

    @property
    def view(self) -> tuple[Scale, Scale]:
        """Both ranges that are seen."""
        return self._zoomed or self._scales

    def set_chosen(self, index: int | None) -> None:
        """Ring one point, None for none."""
        self.chosen = index if index is not None and 0 <= index < len(self.xs) else None
        self.update()

    def set_titles(self, x_title: str, y_title: str) -> None:
        """Name both axes."""
        self._titles = x_title, y_title
        self.update()

    def places(self, frame: Frame) -> FloatArray:
        """Return where the points lie in pixels, (n, 2)."""
        return np.stack([frame.px(self.xs), frame.py(self.ys)], 1)

    # Layout

    @override
    def sizeHint(self) -> QSize:
        return QSize(280, 240)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(140, 120)

    @Slot()
    def restyle(self) -> None:
        """Repaint in the theme in force."""
        self.update()

    def frame(self) -> Frame:
        """Return the rectangle of the data in pixels, and its scales."""
        sides = {side: theme().metric("plot", side) for side in ("left", "top", "bottom")}
        area = QRectF(self.rect())
        inner = area.adjusted(sides["left"], sides["top"], -24, -sides["bottom"])
        inner.setWidth(max(_LEAST, inner.width()))
        inner.setHeight(max(_LEAST, inner.height()))
        if self._square:
            side = min(inner.width(), inner.height())
            inner.setWidth(side)
            inner.setHeight(side)
        return Frame(inner, *self.view)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            frame = self.frame()
            paint_grid(painter, frame)
            self.paint_under(painter, frame)
            self.paint_points(painter, frame)
            if self.chosen is not None:
                x, y = self.places(frame)[self.chosen]
                paint_ring(painter, QPointF(x, y))
            paint_ticks(painter, frame, theme().raw_metric("plot", "tickGap"), None)
            paint_titles(painter, frame, *self._titles, self.width())
            if self._ring:
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    # Pointer

    def nearest(self, place: QPointF) -> int:
        """Return the point under the pointer, -1 for none."""
        if not self.xs.size:
            return -1
        off = self.places(self.frame()) - np.array([place.x(), place.y()])
        distance = np.nan_to_num(np.hypot(off[:, 0], off[:, 1]), nan=np.inf)
        index = int(distance.argmin())
        return index if distance[index] <= _NEAR else -1

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._grip is not None:
            self._drag(event.position() - self._grip)
            self._grip = event.position()
            return
        self._point_at(self.nearest(event.position()))

    def _drag(self, by: QPointF) -> None:
        rect, (x, y) = self.frame().rect, self.view
        self._zoomed = x.moved(-by.x() / rect.width()), y.moved(by.y() / rect.height())
        self.update()

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        rect, place = self.frame().rect, event.position()
        factor = _ZOOM if event.angleDelta().y() > 0 else 1 / _ZOOM
        across = (place.x() - rect.left()) / rect.width()
        upwards = (rect.bottom() - place.y()) / rect.height()
        x, y = self.view
        self._zoomed = x.zoomed(across, factor), y.zoomed(upwards, factor)
        self.update()

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        self._zoomed = None
        self.update()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        self._grip = None

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        move = moves.get(Qt.Key(event.key()))
        if move is None or not self.xs.size:
            super().keyPressEvent(event)
            return
        here = -1 if self.chosen is None else self.chosen
        self.picked.emit(min(len(self.xs) - 1, max(0, here + move)))

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._point_at(-1)

    def _point_at(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.setToolTip("" if index < 0 else self.told(index))
            self.hovered.emit(index)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        index = self.nearest(event.position())
        if index >= 0:
            self.picked.emit(index)
        else:
            self._grip = event.position()


def paint_dots(painter: QPainter, places: FloatArray, colour: QColor, radius: float = DOT) -> None:
    """Paint discs, half transparent so that several at one place are seen."""
    painter.setPen(pen(faded(colour, 0.9), 1.0))
    painter.setBrush(faded(colour, 0.35))
    for x, y in places[np.isfinite(places).all(1)]:
        painter.drawEllipse(QPointF(x, y), radius, radius)


def paint_ring(painter: QPainter, place: QPointF) -> None:
    """Paint the shared cursor around a point, with its casing."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    casing = faded(theme().color("cursorCasing"), 0.6)
    for line in (pen(casing, 4.0), pen(theme().color("cursor"), 1.75)):
        painter.setPen(line)
        painter.drawEllipse(place, DOT + 3.5, DOT + 3.5)
