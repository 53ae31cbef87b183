"""What is on the canvas only while a gesture lasts: ghosts, rubber band, loose wire."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.studio.canvas.items.block_item import draw_glyph
from seqstudio.studio.canvas.items.geometry import curve
from seqstudio.studio.canvas.items.ink import scene_pen
from seqstudio.studio.canvas.items.wire_item import draw_line
from seqstudio.studio.theme import faded, theme


class Transient(QGraphicsItem):
    """An item above all others that takes no events."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(10.0)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self._rect = QRectF()

    @override
    def boundingRect(self) -> QRectF:
        return self._rect.adjusted(-16, -16, 16, 16)


class GhostItem(Transient):
    """Outlines of blocks where they would land."""

    def __init__(self, frames: list[QRectF]) -> None:
        super().__init__()
        self._frames = frames
        for frame in frames:
            self._rect = self._rect.united(frame)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        style = theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(scene_pen(style.stroke("selection"), style.color("accent"), (4.0, 3.0)))
        painter.setBrush(faded(style.color("surface2"), 0.3))
        for frame in self._frames:
            painter.drawRoundedRect(frame, style.radius("block"), style.radius("block"))


class RubberItem(Transient):
    """The rectangle of a box selection."""

    def stretch(self, rect: QRectF) -> None:
        """Take a new rectangle in scene coordinates."""
        self.prepareGeometryChange()
        self._rect = rect

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        line = scene_pen(1.0, theme().color("accent"))
        line.setCosmetic(True)
        painter.setPen(line)
        painter.setBrush(faded(theme().color("accent"), 0.12))
        painter.drawRect(self._rect)


class GuideItem(Transient):
    """The lines along which a drag has caught."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[QLineF] = []

    def tell(self, lines: list[QLineF]) -> None:
        """Show these lines, in scene coordinates."""
        self.prepareGeometryChange()
        self._lines = lines
        self._rect = QRectF()
        for line in lines:
            self._rect = self._rect.united(QRectF(line.p1(), line.p2()).normalized())
        self.update()

    @property
    def lines(self) -> list[QLineF]:
        """The lines shown."""
        return self._lines

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        line = scene_pen(1.0, theme().color("accent"))
        line.setCosmetic(True)
        painter.setPen(line)
        painter.drawLines(self._lines)


class StrokeItem(Transient):
    """The line of a cut."""

    def __init__(self, start: QPointF) -> None:
        super().__init__()
        self._path = QPainterPath(start)
        self._rect = QRectF(start, start)

    def add(self, at: QPointF) -> None:
        """Go on to a point."""
        self.prepareGeometryChange()
        self._path.lineTo(at)
        self._rect = self._path.boundingRect()

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        line = scene_pen(2.0, theme().color("error"))
        line.setCosmetic(True)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(line)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)


class LooseWireItem(Transient):
    """A wire with one end at the pointer, and why it does not fit where that is."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._path = QPainterPath()
        self._end = QPointF()
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why the wire does not fit at the pointer, "" if it does or is over nothing."""
        return self._reason

    def stretch(self, start: QPointF, end: QPointF, pointer: QPointF, reason: str) -> None:
        """Run from an output at `start` to an input at `end`; `pointer` is the loose end."""
        self.prepareGeometryChange()
        self._path, self._end, self._reason = curve(start, end), pointer, reason
        self._rect = self._path.boundingRect().united(self._reason_box())

    def _reason_box(self) -> QRectF:
        metrics = QFontMetricsF(theme().font("small"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        text = metrics.boundingRect(QRectF(0, 0, 280, 200), flags, self._reason)
        corner = self._end + QPointF(16, 16)
        return QRectF(corner.x(), corner.y(), text.width() + 20, text.height() + 12)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        style = theme()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        colour = style.color("textLow" if self._reason else "accent")
        draw_line(painter, self._path, self._kind, colour, style.stroke("wire"))
        painter.setPen(scene_pen(style.stroke("wire"), colour))
        painter.setBrush(style.color("canvas"))
        draw_glyph(painter, self._kind, self._end)
        if self._reason:
            self._draw_reason(painter)

    def _draw_reason(self, painter: QPainter) -> None:
        style, place = theme(), self._reason_box()
        painter.setPen(scene_pen(1.0, style.color("lineStrong")))
        painter.setBrush(style.color("surface3"))
        painter.drawRoundedRect(place, 6, 6)
        painter.setPen(style.color("textHi"))
        painter.setFont(style.font("small"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        painter.drawText(place.adjusted(10, 6, -8, -4), flags, self._reason)
