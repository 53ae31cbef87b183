"""One block on the canvas: its body, ports, recurrent loop, rings and badges."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.studio.canvas.items.face import Face
from seqstudio.studio.canvas.items.geometry import (
    CORNER_ROOM,
    LOOP_REACH,
    LOOP_RISE,
    TITLE_LEFT,
    BlockLayout,
    curve,
    lay_out,
    loop_path,
)
from seqstudio.studio.canvas.items.ink import (
    BYPASSED,
    LOD_LINES,
    LOD_TEXT,
    MUTED,
    WORLD,
    CanvasItem,
    Ink,
    ink,
    scene_pen,
)
from seqstudio.studio.canvas.items.pictures import Picture
from seqstudio.studio.theme import faded, icon_pixmap, theme

_MARGIN = 16.0
_MESSAGE_WIDTH = 236.0
_DIM = 0.45
FAR_ICON = 0.2
_TAG_ROOM = 32.0
_DASH = (4.0, 3.0)


class BlockItem(CanvasItem):
    """Paints one block. It holds what is seen for a moment: hover, selection, running, picture.

    Attributes:
        key: Id of the block.
        face: What it shows.
        layout: Its measures.
        picture: Thumbnail, or None.
        turn: Angle of the state ring in degrees, or None while it is not running.
        stale: Edited since the run started.
        hovered: The pointer is over it.
        chosen: It is selected.
        focused: The keyboard is at it.
        fitting: While a wire is drawn: the ports that it fits. None otherwise.
    """

    def __init__(self, key: str, face: Face) -> None:
        super().__init__()
        self.key = key
        self.face = face
        self.picture: Picture | None = None
        self.layout: BlockLayout = lay_out(face)
        self.turn: float | None = None
        self.stale = False
        self.hovered = False
        self.chosen = False
        self.focused = False
        self.fitting: frozenset[str] | None = None
        self.setZValue(1.0)
        self._words: tuple[str, ...] = ()
        self._far = False
        self._fit_words()
        self._stretch()

    def show_face(self, face: Face, *, force: bool = False) -> bool:
        """Take a new face; True when ports or size may have moved."""
        if face == self.face and not force:
            return False
        self.face = face
        if self._far:
            self._leave_out()
        return self._measure()

    def show_picture(self, picture: Picture | None) -> bool:
        """Take a new thumbnail; True when the size has changed."""
        self.picture = picture
        return self._measure()

    def _measure(self) -> bool:
        layout = lay_out(self.face, self.picture.height if self.picture else 0.0)
        moved = layout != self.layout
        self.layout = layout
        self._fit_words()
        self._stretch()
        self.update()
        return moved

    def set_far(self, far: bool) -> None:
        """Leave the body to `FarBlocks`, for a view so far away that only its colour is seen."""
        self._far = far
        self._leave_out()

    def _leave_out(self) -> None:
        """Paint nothing at all where only the body would be painted and another does that."""
        ringed = self.chosen or self.focused or bool(self.face.problem)
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents, self._far and not ringed)

    def far_fill(self) -> tuple[int, bool]:
        """Return the colour of the body from far away as one number, and whether it is faint."""
        return self._fill(ink()).rgba(), bool(self.face.mode)

    def _fit_words(self) -> None:
        """Cut title and lines to the room they have; painting only writes them."""
        style = ink()
        room = self.layout.width - TITLE_LEFT - (CORNER_ROOM if self._has_corner() else 8)
        right = Qt.TextElideMode.ElideRight
        title = style.metrics("blockTitle").elidedText(self.face.title, right, room)
        room, metrics = self.layout.width - 2 * style.inset, style.metrics("small")
        lines = (metrics.elidedText(line, right, room) for line in self.face.lines)
        self._words = (title, *lines)

    def set_state(self, name: str, value: object) -> None:
        """Set one of the attributes of the moment and repaint if it is new."""
        if getattr(self, name) != value:
            had_corner = self._has_corner()
            setattr(self, name, value)
            if self._has_corner() != had_corner:
                self._fit_words()
            if name == "chosen":
                self._stretch()
            if self._far:
                self._leave_out()
            self.update()

    @property
    def frame(self) -> QRectF:
        """The body in scene coordinates."""
        return self.layout.body.translated(self.pos())

    def extent(self) -> QRectF:
        """The body with its recurrent loop, in scene coordinates."""
        left, top, right, bottom = self.reach()
        return QRectF(left, top, right - left, bottom - top)

    def reach(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the body with its loop, in scene coordinates."""
        x, y, layout = self.x(), self.y(), self.layout
        wide, high = (LOOP_REACH, LOOP_RISE + 12) if layout.state else (0, 0)
        return x - wide, y - high, x + layout.width + wide, y + layout.height

    def spot(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the body and the loop above it, in scene coordinates."""
        rise = LOOP_RISE + 12 if self.layout.state else 0
        return self.x(), self.y() - rise, self.layout.width, self.layout.height + rise

    def port_at(self, name: str, output: bool) -> QPointF | None:
        """Return the centre of a port in scene coordinates, or None."""
        place = (self.layout.outputs if output else self.layout.inputs).get(name)
        return None if place is None else place + self.pos()

    def pill(self) -> QRectF:
        """Return the pill on the loop, relative to the block; empty without a loop."""
        if self.layout.state is None:
            return QRectF()
        metrics = QFontMetricsF(theme().font("monoSmall"))
        width = metrics.horizontalAdvance(f"{self.face.loop} t−1 → t") + 24
        return QRectF((self.layout.width - width) / 2, -LOOP_RISE - 10, width, 20)

    def _stretch(self) -> None:
        """Take the room that loop, rings and, while selected, the message need."""
        rise = LOOP_RISE + 12 if self.layout.state else 0
        reach = max(_MARGIN, LOOP_REACH + 4)
        rect = self.layout.body.adjusted(-reach, -_MARGIN - rise, reach, _MARGIN)
        if self.chosen:
            rect = rect.united(self._message_box().adjusted(-4, -4, 4, 4))
        self.setRect(rect)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        detail = option.levelOfDetailFromTransform(painter.worldTransform())
        if self._far:
            pass  # the body is drawn with all others
        elif detail < LOD_TEXT:
            self._draw_far(painter, detail)
        else:
            self._draw_near(painter, detail)
        if self.chosen or self.focused or self.face.problem:
            self._draw_rings(painter)
        if self.chosen and detail >= LOD_LINES:
            self._draw_message(painter)

    def _draw_near(self, painter: QPainter, detail: float) -> None:
        style, mode = ink(), self.face.mode
        if self.layout.state is not None:
            self._draw_loop(painter)
        if mode:
            painter.save()
            painter.setOpacity(painter.opacity() * (BYPASSED if mode == "bypass" else MUTED))
        self._draw_body(painter, style)
        self._draw_title(painter, style)
        if detail >= LOD_LINES:
            self._draw_lines(painter, style)
        if mode:
            painter.restore()
            self._draw_mode(painter, style)
        self._draw_ports(painter, style)
        if self._has_corner():
            self._draw_corner(painter)

    def _draw_far(self, painter: QPainter, detail: float) -> None:
        """Draw header colour, outline and, where it can be told, the icon."""
        style, body, mode = ink(), self.layout.body, self.face.mode
        if mode:
            painter.setOpacity(BYPASSED if mode == "bypass" else MUTED)
        if detail < FAR_ICON:  # corners and icon are smaller than a pixel: two fills are quick
            edge = 1.0 / detail
            painter.fillRect(body, style.color("border"))
            painter.fillRect(body.adjusted(edge, edge, -edge, -edge), self._fill(style))
        else:
            painter.setPen(self._outline_pen(style))
            painter.setBrush(self._fill(style))
            painter.drawRoundedRect(body, style.radius, style.radius)
            side = int(min(body.width(), body.height()) / 2)
            self._draw_icon(painter, body.center() - QPointF(side / 2, side / 2), side, style)
        if mode:
            painter.setOpacity(1.0)

    # Parts

    def _fill(self, style: Ink) -> QColor:
        """Return the colour of the header; a muted block has none of its role."""
        return style.fill("" if self.face.mode == "mute" else self.face.role)

    def _draw_loop(self, painter: QPainter) -> None:
        style, path = theme(), loop_path(self.layout)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        forward = faded(style.role("forward"), 0.82)
        painter.setPen(scene_pen(style.stroke("wireStateOuter"), forward))
        painter.drawPath(path)
        painter.setPen(scene_pen(style.stroke("wireStateInner"), style.color("canvas")))
        painter.drawPath(path)
        self._draw_pill(painter)

    def _draw_pill(self, painter: QPainter) -> None:
        style, place = theme(), self.pill()
        painter.setPen(scene_pen(1.0, style.color("border")))
        painter.setBrush(style.color("surface2"))
        painter.drawRoundedRect(place, 10, 10)
        painter.setFont(style.font("monoSmall"))
        metrics = QFontMetricsF(style.font("monoSmall"))
        text = place.adjusted(10, 0, -6, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(style.color("textHi"))
        painter.drawText(text, middle, self.face.loop)
        painter.setPen(style.color("textMid"))
        wide = metrics.horizontalAdvance(self.face.loop + " ")
        painter.drawText(text.adjusted(wide, 0, 0, 0), middle, "t−1 → t")

    def _draw_body(self, painter: QPainter, style: Ink) -> None:
        body, header, radius = self.layout.body, style.header, style.radius
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.color("surface2"))
        painter.drawRoundedRect(body, radius, radius)
        # The header's lower corners are square: what is round there is covered again.
        painter.setBrush(self._fill(style))
        painter.drawRoundedRect(QRectF(0, 0, body.width(), header + radius), radius, radius)
        painter.fillRect(QRectF(0, header, body.width(), radius + 1), style.color("surface2"))
        painter.setPen(self._outline_pen(style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(body, radius, radius)

    def _outline_pen(self, style: Ink) -> QPen:
        dash = _DASH if self.face.mode else ()
        if self.hovered:
            return scene_pen(1.5, style.color("textLow"), dash)
        return scene_pen(style.style.block_outline(), style.color("border"), dash)

    def _draw_icon(self, painter: QPainter, at: QPointF, side: int, style: Ink) -> None:
        colour = style.icon("" if self.face.mode == "mute" else self.face.role)
        ratio = max(1.0, painter.worldTransform().m11()) * painter.device().devicePixelRatioF()
        pixmap = icon_pixmap(self.face.icon, side, colour, round(ratio * 4) / 4)
        painter.drawPixmap(QRectF(at.x(), at.y(), side, side), pixmap, QRectF(pixmap.rect()))

    def _draw_title(self, painter: QPainter, style: Ink) -> None:
        self._draw_icon(painter, QPointF(8, (style.header - 16) / 2), 16, style)
        painter.setFont(style.title)
        painter.setPen(style.color("textHi"))
        base = (style.header + style.metrics("blockTitle").capHeight()) / 2
        painter.drawText(QPointF(TITLE_LEFT, base), self._words[0])

    def _draw_lines(self, painter: QPainter, style: Ink) -> None:
        painter.setFont(style.small)
        painter.setPen(style.color("textMid"))
        drop = 15 + (style.pitch + style.metrics("small").capHeight()) / 2
        for row, line in enumerate(self._words[1:], 1):
            painter.drawText(QPointF(style.inset, style.pitch * row + drop), line)
        if self.picture is not None and self.layout.picture is not None:
            painter.save()
            painter.setOpacity(painter.opacity() * (0.5 if self.stale else 1.0))
            self.picture.draw(painter, self.layout.picture, self.face.role)
            painter.restore()

    def _draw_mode(self, painter: QPainter, style: Ink) -> None:
        """Draw what a bypassed block does instead, or that a muted one is silent, as a tag."""
        if self.face.mode == "bypass":
            self._draw_passage(painter, style)
        words, icon = self.face.mode, "mute" if self.face.mode == "mute" else "bypass"
        width = style.metrics("axis").horizontalAdvance(words) + _TAG_ROOM
        tag = QRectF(self.layout.width - width - 10, self.layout.height - 26, width, 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.color("surface3"))
        painter.drawRoundedRect(tag, 4, 4)
        pixmap = icon_pixmap(icon, 14, style.color("textHi"), 2.0)
        at = QRectF(tag.left() + 6, tag.center().y() - 7, 14, 14)
        painter.drawPixmap(at, pixmap, QRectF(pixmap.rect()))
        painter.setFont(style.font("axis"))
        painter.setPen(style.color("textHi"))
        painter.drawText(tag.adjusted(24, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)

    def _draw_passage(self, painter: QPainter, style: Ink) -> None:
        """Draw the line from the first input through the block to its outputs."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(scene_pen(style.style.stroke("wire"), style.wire()))
        for name, source in self.face.passages:
            start, end = self.layout.inputs[source], self.layout.outputs[name]
            painter.drawPath(curve(start, end))

    def _draw_ports(self, painter: QPainter, style: Ink) -> None:
        layout = self.layout
        painter.setPen(scene_pen(style.style.stroke("wire"), style.color("textMid")))
        painter.setBrush(style.color("canvas"))
        if self.fitting is None:
            for port in self.face.inputs:
                draw_glyph(painter, port.kind, layout.inputs[port.name])
            for port in self.face.outputs:
                draw_glyph(painter, port.kind, layout.outputs[port.name])
        else:
            for port in self.face.inputs:
                self._draw_aim(painter, port.kind, layout.inputs[port.name], port.name)
            for port in self.face.outputs:
                self._draw_aim(painter, port.kind, layout.outputs[port.name], port.name)
        for point in layout.state or ():
            draw_glyph(painter, "state", point)

    def _draw_aim(self, painter: QPainter, kind: str, at: QPointF, name: str) -> None:
        """Draw a port while a wire looks for its end: ringed where it fits, else dim."""
        style = theme()
        painter.save()
        if self.fitting is not None and name not in self.fitting:
            painter.setOpacity(painter.opacity() * _DIM)
        else:
            painter.setPen(scene_pen(style.stroke("wire"), style.color("accent")))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(at, 10, 10)
        painter.setPen(scene_pen(style.stroke("wire"), style.color("textMid")))
        painter.setBrush(style.color("canvas"))
        draw_glyph(painter, kind, at)
        painter.restore()

    def _has_corner(self) -> bool:
        return self.turn is not None or self.stale or bool(self.face.note or self.face.problem)

    def _draw_corner(self, painter: QPainter) -> None:
        """Draw what stands at the right of the header: ring of work, note or edited dot."""
        style, at = theme(), QPointF(self.layout.width - 16, style_header() / 2)
        if self.turn is not None:
            self._draw_state_ring(painter, at)
        elif self.stale:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.color("warn"))
            painter.drawEllipse(at, 4, 4)
        elif self.face.note and not self.face.problem:
            ratio = max(1.0, painter.worldTransform().m11())
            pixmap = icon_pixmap("warn", 16, "warn", round(ratio * 4) / 4)
            painter.drawPixmap(
                QRectF(at.x() - 8, at.y() - 8, 16, 16), pixmap, QRectF(pixmap.rect())
            )

    def _draw_state_ring(self, painter: QPainter, at: QPointF) -> None:
        style, box = theme(), QRectF(at.x() - 6, at.y() - 6, 12, 12)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(scene_pen(2.0, style.color("lineStrong")))
        painter.drawEllipse(box)
        arc = scene_pen(2.0, style.color("accent"))
        arc.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(arc)
        painter.drawArc(box, round(-(self.turn or 0.0) * 16), 270 * 16)

    def _draw_rings(self, painter: QPainter) -> None:
        style, off = theme(), theme().raw_metric("block", "ring")
        ring, radius = (
            self.layout.body.adjusted(-off, -off, off, off),
            style.radius("selectionRing"),
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.face.problem:
            painter.setPen(scene_pen(2.0, style.color("error")))
            painter.drawRoundedRect(ring, radius, radius)
        if self.chosen:
            outer = ring.adjusted(-3, -3, 3, 3) if self.face.problem else ring
            painter.setPen(scene_pen(style.stroke("selection"), style.color("accent")))
            painter.drawRoundedRect(outer, radius, radius)
        if self.focused:
            outer = ring.adjusted(-3.5, -3.5, 3.5, 3.5) if self.chosen else ring
            dash = (4.0, 2.0) if self.chosen else ()
            painter.setPen(scene_pen(style.stroke("focus"), style.color("focus"), dash))
            painter.drawRoundedRect(outer, radius + 2, radius + 2)
        if self.face.problem:
            self._draw_badge(painter)

    def _draw_badge(self, painter: QPainter) -> None:
        draw_badge(painter, QPointF(self.layout.width, 0), 20)

    def _message_box(self) -> QRectF:
        text = self.face.problem or self.face.note
        if not text:
            return QRectF()
        width = max(self.layout.width, _MESSAGE_WIDTH)
        metrics = QFontMetricsF(theme().font("small"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        size = metrics.boundingRect(QRectF(0, 0, width - 20, 400), flags, text)
        return QRectF(0, self.layout.height + 12, width, size.height() + 14)

    def _draw_message(self, painter: QPainter) -> None:
        text = self.face.problem or self.face.note
        if not text:
            return
        style, place = theme(), self._message_box()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.color("errorSoft" if self.face.problem else "warnSoft"))
        painter.drawRoundedRect(place, 6, 6)
        painter.setFont(style.font("small"))
        painter.setPen(style.color("textHi"))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        painter.drawText(place.adjusted(10, 7, -10, -5), flags, text)


class FarBlocks(CanvasItem):
    """The bodies of all blocks as plain rectangles, a call a colour; see `FarWires`."""

    def __init__(self, blocks: Mapping[str, BlockItem]) -> None:
        super().__init__()
        self._blocks = blocks
        self.setZValue(0.9)
        self.setRect(-WORLD, -WORLD, 2 * WORLD, 2 * WORLD)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        rows: dict[tuple[int, bool], list[QRectF]] = {}
        for item in self._blocks.values():
            rows.setdefault(item.far_fill(), []).append(item.frame)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        edge = scene_pen(1.0, ink().color("border"))
        edge.setCosmetic(True)
        painter.setPen(edge)
        for (fill, faint), bodies in rows.items():
            painter.setOpacity(BYPASSED if faint else 1.0)
            painter.setBrush(QColor.fromRgba(fill))
            painter.drawRects(bodies)
        painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def style_header() -> float:
    """Return the height of a block's header."""
    return float(theme().metric("block", "header"))


def draw_glyph(painter: QPainter, kind: str, at: QPointF, size: float = 10.0) -> None:
    """Draw the glyph of a port kind, centred: circle tensor, square ids, diamond state."""
    half = size / 2
    if kind == "ids":
        side = half - 0.5
        painter.drawRoundedRect(QRectF(at.x() - side, at.y() - side, 2 * side, 2 * side), 1.5, 1.5)
    elif kind == "state":
        tip = half + 1
        corners = ((0, -tip), (tip, 0), (0, tip), (-tip, 0))
        painter.drawPolygon(QPolygonF([at + QPointF(dx, dy) for dx, dy in corners]))
    else:
        painter.drawEllipse(at, half, half)


def draw_badge(painter: QPainter, at: QPointF, size: float) -> None:
    """Draw the round error badge with its exclamation mark."""
    style = theme()
    painter.setPen(scene_pen(2.0, style.color("canvas")))
    painter.setBrush(QBrush(style.color("error")))
    painter.drawEllipse(at, size / 2, size / 2)
    painter.setPen(style.color("canvas"))
    font = style.font("blockTitle")
    font.setPixelSize(round(size * 0.65))
    painter.setFont(font)
    box = QRectF(at.x() - size / 2, at.y() - size / 2, size, size)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "!")
