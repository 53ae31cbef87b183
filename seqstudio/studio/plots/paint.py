"""Painting of curves, bands, grid and axes. Everything is in pixels of the widget."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from seqstudio.studio.plots.frame import Frame, hairline, path_of, sharp, stroke_thin
from seqstudio.studio.plots.items import Curve, resolve
from seqstudio.studio.plots.mass import paint_mass
from seqstudio.studio.plots.scale import tick_texts, ticks
from seqstudio.studio.plots.series import FloatArray, Reduced
from seqstudio.studio.theme import faded, mix, pen, theme

_BAND_OPACITY = 0.14
_MARKER = 2.75
_MOST_MARKERS = 400
_MOST_FAULTS = 40
# Points up to which Qt's own wide pen is quick, and nicest.
_SHORT = 64
# Vertical travel per pixel of width above which a line is noise.
_STEEP = 3.0


def paint_grid(painter: QPainter, frame: Frame) -> None:
    """Paint the grid: value axis stronger than the other, no frame."""
    rect = frame.rect
    painter.setPen(hairline(painter, theme().color("gridMinor")))
    for x in frame.px(ticks(frame.x)):
        painter.drawLine(QPointF(sharp(x), rect.top()), QPointF(sharp(x), rect.bottom()))
    painter.setPen(hairline(painter, theme().color("gridMajor")))
    for y in frame.py(ticks(frame.y, _value_ticks(frame))):
        painter.drawLine(QPointF(rect.left(), sharp(y)), QPointF(rect.right(), sharp(y)))


def paint_ticks(painter: QPainter, frame: Frame, gap: float, chip: QRectF | None) -> None:
    """Paint the ticks, which are text only; those under the cursor's chip are left out."""
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textLow"))
    metrics = painter.fontMetrics()
    values = ticks(frame.y, _value_ticks(frame))
    for y, text in zip(frame.py(values), tick_texts(values, frame.y), strict=True):
        right = frame.rect.left() - gap
        box = QRectF(right - 200, y - 10, 200, 20)
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
    values = ticks(frame.x, _other_ticks(frame))
    top = frame.rect.bottom() + gap + metrics.ascent()
    for x, text in zip(frame.px(values), tick_texts(values, frame.x), strict=True):
        half = metrics.horizontalAdvance(text) / 2
        if chip is None or x + half + 2 < chip.left() or x - half - 2 > chip.right():
            painter.drawText(QPointF(x - half, top), text)


def _value_ticks(frame: Frame) -> int:
    return int(min(6, max(2, frame.rect.height() // 34)))


def _other_ticks(frame: Frame) -> int:
    return int(min(6, max(2, frame.rect.width() // 70)))


def paint_titles(painter: QPainter, frame: Frame, x_title: str, y_title: str, width: int) -> None:
    """Paint both axis titles: value axis above at left, the other right-aligned under ticks."""
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textMid"))
    metrics = painter.fontMetrics()
    elide = Qt.TextElideMode.ElideRight
    left = 12.0
    shown = metrics.elidedText(y_title, elide, int(width - left - 8))
    painter.drawText(QPointF(left, frame.rect.top() - 12), shown)
    shown = metrics.elidedText(x_title, elide, int(frame.rect.width()))
    below = frame.rect.bottom() + 8 + 2 * metrics.height() - metrics.descent()
    painter.drawText(QPointF(frame.rect.right() - metrics.horizontalAdvance(shown), below), shown)


def paint_band(painter: QPainter, frame: Frame, curve: Curve) -> None:
    """Paint the band of a curve at 14 % of its colour."""
    if curve.band is None or not len(curve.band[0]):
        return
    x, low, high = curve.band
    px = frame.px(x)
    # Below a logarithmic axis there is no place for 0: the band runs out at the bottom.
    bottom = np.nan_to_num(frame.py(low), nan=frame.rect.bottom() + 2)
    top = np.nan_to_num(frame.py(high), nan=frame.rect.bottom() + 2)
    outline = path_of(np.concatenate([px, px[::-1]]), np.concatenate([top, bottom[::-1]]))
    outline.closeSubpath()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(faded(resolve(curve.paint), _BAND_OPACITY))
    painter.drawPath(outline)


def paint_curve(painter: QPainter, frame: Frame, curve: Curve) -> None:
    """Paint a line reduced to the columns of the frame, and its markers."""
    if not len(curve.series):
        return
    part = curve.series.reduce(frame.x.low, frame.x.high, int(frame.rect.width()))
    # Mixed, not transparent: a zigzag would cover itself and come out opaque.
    colour = mix(resolve(curve.paint), theme().color("surface0"), curve.opacity)
    if curve.line:
        _stroke(painter, frame, part, curve, colour)
    if curve.markers or not curve.line:
        _paint_markers(painter, frame, part, colour)
    _paint_faults(painter, frame, curve)


def _stroke(painter: QPainter, frame: Frame, part: Reduced, curve: Curve, colour: QColor) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    x, low, high = frame.px(part.x), frame.py(part.low), frame.py(part.high)
    travel = float(np.nansum(np.abs(np.diff(low))) + np.nansum(np.abs(low - high)))
    steep = len(x) > _SHORT and travel > _STEEP * frame.rect.width()
    if steep and not part.exact and not curve.dash and np.isfinite(low).all():
        paint_mass(painter, frame.rect, (x, high, low), curve.width, colour)
        return
    if part.exact:
        line = path_of(x, low)
    elif curve.dash:
        line = path_of(x, (low + high) / 2)  # dashes cannot be read on a zigzag
    else:
        line = path_of(*_zigzag(x, low, high))
    if len(x) > _SHORT:
        stroke_thin(painter, line, colour, curve.width, curve.dash, steep=steep)
    else:
        painter.setPen(pen(colour, curve.width, curve.dash))
        painter.drawPath(line)


def _zigzag(x: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a line through the least and the greatest of every column, up and down in turn."""
    y = np.stack([low, high], axis=1)
    y[1::2] = y[1::2, ::-1]
    return np.repeat(x, 2), y.ravel()


def _paint_markers(painter: QPainter, frame: Frame, part: Reduced, colour: QColor) -> None:
    inside = (part.x >= frame.x.low) & (part.x <= frame.x.high) & np.isfinite(part.low)
    stride = max(1, int(inside.sum()) // _MOST_MARKERS)
    painter.setPen(pen(colour, 1.25))
    painter.setBrush(theme().color("surface0"))
    xs, ys = frame.px(part.x[inside][::stride]), frame.py(part.low[inside][::stride])
    for x, y in zip(xs, ys, strict=True):
        painter.drawEllipse(QPointF(x, y), _MARKER, _MARKER)


def _paint_faults(painter: QPainter, frame: Frame, curve: Curve) -> None:
    """Mark at the upper edge where a value is not a number; a gap alone is easily missed."""
    bad = curve.series.faults
    bad = bad[(bad >= frame.x.low) & (bad <= frame.x.high)]
    if not bad.size:
        return
    painter.setPen(pen(theme().color("error"), 1.5))
    top = frame.rect.top() + 4
    for x in frame.px(bad[:_MOST_FAULTS]):
        painter.drawLine(QPointF(x - 3, top - 3), QPointF(x + 3, top + 3))
        painter.drawLine(QPointF(x - 3, top + 3), QPointF(x + 3, top - 3))
