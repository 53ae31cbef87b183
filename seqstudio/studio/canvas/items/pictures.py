"""What can stand in the thumbnail of a block: a picture, a few lines of text, a spark line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter, QPainterPath, QPolygonF

from seqstudio.studio.theme import pen, theme

_INSET = 8.0
_LINES = 3
_RADIUS = 4.0


@dataclass(frozen=True)
class ImagePicture:
    """A map, drawn without smoothing."""

    image: QImage

    height = 48.0

    def draw(self, painter: QPainter, place: QRectF, role: str) -> None:
        """Fill `place` with the image."""
        del role
        _draw_well(painter, place)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        painter.drawImage(place, self.image)


@dataclass(frozen=True)
class TextPicture:
    """The first lines of a text, in the fixed font."""

    lines: tuple[str, ...]

    height = 58.0

    def draw(self, painter: QPainter, place: QRectF, role: str) -> None:
        """Draw up to three lines; what is too wide is cut at the edge."""
        del role
        _draw_well(painter, place)
        font = theme().font("monoSmall")
        painter.setFont(font)
        painter.setPen(theme().color("textHi"))
        pitch = theme().line_height("monoSmall")
        room = place.width() - 2 * _INSET
        letters = max(1, int(room / QFontMetricsF(font).horizontalAdvance("m")))
        top = place.top() + (place.height() - _LINES * pitch) / 2
        for row, line in enumerate(self.lines[:_LINES]):
            box = QRectF(place.left() + _INSET, top + row * pitch, room, pitch)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, line[:letters])


@dataclass(frozen=True)
class SparkPicture:
    """A number with the line of how it came about.

    Attributes:
        values: Oldest first; NaN leaves a gap.
        text: The number, and after a line break a second, smaller line.
    """

    values: tuple[float, ...]
    text: str

    height = 46.0

    def draw(self, painter: QPainter, place: QRectF, role: str) -> None:
        """Draw the number at the right and the line in what is left."""
        _draw_well(painter, place)
        big, _, small = self.text.partition("\n")
        width = self._draw_text(painter, place.adjusted(_INSET, 4, -_INSET, -4), big, small)
        room = place.adjusted(_INSET, 8, -width - 2 * _INSET, -8)
        path = spark_path(self.values, room)
        painter.setPen(pen(theme().role(role or "loss"), theme().stroke("plot")))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)

    @staticmethod
    def _draw_text(painter: QPainter, place: QRectF, big: str, small: str) -> float:
        style, right = theme(), Qt.AlignmentFlag.AlignRight
        height = style.line_height("monoLarge")
        top = place if small else place.adjusted(0, (place.height() - height) / 2, 0, 0)
        painter.setFont(style.font("monoLarge"))
        painter.setPen(style.color("textHi"))
        painter.drawText(QRectF(top.left(), top.top(), place.width(), height), right, big)
        painter.setFont(style.font("axis"))
        painter.setPen(style.color("textMid"))
        painter.drawText(place, right | Qt.AlignmentFlag.AlignBottom, small)
        wide = QFontMetricsF(style.font("monoLarge")).horizontalAdvance(big)
        return max(wide, QFontMetricsF(style.font("axis")).horizontalAdvance(small))


Picture = ImagePicture | TextPicture | SparkPicture


def spark_path(values: Sequence[float], place: QRectF) -> QPainterPath:
    """Return values as a line that fills `place`: lowest at the bottom, gaps at NaN."""
    finite = [value for value in values if value - value == 0]
    path = QPainterPath()
    if len(finite) < 2 or place.width() <= 2:
        return path
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    step = place.width() / (len(values) - 1)
    piece = QPolygonF()
    for index, value in enumerate(values):
        if value - value == 0:
            y = place.bottom() - (value - low) / span * place.height()
            piece.append(QPointF(place.left() + index * step, y))
        elif not piece.isEmpty():
            path.addPolygon(piece)
            piece = QPolygonF()
    path.addPolygon(piece)
    return path


def _draw_well(painter: QPainter, place: QRectF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("surface0" if theme().is_dark else "surface1"))
    painter.drawRoundedRect(place, _RADIUS, _RADIUS)
