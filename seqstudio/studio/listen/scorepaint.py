"""Painting of a laid-out score: marks in the colours of their notes, playhead, lit notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPolygonF

from seqstudio.music.engraving.marks import (
    Arc,
    Box,
    Glyph,
    Mark,
    Shape,
    Sheet,
    Stroke,
    System,
    Words,
)
from seqstudio.studio.listen.score_glyphs import glyph
from seqstudio.studio.plots import paint_cursor_line
from seqstudio.studio.theme import faded, pen, theme

Colour = Callable[[int], QColor]
_ALIGNED = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "middle": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}
_FAR = 200.0


def paint_marks(painter: QPainter, marks: Iterable[Mark], colour: Colour) -> None:
    """Paint marks; the painter's unit is a staff space.

    Args:
        painter: Where to paint.
        marks: What to paint.
        colour: Of a note by number; -1 for signs of no note, -2 for lines of staves.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for mark in marks:
        match mark:
            case Stroke():
                _stroke(painter, mark, colour(mark.note))
            case Glyph():
                _glyph(painter, mark, colour(mark.note))
            case Shape():
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour(mark.note))
                painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in mark.points]))
            case Arc():
                _arc(painter, mark, colour(mark.note))
            case Words():
                _words(painter, mark)


def _stroke(painter: QPainter, mark: Stroke, colour: QColor) -> None:
    if mark.x1 == mark.x2 or mark.y1 == mark.y2:
        _straight(painter, mark, colour)
        return
    line = QPen(colour, mark.width)
    line.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(line)
    painter.drawLine(QLineF(mark.x1, mark.y1, mark.x2, mark.y2))


def _straight(painter: QPainter, mark: Stroke, colour: QColor) -> None:
    """Fill a level or upright line; that of a staff is at least a whole pixel thin and sharp."""
    scale = painter.worldTransform().m11() or 1.0
    width = max(mark.width, 1.0 / scale)
    half = width / 2
    if mark.y1 == mark.y2:
        shift = painter.worldTransform().dy()
        y = (round((mark.y1 - half) * scale + shift) - shift) / scale
        area = QRectF(mark.x1, y, mark.x2 - mark.x1, max(1.0, round(width * scale)) / scale)
    else:
        top, bottom = sorted((mark.y1, mark.y2))
        area = QRectF(mark.x1 - half, top, width, bottom - top)
    painter.fillRect(area, colour)


def _glyph(painter: QPainter, mark: Glyph, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.translate(mark.x, mark.y)
    painter.drawPath(glyph(mark.name))
    painter.translate(-mark.x, -mark.y)


def _arc(painter: QPainter, mark: Arc, colour: QColor) -> None:
    """Paint a tie: thin at its ends, thicker in the middle."""
    reach = min(1.2, (mark.x2 - mark.x1) / 3)
    path = QPainterPath(QPointF(mark.x1, mark.y))
    for height, first, last in ((mark.height * 1.35, mark.x1, mark.x2),
                                (mark.height * 1.05, mark.x2, mark.x1)):  # fmt: skip
        inward = reach if last > first else -reach
        path.cubicTo(first + inward, mark.y + height, last - inward, mark.y + height, last, mark.y)
    painter.setPen(QPen(colour, 0.06))
    painter.setBrush(colour)
    painter.drawPath(path)


def _words(painter: QPainter, mark: Words) -> None:
    font = QFont(theme().font("panelTitle" if mark.kind == "title" else "small"))
    font.setPixelSize(100)  # sizes below a pixel are not made: words are painted large and shrunk
    font.setItalic(mark.kind == "tuplet")
    painter.save()
    painter.translate(mark.x, mark.y)
    painter.scale(mark.size / 100, mark.size / 100)
    painter.setFont(font)
    painter.setPen(theme().color("textHi" if mark.kind == "title" else "textMid"))
    aligned = _ALIGNED[mark.align] | Qt.AlignmentFlag.AlignBottom
    left = {"left": 0.0, "middle": -_FAR * 50, "right": -_FAR * 100}[mark.align]
    descent = painter.fontMetrics().descent()
    painter.drawText(QRectF(left, -200, _FAR * 100, 200 + descent), aligned, mark.text)
    painter.restore()


def paint_outline(painter: QPainter, boxes: Iterable[Box]) -> None:
    """Outline the heads of the note under a pointer; the painter's unit is a staff space."""
    scale = painter.worldTransform().m11() or 1.0
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for box in boxes:
        around = QRectF(box.x - 0.35, box.y - 0.25, box.width + 0.7, box.height + 0.5)
        for colour, width in ((faded(theme().color("cursorCasing"), 0.6), 4.0),
                              (theme().color("cursor"), 1.5)):  # fmt: skip
            painter.setPen(pen(colour, width / scale))
            painter.drawRoundedRect(around, 0.5, 0.5)


def paint_glow(painter: QPainter, boxes: Iterable[Box]) -> None:
    """Paint the ground of heads that sound now; the painter's unit is a staff space."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(faded(theme().color("accent"), 0.35))
    for box in boxes:
        area = QRectF(box.x - 0.45, box.y - 0.4, box.width + 0.9, box.height + 0.8)
        painter.drawRoundedRect(area, 0.7, 0.7)


def paint_playhead(painter: QPainter, system: System, beats: float, space: float) -> None:
    """Paint the cursor through a system, in pixels."""
    x = round(system.x_at(beats) * space) + 0.5
    top, bottom = system.staff_top - 1.6, system.staff_bottom + 1.6
    paint_cursor_line(painter, QPointF(x, top * space), QPointF(x, bottom * space))


def marks_of(sheet: Sheet, notes: frozenset[int], orders: Iterable[int]) -> list[Mark]:
    """Return the marks of some notes in some systems."""
    return [
        mark
        for order in orders
        for mark in sheet.systems[order].marks
        if not isinstance(mark, Words) and mark.note in notes
    ]
