"""`Frame`: from data to pixels for one painting of a plot; hatch and path tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPen, QTransform

from seqstudio.studio.plots.scale import Scale
from seqstudio.studio.plots.series import FloatArray
from seqstudio.studio.theme import painting, pen, theme

_HATCH_PITCH = 5
_FAR = 1e5


@dataclass(frozen=True)
class Frame:
    """The data rectangle in pixels and the two scales on it."""

    rect: QRectF
    x: Scale
    y: Scale

    def px(self, values: ArrayLike) -> FloatArray:
        """Return abscissas in pixels."""
        return self.rect.left() + self.x.share(values) * self.rect.width()

    def py(self, values: ArrayLike) -> FloatArray:
        """Return ordinates in pixels, downwards."""
        return self.rect.bottom() - self.y.share(values) * self.rect.height()

    def point(self, x: float, y: float) -> QPointF:
        """Return one place in pixels."""
        return QPointF(float(self.px(x)), float(self.py(y)))

    def x_at(self, px: float) -> float:
        """Return the abscissa under a pixel."""
        return self.x.value((px - self.rect.left()) / self.rect.width())

    def y_at(self, py: float) -> float:
        """Return the ordinate under a pixel."""
        return self.y.value((self.rect.bottom() - py) / self.rect.height())


def path_of(x: FloatArray, y: FloatArray) -> QPainterPath:
    """Return a polyline through pixel arrays; places that are not finite break it."""
    from pyqtgraph.functions import arrayToQPath  # fills the path from memory, 50 × a loop

    # Qt's raster engine overflows far outside the window.
    near = np.clip(y, -_FAR, _FAR)
    path: QPainterPath = arrayToQPath(
        np.ascontiguousarray(x), np.ascontiguousarray(near), connect="finite"
    )
    return path


def hatch_brush(colour: QColor, ratio: float = 1.0) -> QBrush:
    """Return 45° lines, 1 px, 5 px apart, sharp at a device pixel ratio."""
    brush = QBrush(_hatch_tile(colour.rgba(), ratio))
    brush.setTransform(QTransform.fromScale(1 / ratio, 1 / ratio))
    return brush


@lru_cache(maxsize=16)
def _hatch_tile(rgba: int, ratio: float) -> QImage:
    # The pitch is measured across the lines, so a tile is pitch × √2 wide.
    side = round(_HATCH_PITCH * 2**0.5 * ratio)
    tile = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(0)
    with painting(tile) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen(QColor.fromRgba(rgba), ratio))
        for shift in (-side, 0, side):
            painter.drawLine(QPointF(shift - 1, side + 1), QPointF(shift + side + 1, -1))
    return tile


def sharp(place: float) -> float:
    """Return the middle of a pixel, so that a straight line is not smeared over two."""
    return float(np.floor(place)) + 0.5


def hairline(painter: QPainter, colour: QColor) -> QPen:
    """Return a line of one device pixel, two at 200 %: it stays sharp at every ratio."""
    result = QPen(colour, max(1, int(painter.device().devicePixelRatioF() + 0.25)))
    result.setCosmetic(True)
    return result


def stroke_thin(
    painter: QPainter,
    path: QPainterPath,
    colour: QColor,
    width: float,
    dash: Sequence[float] = (),
    *,
    steep: bool = False,
) -> None:
    """Stroke a long line with one-pixel lines side by side, as many as its width takes.

    A `steep` line is noise that goes up and down: two lines beside each other are wide enough.

    Qt outlines a wide pen and joins every corner: 5 to 30 ms for 1,600 points with the least
    noise on them, against 0.2 ms for each line of one pixel.
    """
    ratio = painter.device().devicePixelRatioF()
    line = QPen(colour, 1)
    line.setCosmetic(True)
    if dash:
        line.setDashPattern([length * ratio for length in dash])
    painter.setPen(line)
    reach = round((width * ratio - 1) / 2, 3)
    for x, y in ((-reach, 0.0), (reach, 0.0)) if steep and reach > 0 else _strokes(reach):
        painter.translate(x / ratio, y / ratio)
        painter.drawPath(path)
        painter.translate(-x / ratio, -y / ratio)


@lru_cache(maxsize=32)
def _strokes(reach: float) -> tuple[tuple[float, float], ...]:
    """Return offsets in device pixels that fill a round pen reaching so far from its middle."""
    if reach <= 0:
        return ((0.0, 0.0),)
    offsets = [(0.0, 0.0)] if reach > 0.5 else []
    while reach > 0:
        corners = 4 if reach <= 0.75 else 8
        turns = np.arange(corners) * 2 * np.pi / corners
        offsets += [(reach * float(np.cos(turn)), reach * float(np.sin(turn))) for turn in turns]
        reach -= 1.0
    return tuple(offsets)


def paint_hatch(painter: QPainter, rect: QRectF) -> None:
    """Hatch a rectangle: outside the window, masked, or not yet there."""
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    ratio = painter.device().devicePixelRatioF()
    painter.fillRect(rect, hatch_brush(theme().color("lineStrong"), ratio))
    painter.restore()


def paint_cursor_line(painter: QPainter, start: QPointF, end: QPointF) -> None:
    """Paint the shared cursor: a line with its casing."""
    casing = theme().color("cursorCasing")
    casing.setAlphaF(0.6)
    painter.setPen(pen(casing, theme().stroke("cursorCasing")))
    painter.drawLine(start, end)
    painter.setPen(pen(theme().color("cursor"), theme().stroke("cursor")))
    painter.drawLine(start, end)
