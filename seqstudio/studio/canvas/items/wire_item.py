"""Wires: the line by kind, the shape written above it, error badge, gradient overlay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.items.block_item import draw_badge
from seqstudio.studio.canvas.items.geometry import LANE_GAP, Route
from seqstudio.studio.canvas.items.ink import (
    LOD_LINES,
    LOD_TEXT,
    WORLD,
    CanvasItem,
    Ink,
    ink,
    scene_pen,
)
from seqstudio.studio.theme import faded, theme

GRADIENT_LOW, GRADIENT_DECADES = -6.0, 6.0
_ROOM = 24.0
_ASIDE = 0.35
DOT = 5.0
_CUT_DASH = (6.0, 4.0)


def gradient_width(log10_norm: float) -> float:
    """Return the width in pixels of a gradient arrow: 1 to 6 over six fixed decades, 10⁻⁶ to 1.

    0 means below the range (drawn as a thin dashed line) or no gradient at all (not drawn).
    """
    share = (log10_norm - GRADIENT_LOW) / GRADIENT_DECADES
    return 1.0 + 5.0 * min(1.0, share) if share >= 0 else 0.0


class WireItem(CanvasItem):
    """Paints one wire.

    Attributes:
        wire: Its two ends.
        kind: Kind of the port that it leaves.
        label: Shape on it, "" while unknown.
        route: Its way.
        hovered: The pointer is over it.
        chosen: It is selected.
        target: A block dropped now would be inserted here.
        cut: A stroke under way cuts it.
        wrong: Its end reports an error.
        aside: It is not on the path of the selection.
        gradient: log10 of the gradient norm on it, or None without overlay.
        dots: Points that it passes.
        chosen_dots: Which of them are selected.
        ends: Where it starts and ends.
        far_lines: Its way as straight lines.
        box: Left, top, right, bottom of its way.
    """

    def __init__(self, wire: Wire, kind: str) -> None:
        super().__init__()
        self.wire = wire
        self.kind = kind
        self.label = ""
        self.route = Route(QPainterPath(), QPointF(), 0.0)
        self.ends = QPointF(), QPointF()
        self.hovered = False
        self.chosen = False
        self.target = False
        self.cut = False
        self.wrong = False
        self.aside = False
        self.gradient: float | None = None
        self.dots: tuple[QPointF, ...] = ()
        self.chosen_dots: frozenset[int] = frozenset()
        self.far_lines: list[QLineF] = []
        self.box = 0.0, 0.0, 0.0, 0.0
        self._words: tuple[object, float, list[tuple[str, str, float]]] = (None, 0.0, [])
        self._line: NDArray[np.float64] | None = None

    def set_route(self, route: Route, dots: Sequence[QPointF] = ()) -> None:
        """Take a new way, and the dots that it passes."""
        self.route, self.dots, self._line = route, tuple(dots), None
        self.setPos(0.0, 0.0)
        path = route.path
        first = path.elementAt(0)
        self.ends = QPointF(first.x, first.y), path.currentPosition()
        stops = (self.ends[0], *self.dots, self.ends[1])
        self.far_lines = [QLineF(one, two) for one, two in pairwise(stops)]
        bounds = path.boundingRect()
        self.box = bounds.left(), bounds.top(), bounds.right(), bounds.bottom()
        self.setRect(bounds.adjusted(-_ROOM, -_ROOM, _ROOM, _ROOM))
        self.update()

    def carry(self, start: QPointF, end: QPointF) -> bool:
        """Move along for now where both ends go the same way; False when they do not."""
        by = start - self.ends[0]
        if end - self.ends[1] != by:
            return False
        self.setPos(by)
        return True

    @property
    def laid(self) -> bool:
        """Whether it has a way."""
        return not self.route.path.isEmpty()

    def meets(self, edges: NDArray[np.float64]) -> bool:
        """Tell whether bodies (left, top, right, bottom; a row each) may have a say in its way."""
        left, top, right, bottom = self._sphere()
        across = (edges[:, 2] > left) & (edges[:, 0] < right)
        return bool((across & (edges[:, 3] > top) & (edges[:, 1] < bottom)).any())

    def far_from(self, around: tuple[float, float, float, float]) -> bool:
        """Tell at once that no body in a rectangle (left, top, right, bottom) has a say."""
        left, top, right, bottom = self._sphere()
        clear = left >= around[2] or right <= around[0] or top >= around[3] or bottom <= around[1]
        return bool(self.dots) or clear

    def _sphere(self) -> tuple[float, float, float, float]:
        """Return where a body has a say in the way: left, top, right, bottom.

        A direct way depends on what it could run through, a way around also on what is as far on
        the other side, where it would go if that were shorter.
        """
        left, top, right, bottom = self.box
        more = 0.0 if self.route.direct else bottom - top + 2 * LANE_GAP
        return left, top - more, right, bottom + more

    def line(self) -> NDArray[np.float64]:
        """Return the way as a row of points, (n, 2) in scene coordinates."""
        if self._line is None:
            polygons = self.route.path.toSubpathPolygons()
            points = [point.toTuple() for polygon in polygons for point in polygon.toList()]
            self._line = np.array(points, float).reshape(-1, 2)
        return self._line

    def piece_at(self, at: QPointF) -> int:
        """Return between which of its dots a point of the wire lies: 0 is before the first."""
        line = self.line()
        near = int(np.argmin(((line - np.array(at.toTuple())) ** 2).sum(axis=1)))
        places = [
            int(np.argmin(((line - np.array(dot.toTuple())) ** 2).sum(axis=1)))
            for dot in self.dots
        ]
        return sum(place <= near for place in places)

    def set_state(self, name: str, value: object) -> None:
        """Set one of the attributes and repaint if it is new."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            if name in {"hovered", "chosen", "target", "cut"}:
                raised = self.hovered or self.chosen or self.target or self.cut
                self.setZValue(0.5 if raised else 0.0)
            self.update()

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        detail = option.levelOfDetailFromTransform(painter.worldTransform())
        if self.aside and not self.hovered:
            painter.setOpacity(_ASIDE)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if detail < LOD_TEXT:
            painter.setPen(ink().far_pen(self._colour()))
            painter.drawPolyline(QPolygonF([self.ends[0], *self.dots, self.ends[1]]))
            return
        if self.gradient is not None:
            draw_gradient(painter, self.route.path, self.gradient)
        else:
            dash = _CUT_DASH if self.cut else None
            draw_line(painter, self.route.path, self.kind, self._colour(), self._width(), dash)
        if self.dots:
            self._draw_dots(painter)
        if detail >= LOD_LINES:
            self._draw_label(painter)
        if self.wrong:
            draw_badge(painter, self.route.path.pointAtPercent(0.5), 16)

    def _colour(self) -> QColor:
        style = ink()
        if self.cut:
            return style.color("error")
        if self.target or self.chosen:
            return style.color("accent")
        if self.wrong:
            return style.color("error")
        if self.hovered:
            return style.color("textHi")
        return style.wire()

    def _width(self) -> float:
        wide = self.target or self.hovered or self.chosen or self.cut
        return 3.0 if wide else ink().style.stroke("wire")

    def far_colour(self) -> int:
        """Return the colour of the wire when it is far away, as one number."""
        colour = self._colour()
        return (faded(colour, _ASIDE) if self.aside and not self.hovered else colour).rgba()

    def _draw_dots(self, painter: QPainter) -> None:
        style = ink()
        painter.setPen(scene_pen(1.5, style.color("canvas")))
        for index, dot in enumerate(self.dots):
            chosen = index in self.chosen_dots
            painter.setBrush(style.color("accent") if chosen else self._colour())
            painter.drawEllipse(dot, DOT, DOT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(scene_pen(style.style.stroke("selection"), style.color("accent")))
        for index in self.chosen_dots:
            if index < len(self.dots):
                painter.drawEllipse(self.dots[index], DOT + 4, DOT + 4)

    def _draw_label(self, painter: QPainter) -> None:
        style = ink()
        width, words = self._label_words(style)
        if not words or width + 12 > self.route.room:
            return
        x, y = self.route.label.x() - width / 2, self.route.label.y() - 8
        if self.route.steep:  # a tag on the wire: above it the line would cross the words
            metrics = style.metrics("monoSmall")
            y = self.route.label.y() + metrics.capHeight() / 2
            top = self.route.label.y() - metrics.height() / 2
            backing = QRectF(x - 5, top, width + 10, metrics.height())
            painter.fillRect(backing, style.color("canvas"))
        painter.setFont(style.mono)
        for text, token, right in words:
            painter.setPen(style.color(token))
            painter.drawText(QPointF(x + right, y), text)

    def _label_words(self, style: Ink) -> tuple[float, list[tuple[str, str, float]]]:
        """Return the width of the label, and its pieces with colour and place."""
        if self._words[0] != (style, self.label):
            metrics, x, pieces = style.metrics("monoSmall"), 0.0, []
            for text, token in label_runs(self.label) if self.label else ():
                pieces.append((text, token, x))
                x += metrics.horizontalAdvance(text)
            self._words = (style, self.label), x, pieces
        return self._words[1:]


class FarWires(CanvasItem):
    """All wires as thin straight lines, a call a colour: an item each is too slow for hundreds."""

    def __init__(self, wires: Mapping[Wire, WireItem]) -> None:
        super().__init__()
        self._wires = wires
        self.setRect(-WORLD, -WORLD, 2 * WORLD, 2 * WORLD)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        lines: dict[int, list[QLineF]] = {}
        for item in self._wires.values():
            if item.isVisible():
                by, found = item.pos(), item.far_lines
                if not by.isNull():
                    found = [line.translated(by) for line in found]
                lines.setdefault(item.far_colour(), []).extend(found)
        for colour, same in lines.items():
            painter.setPen(ink().far_pen(QColor.fromRgba(colour)))
            painter.drawLines(same)


def label_runs(label: str) -> list[tuple[str, str]]:
    """Split a shape into pieces with their colour: letters, numbers and dots differ."""
    runs = []
    for index, part in enumerate(label.split("·")):
        if index:
            runs.append(("·", "textLow"))
        runs.append((part, "textHi" if part.isdigit() else "textMid"))
    return runs


def draw_line(
    painter: QPainter,
    path: QPainterPath,
    kind: str,
    colour: QColor,
    width: float,
    dash: tuple[float, ...] | None = None,
) -> None:
    """Draw a wire by kind: solid for tensors, round dots for ids; or with a dash of its own."""
    if dash is None:
        dash = theme().dash("ids") if kind == "ids" else ()
    painter.setPen(scene_pen(width, colour, dash))
    painter.drawPath(path)


def draw_gradient(painter: QPainter, path: QPainterPath, log10_norm: float) -> None:
    """Draw the gradient that runs back along a wire; its arrow head stands at the source."""
    if math.isnan(log10_norm) or log10_norm == -math.inf:
        return
    colour, width = theme().role("gradient"), gradient_width(log10_norm)
    dash = (3.0, 3.0) if width == 0 else ()
    painter.setPen(scene_pen(max(1.0, width), colour, dash))
    painter.drawPath(path)
    head = 6.0 + width
    tip = path.pointAtPercent(0.0) + QPointF(7, 0)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    back = tip.x() + head * 1.3
    corners = [tip, QPointF(back, tip.y() - head * 0.7), QPointF(back, tip.y() + head * 0.7)]
    painter.drawPolygon(QPolygonF(corners))
