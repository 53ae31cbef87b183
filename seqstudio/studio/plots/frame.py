"""`Frame`: from data to pixels for one painting of a plot; hatch and path tools."""

from __future__ import annotations

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


def stroke_thin(painter: QPainter, path: QPainterPath, colour: QColor, width: float) -> None:
    """Stroke a zigzag with as many one-pixel lines side by side as its width takes.

    A wide pen joins every corner, which takes 30 times as long and looks the same.
    """
    ratio = painter.device().devicePixelRatioF()
    strokes = max(1, round(width * ratio))
    spare = max(0.0, width * ratio - 1) / ratio
    line = QPen(colour, 1)
    line.setCosmetic(True)
    painter.setPen(line)
    for stroke in range(strokes):
        step = spare * (stroke / (strokes - 1) - 0.5) if strokes > 1 else 0.0
        painter.translate(step, step)
        painter.drawPath(path)
        painter.translate(-step, -step)


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
