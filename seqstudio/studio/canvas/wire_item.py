"""Wires: the line by kind, the shape written above it, error badge, gradient overlay."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPainterPath,
    QPainterPathStroker,
    QPolygonF,
)
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

from seqstudio.document.graph import Wire
from seqstudio.studio.canvas.block_item import LOD_LINES, LOD_TEXT, draw_badge, scene_pen
from seqstudio.studio.canvas.geometry import Route
from seqstudio.studio.theme import faded, theme

GRADIENT_LOW, GRADIENT_DECADES = -6.0, 6.0
_REACH = 12.0
_WIRE_OPACITY = 0.82
_ASIDE = 0.35


def gradient_width(log10_norm: float) -> float:
    """Return the width in pixels of a gradient arrow: 1 to 6 over six fixed decades, 10⁻⁶ to 1.

    0 means below the range (drawn as a thin dashed line) or no gradient at all (not drawn).
    """
    share = (log10_norm - GRADIENT_LOW) / GRADIENT_DECADES
    return 1.0 + 5.0 * min(1.0, share) if share >= 0 else 0.0


class WireItem(QGraphicsItem):
    """Paints one wire.

    Attributes:
        wire: Its two ends.
        kind: Kind of the port that it leaves.
        label: Shape on it, "" while unknown.
        route: Its way.
        hovered: The pointer is over it.
        chosen: It is selected.
        target: A block dropped now would be inserted here.
        wrong: Its end reports an error.
        aside: It is not on the path of the selection.
        gradient: log10 of the gradient norm on it, or None without overlay.
    """

    def __init__(self, wire: Wire, kind: str) -> None:
        super().__init__()
        self.wire = wire
        self.kind = kind
        self.label = ""
        self.route = Route(QPainterPath(), QPointF(), 0.0)
        self.hovered = False
        self.chosen = False
        self.target = False
        self.wrong = False
        self.aside = False
        self.gradient: float | None = None
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def set_route(self, route: Route) -> None:
        """Take a new way."""
        self.prepareGeometryChange()
        self.route = route

    def set_state(self, name: str, value: object) -> None:
        """Set one of the attributes and repaint if it is new."""
        if getattr(self, name) != value:
            setattr(self, name, value)
            self.setZValue(0.5 if self.hovered or self.chosen or self.target else 0.0)
            self.update()

    @override
    def boundingRect(self) -> QRectF:
        return self.route.path.boundingRect().adjusted(-24, -24, 24, 24)

    @override
    def shape(self) -> QPainterPath:
        stroker = QPainterPathStroker()
        stroker.setWidth(_REACH)
        return stroker.createStroke(self.route.path)

    @override
    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        detail = option.levelOfDetailFromTransform(painter.worldTransform())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(_ASIDE if self.aside and not self.hovered else 1.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if detail < LOD_TEXT:
            self._draw_far(painter)
            return
        if self.gradient is not None:
            draw_gradient(painter, self.route.path, self.gradient)
        else:
            draw_line(painter, self.route.path, self.kind, self._colour(), self._width())
        if detail >= LOD_LINES:
            self._draw_label(painter)
        if self.wrong:
            draw_badge(painter, self.route.path.pointAtPercent(0.5), 16)

    def _colour(self) -> QColor:
        if self.target or self.chosen:
            return theme().color("accent")
        if self.wrong:
            return theme().color("error")
        if self.hovered:
            return theme().color("textHi")
        return faded(theme().role("forward"), _WIRE_OPACITY)

    def _width(self) -> float:
        wide = self.target or self.hovered or self.chosen
        return 3.0 if wide else theme().stroke("wire")

    def _draw_far(self, painter: QPainter) -> None:
        line = scene_pen(1.0, self._colour())
        line.setCosmetic(True)
        painter.setPen(line)
        path = self.route.path
        painter.drawLine(path.pointAtPercent(0.0), path.pointAtPercent(1.0))

    def _draw_label(self, painter: QPainter) -> None:
        font = theme().font("monoSmall")
        metrics = QFontMetricsF(font)
        width = metrics.horizontalAdvance(self.label)
        if not self.label or width + 12 > self.route.room:
            return
        painter.setFont(font)
        at = self.route.label + QPointF(-width / 2, -8)
        for text, token in label_runs(self.label):
            painter.setPen(theme().color(token))
            painter.drawText(at, text)
            at += QPointF(metrics.horizontalAdvance(text), 0)


def label_runs(label: str) -> list[tuple[str, str]]:
    """Split a shape into pieces with their colour: letters, numbers and dots differ."""
    runs = []
    for index, part in enumerate(label.split("·")):
        if index:
            runs.append(("·", "textLow"))
        runs.append((part, "textHi" if part.isdigit() else "textMid"))
    return runs


def draw_line(
    painter: QPainter, path: QPainterPath, kind: str, colour: QColor, width: float
) -> None:
    """Draw a wire by kind: solid for tensors, round dots for ids."""
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
