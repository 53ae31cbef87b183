"""Frames behind blocks, and notes: text on the canvas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.document.graph import Frame
from seqstudio.studio.canvas.items.ink import LOD_TEXT, CanvasItem, Ink, ink, scene_pen
from seqstudio.studio.theme import faded, mix

TITLE = 28.0
LEAST = 48.0
NOTE_SIZE = (240.0, 96.0)
PAD = 12.0
_RING = 4.0
_MARGIN = 8.0
_TINT, _LINE_TINT = 0.10, 0.55

Part = Literal["body", "left", "right", "top", "bottom",
               "top left", "top right", "bottom left", "bottom right"]  # fmt: skip


@dataclass(frozen=True)
class FrameHit:
    """Where on a frame the pointer is: its title ("body"), or an edge that resizes it."""

    frame: str
    part: Part


class FrameItem(CanvasItem):
    """Paints a frame or a note.

    Attributes:
        frame: What it shows.
        cost: Words on the sum of the parameters of what lies on it, "" for none.
        chosen: It is selected.
        focused: The keyboard is at it.
    """

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.cost = ""
        self.chosen = False
        self.focused = False
        self.show_frame(frame)

    def show_frame(self, frame: Frame) -> None:
        """Take another state of the frame."""
        self.frame = frame
        self.setZValue(-1.0 if frame.note else -2.0)
        self.setPos(frame.x, frame.y)
        self.setRect(self.body.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN))
        self.update()

    def set_state(self, name: str, value: object) -> None:
        """Set one of the attributes and repaint if it is new."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.update()

    @property
    def body(self) -> QRectF:
        """The rectangle, relative to the item."""
        return QRectF(0, 0, self.frame.width, self.frame.height)

    @property
    def area(self) -> QRectF:
        """The rectangle in scene coordinates, wherever the item stands at the moment."""
        return self.body.translated(self.pos())

    def part_at(self, at: QPointF, reach: float) -> Part | None:
        """Return what of the frame is at a scene point; edges are `reach` wide on both sides."""
        area = self.area
        if not area.adjusted(-reach, -reach, reach, reach).contains(at):
            return None
        rows = (("top", at.y() - area.top()), ("bottom", area.bottom() - at.y()))
        sides = (("left", at.x() - area.left()), ("right", area.right() - at.x()))
        edges = [next((n for n, away in pair if away <= reach), "") for pair in (rows, sides)]
        near = " ".join(name for name in edges if name)
        if near:
            return near  # type: ignore[return-value]
        held = self.frame.note or at.y() <= area.top() + TITLE
        return "body" if held else None

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        detail = option.levelOfDetailFromTransform(painter.worldTransform())
        style = ink()
        painter.setPen(self._outline(style))
        painter.setBrush(self._fill(style))
        radius = style.style.radius("frame")
        painter.drawRoundedRect(self.body, radius, radius)
        self._draw_rings(painter, style, radius)
        if detail < LOD_TEXT:
            return
        if self.frame.note:
            self._draw_text(painter, style, self.body.adjusted(PAD, PAD - 2, -PAD, -PAD / 2))
        else:
            self._draw_title(painter, style)

    def _tone(self, style: Ink) -> QColor | None:
        return style.style.role(self.frame.colour) if self.frame.colour else None

    def _outline(self, style: Ink) -> QPen:
        tone = self._tone(style)
        plain = style.color("lineStrong")
        return scene_pen(1.0, mix(tone, style.color("canvas"), _LINE_TINT) if tone else plain)

    def _fill(self, style: Ink) -> QColor:
        tone = self._tone(style)
        if self.frame.note:
            card = style.color("surface2")
            return mix(tone, card, 0.2) if tone else card
        if tone is not None:
            return faded(tone, _TINT)
        return faded(QColor(255, 255, 255), 0.025 if style.style.is_dark else 0.5)

    def _draw_rings(self, painter: QPainter, style: Ink, radius: float) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.chosen:
            painter.setPen(scene_pen(style.style.stroke("selection"), style.color("accent")))
            ring = self.body.adjusted(-_RING, -_RING, _RING, _RING)
            painter.drawRoundedRect(ring, radius + 3, radius + 3)
            self._draw_handles(painter, style)
        if self.focused:
            wide = _RING + 3
            painter.setPen(scene_pen(style.style.stroke("focus"), style.color("focus"), (4, 2)))
            ring = self.body.adjusted(-wide, -wide, wide, wide)
            painter.drawRoundedRect(ring, radius + 5, radius + 5)

    def _draw_handles(self, painter: QPainter, style: Ink) -> None:
        painter.setBrush(style.color("canvas"))
        body = self.body
        corners = (body.topLeft(), body.topRight(), body.bottomLeft(), body.bottomRight())
        for corner in corners:
            painter.drawRect(QRectF(corner.x() - 3, corner.y() - 3, 6, 6))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_title(self, painter: QPainter, style: Ink) -> None:
        font = style.font("panelTitle")
        painter.setFont(font)
        metrics = style.metrics("panelTitle")
        base = (TITLE + metrics.capHeight()) / 2
        room = self.frame.width - 2 * PAD
        title = metrics.elidedText(self.frame.title, Qt.TextElideMode.ElideRight, room)
        painter.setPen(style.color("textHi"))
        painter.drawText(QPointF(PAD, base), title)
        wide = metrics.horizontalAdvance(title + "  ")
        small = style.metrics("small")
        if self.cost and wide + small.horizontalAdvance(self.cost) <= room:
            painter.setFont(style.small)
            painter.setPen(style.color("textMid"))
            painter.drawText(QPointF(PAD + (wide if title else 0), base), self.cost)
        if self.frame.text:
            self._draw_text(painter, style, self.body.adjusted(PAD, TITLE, -PAD, -PAD / 2))

    def _draw_text(self, painter: QPainter, style: Ink, place: QRectF) -> None:
        painter.setFont(style.font("body" if self.frame.note else "small"))
        painter.setPen(style.color("textHi" if self.frame.note else "textMid"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.save()
        painter.setClipRect(place)
        painter.drawText(place, flags, self.frame.text)
        painter.restore()


def resized(frame: Frame, part: Part, dx: float, dy: float) -> Frame:
    """Return the frame with one edge or corner moved; it never gets smaller than `LEAST`."""
    left, top = frame.x, frame.y
    right, bottom = left + frame.width, top + frame.height
    if "left" in part:
        left = min(left + dx, right - LEAST)
    if "right" in part:
        right = max(right + dx, left + LEAST)
    if "top" in part:
        top = min(top + dy, bottom - LEAST)
    if "bottom" in part:
        bottom = max(bottom + dy, top + LEAST)
    return replace(frame, x=left, y=top, width=right - left, height=bottom - top)
