"""`Chart`: a plot with marks of the panel's own, in pixels of its frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QMarginsF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter
from typing_extensions import override

from seqstudio.studio.plots import Plot
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.theme import faded, pen, theme

NAME_ROOM = 1.25
Mark = Callable[[QPainter, Frame], None]


class Chart(Plot):
    """A plot that also paints marks under and over its curves, in pictures as well.

    Attributes:
        under: Painted on the grid, below the curves.
        over: Painted above curves and names, below the cursor.
        ceiling: Greatest value that the value axis grows to by itself: one spike of a raw trace
            must not flatten all the rest.
        names_inside: No name ever stands right of the frame, so no room is kept there.
        headroom: How much longer than the longest line the other axis grows: names stand there.
    """

    def __init__(self, *, x_title: str = "", y_title: str = "", x_symbol: str = "x") -> None:
        self.under: list[Mark] = []
        self.over: list[Mark] = []
        self.ceiling = math.inf
        self.names_inside = False
        self.headroom = 1.0
        super().__init__(x_title=x_title, y_title=y_title, x_symbol=x_symbol)

    def place_threshold(
        self, key: str, value: float | None, label: str, minimum: float, maximum: float
    ) -> None:
        """Show a horizontal line to drag, move it there if it is shown, None takes it away."""
        if value is None:
            self._thresholds.pop(key, None)
            self.update()
        elif key in self._thresholds:
            self.set_threshold(key, value)
        else:
            self.add_threshold(key, value, label=label, minimum=minimum, maximum=maximum)

    @override
    def _paint_under(self, painter: QPainter, frame: Frame) -> None:
        super()._paint_under(painter, frame)
        _paint_all(painter, frame, self.under)

    @override
    def _paint_cursor(self, painter: QPainter, frame: Frame) -> None:
        _paint_all(painter, frame, self.over)
        super()._paint_cursor(painter, frame)

    @override
    def _margins(self) -> QMarginsF:
        margins = super()._margins()
        if self.names_inside:
            margins.setRight(24.0)
        return margins

    @override
    def _newest(self, axis: str) -> tuple[float, float] | None:
        if axis == "x":
            ends = super()._newest(axis)
            return ends and (ends[0], ends[1] * self.headroom)
        solid = [curve for curve in self.curves() if curve.visible and curve.opacity == 1.0]
        spans = [extent for curve in solid if (extent := curve.series.extent()) is not None]
        if not spans:
            return None
        return min(low for low, _ in spans), min(self.ceiling, max(high for _, high in spans))


def _paint_all(painter: QPainter, frame: Frame, marks: Sequence[Mark]) -> None:
    for mark in marks:
        painter.save()
        mark(painter, frame)
        painter.restore()


def paint_words(painter: QPainter, place: QPointF, words: str, tone: str = "textMid") -> QRectF:
    """Paint a caption with its baseline at a place, on a veil; return the room it takes."""
    painter.setFont(theme().font("axis"))
    metrics = painter.fontMetrics()
    room = QRectF(
        place.x() - 3,
        place.y() - metrics.ascent() - 1,
        metrics.horizontalAdvance(words) + 6,
        metrics.height() + 1,
    )
    painter.fillRect(room, faded(theme().color("surface0"), 0.8))
    painter.setPen(theme().color(tone))
    painter.drawText(place, words)
    return room


def paint_wall(painter: QPainter, frame: Frame, x: float) -> None:
    """Paint the wall where the gradient is cut off."""
    place = float(frame.px(x))
    if frame.rect.left() - 1 <= place <= frame.rect.right() + 1:
        painter.setPen(pen(theme().role("gradient"), 2.0))
        painter.drawLine(QPointF(place, frame.rect.top()), QPointF(place, frame.rect.bottom()))


def paint_ticks_of(
    painter: QPainter, frame: Frame, places: Sequence[tuple[float, str]], tone: str = "textMid"
) -> None:
    """Paint short ticks on the lower axis with words, as far as the words do not collide."""
    free = frame.rect.left()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bottom = frame.rect.bottom()
    for x, words in places:
        place = float(frame.px(x))
        if not frame.rect.left() <= place <= frame.rect.right():
            continue
        painter.setPen(pen(theme().color(tone), 1.5, ()))
        painter.drawLine(QPointF(place, bottom), QPointF(place, bottom - 12))
        painter.setFont(theme().font("axis"))
        width = painter.fontMetrics().horizontalAdvance(words)
        if place + 4 >= free and place + 4 + width < frame.rect.right():
            paint_words(painter, QPointF(place + 4, bottom - 4), words)
            free = place + width + 12


def paint_disc(painter: QPainter, centre: QPointF, paint: object, radius: float = 4.0) -> None:
    """Paint a filled disc with an edge of the well's colour; none at a place that is not one."""
    from PySide6.QtGui import QColor

    if not (math.isfinite(centre.x()) and math.isfinite(centre.y())):
        return  # a gradient of exactly 0 lies nowhere on a logarithmic axis
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen(theme().color("surface0"), 1.5))
    painter.setBrush(paint if isinstance(paint, QColor) else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(centre, radius, radius)
