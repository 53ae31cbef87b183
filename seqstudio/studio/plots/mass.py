"""Curves so dense that they are a mass: every column of pixels is filled from least to greatest.

Stroking such a zigzag costs Qt some 4 ms for each line of one pixel, filling its outline more:
both outline every corner. A mask made by numpy and painted as an image costs a quarter of a
millisecond, and covers the same pixels.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from seqstudio.studio.plots.series import FloatArray

Span = tuple[FloatArray, FloatArray]


def paint_mass(
    painter: QPainter,
    rect: QRectF,
    curve: tuple[FloatArray, FloatArray, FloatArray],
    width: float,
    colour: QColor,
) -> None:
    """Fill a curve inside `rect`.

    Args:
        painter: On any device; its pixel ratio is respected.
        rect: Where the plot's data are.
        curve: In pixels: x (n,) ascending, and the upper and the lower end (n,) there.
        width: Least height that is filled: that of the line.
        colour: Its colour.
    """
    ratio = painter.device().devicePixelRatioF()
    x, top, bottom = curve
    left, above = round(rect.left() * ratio), round(rect.top() * ratio)  # else Qt resamples
    wide, high = round(rect.width() * ratio), round(rect.height() * ratio)
    half = width * ratio / 2
    spans = columns(
        x * ratio - left, (top * ratio - above - half, bottom * ratio - above + half), wide
    )
    first = int(max(np.floor(np.nanmin(spans[0], initial=high)), 0))
    last = int(min(np.ceil(np.nanmax(spans[1], initial=0)), high))
    if first >= last:
        return
    image, pixels = _image(*spans, first, last, colour)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF(left / ratio, (above + first) / ratio), image)
    del pixels  # the image does not own them


def _image(
    top: FloatArray, bottom: FloatArray, first: int, last: int, colour: QColor
) -> tuple[QImage, object]:
    """Return an image of rows first..last, coloured where a column is filled, and its memory.

    Its format is that of widgets: others would be converted pixel by pixel at every painting.
    """
    rows = np.arange(first, last, dtype=np.int16)[:, None]
    begin, end = (np.full(len(top), value, np.int16) for value in (32_767, -1))
    known = np.isfinite(top)
    begin[known] = np.clip(np.round(top[known]), -1, 32_767)
    end[known] = np.clip(np.round(bottom[known]), -1, 32_767)
    filled = (rows >= begin) & (rows < end)
    pixels = np.multiply(filled, np.uint32(_premultiplied(colour)), dtype=np.uint32)
    shape = (len(top), last - first, 4 * len(top))
    return QImage(pixels.data, *shape, QImage.Format.Format_ARGB32_Premultiplied), pixels


def _premultiplied(colour: QColor) -> int:
    """Return a colour as a premultiplied pixel."""
    alpha = colour.alpha()
    red, green, blue = (
        round(part * alpha / 255) for part in (colour.red(), colour.green(), colour.blue())
    )
    return alpha << 24 | red << 16 | green << 8 | blue


def columns(x: FloatArray, ends: Span, count: int) -> Span:
    """Return the upper and the lower end (count,) of every column of pixels.

    A column without a point of its own lies on the line between its neighbours; columns whose
    spans would not touch meet half way. NaN before the first point and behind the last.

    Args:
        x: Abscissas (n,) in pixels, ascending.
        ends: Upper and lower end (n,) in pixels, downwards.
        count: Columns.
    """
    middle = np.arange(count) + 0.5
    top, bottom = (np.interp(middle, x, end, left=np.nan, right=np.nan) for end in ends)
    inside = (x >= 0) & (x < count)
    places = x[inside].astype(np.intp)
    if places.size:
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        own = places[starts]
        top[own] = np.fmin(top[own], np.minimum.reduceat(ends[0][inside], starts))
        bottom[own] = np.fmax(bottom[own], np.maximum.reduceat(ends[1][inside], starts))
    for one, other in ((slice(0, -1), slice(1, None)), (slice(1, None), slice(0, -1))):
        gap = np.fmax(top[other] - bottom[one], 0.0) / 2
        bottom[one] += gap
        top[other] -= gap
    return top, bottom
