"""The surface under the graph: dots, zoom, scrolling, and what stands still above it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPixmap, QResizeEvent, QShowEvent, QTransform
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget
from typing_extensions import override

from seqstudio.studio.canvas.items.overlay import CanvasTools, Dimensions, Minimap, PortLegend
from seqstudio.studio.canvas.scene import CanvasScene
from seqstudio.studio.theme import painting, theme
from seqstudio.studio.widgets import EmptyState

ZOOM_LOW, ZOOM_HIGH = 0.1, 4.0
_WORLD = QRectF(-1.2e6, -1.2e6, 2.4e6, 2.4e6)
_GRID, _DOT, _DOTS_FROM = 24, 1.5, 0.5
_MARGIN = 12
_OVERLAY_ROOM, _FIT = 52, 20
_MINIMAP_MS = 80


class CanvasSurface(QGraphicsView):
    """A view that zooms, pans and fits; it knows the scene and no document.

    Attributes:
        canvas: The scene.
        tools: Buttons at the top right.
        dimensions: Sizes at the top left.
        side_room: Pixels at the right that a card covers.
        top_room: Pixels at the top that the words above the graph cover.
        map_gives_way: The minimap hides while the whole graph is in view.

    Signals:
        overlay_placed: What stands still above the graph has its place for the present size.
    """

    overlay_placed = Signal()

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.canvas = CanvasScene(self)
        # True until a person zooms or pans: the view then fits itself to the graph.
        self.fits_itself = True
        self.side_room, self.top_room = 0, _OVERLAY_ROOM
        self.map_gives_way = False
        self._dots: tuple[object, QPixmap] = (None, QPixmap())
        self._set_up()
        # Children of the view, not of the viewport: scrolling would move those.
        self.dimensions = Dimensions(self)
        self._legend = PortLegend(self)
        self._minimap = Minimap(self.canvas, self)
        self.tools = CanvasTools(self)
        self.nothing = EmptyState(
            "plus",
            "The canvas is empty",
            "Press Space to search for a block, or drag one here from the left.",
            parent=self,
        )
        self.nothing.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.nothing.hide()
        self._minimap_timer = QTimer(self)
        self._minimap_timer.setSingleShot(True)
        self._minimap_timer.timeout.connect(self._tell_minimap)
        self._minimap.went.connect(self.go_to)
        self.tools.fit.clicked.connect(self.fit)
        self.tools.zoom.clicked.connect(self.reset_zoom)
        self.tools.smaller.clicked.connect(self._zoom_out)
        self.tools.larger.clicked.connect(self._zoom_in)

    def _set_up(self) -> None:
        self.setScene(self.canvas)
        self.setSceneRect(_WORLD)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.AnchorViewCenter)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setMinimumSize(240, 140)

    # Where the view is

    def zoom(self) -> float:
        """Return the zoom, 1 for 100 %."""
        return float(self.transform().m11())

    def place(self) -> QPointF:
        """Return the scene point in the middle of the view."""
        return self.mapToScene(self.viewport().rect().center())

    def pinned(self, at: QPoint) -> QPointF:
        """Return the scene point under a point of the viewport, which stays under it from now."""
        self.fits_itself = False
        return self.mapToScene(at)

    def seen(self) -> QRectF:
        """Return the part of the scene in view."""
        return self.mapToScene(self.viewport().rect()).boundingRect()

    def zoom_by(self, factor: float, at: QPoint | None = None) -> None:
        """Zoom in (factor above 1) or out around a point of the viewport."""
        centre = at or self.viewport().rect().center()
        before = self.mapToScene(centre)
        wanted = max(ZOOM_LOW, min(ZOOM_HIGH, self.zoom() * factor))
        self.scale(wanted / self.zoom(), wanted / self.zoom())
        self.shift_by(centre - self.mapFromScene(before))

    def shift_by(self, by: QPoint) -> None:
        """Move the content by pixels."""
        self.fits_itself = False
        bars = self.horizontalScrollBar(), self.verticalScrollBar()
        bars[0].setValue(bars[0].value() - by.x())
        bars[1].setValue(bars[1].value() - by.y())
        self._view_changed()

    @Slot()
    def _zoom_in(self) -> None:
        self.zoom_by(1.25)

    @Slot()
    def _zoom_out(self) -> None:
        self.zoom_by(0.8)

    @Slot()
    def reset_zoom(self) -> None:
        """Zoom to 100 %."""
        self.zoom_by(1.0 / self.zoom())

    @Slot()
    def fit(self) -> None:
        """Bring the whole graph into view, at 100 % at most."""
        whole = self.canvas.content().adjusted(-_FIT, -_FIT, _FIT, _FIT)
        room = self.viewport().size()
        tall = max(40, room.height() - self.top_room - _OVERLAY_ROOM)
        wide = max(40, room.width() - self.side_room)
        zoom = max(ZOOM_LOW, min(1.0, wide / whole.width(), tall / whole.height()))
        self.resetTransform()
        self.scale(zoom, zoom)
        shift = QPointF(self.side_room, _OVERLAY_ROOM - self.top_room)
        self.centerOn(whole.center() + shift / 2 / zoom)
        self.fits_itself = True
        self._view_changed()

    @Slot(QPointF)
    def go_to(self, at: QPointF) -> None:
        """Centre the view on a scene point."""
        self.fits_itself = False
        self.centerOn(at)
        self._view_changed()

    def reveal(self, ids: Iterable[str]) -> None:
        """Scroll as little as needed to show these blocks."""
        rect = QRectF()
        for key in ids:
            if key in self.canvas.blocks:
                rect = rect.united(self.canvas.blocks[key].frame)
            elif key in self.canvas.frames:
                rect = rect.united(self.canvas.frames[key].area)
        if not rect.isEmpty() and not self.seen().contains(rect):
            self.ensureVisible(rect, 24, 24)
            self._view_changed()

    def _view_changed(self) -> None:
        self.canvas.set_zoom(self.zoom())
        self.tools.tell_zoom(self.zoom())
        self.refresh_minimap(changed=False)

    def refresh_minimap(self, *, changed: bool = True) -> None:
        """Redraw the minimap soon; a drag over hundreds of blocks redraws it now and then.

        Args:
            changed: Blocks have changed, not only what is in view.
        """
        if changed:
            self._minimap.forget()
        self.nothing.setVisible(not self.canvas.blocks)
        if not self._minimap_timer.isActive():
            self._minimap_timer.start(_MINIMAP_MS)

    @Slot()
    def _tell_minimap(self) -> None:
        self._minimap.tell(self.seen())
        self._show_minimap()

    def _show_minimap(self) -> None:
        """Inside a block the map gives way while everything is in view: it would cover the end."""
        roomy = self.width() > 2.5 * self._minimap.width() and self.height() > 320
        needless = self.map_gives_way and self.seen().contains(self.canvas.content())
        self._minimap.setVisible(roomy and not needless)

    # Qt

    @Slot()
    def restyle(self) -> None:
        """Measure and paint everything in the theme in force."""
        self.canvas.restyle()
        self._place_overlay()
        self.viewport().update()

    def _place_overlay(self) -> None:
        right, bottom = self.width() - _MARGIN, self.height() - _MARGIN
        self.dimensions.move(2 * _MARGIN, _MARGIN + 8)
        self.tools.adjustSize()
        self.tools.move(right - self.tools.width(), _MARGIN)
        self._legend.move(2 * _MARGIN, bottom - self._legend.height())
        self._minimap.move(right - self._minimap.width(), bottom - self._minimap.height())
        self._show_minimap()
        self._legend.setVisible(self.height() > 240)
        self.nothing.setGeometry(self.rect().adjusted(24, 48, -24, -48))
        self.overlay_placed.emit()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_overlay()
        if self.fits_itself:
            self.fit()
        self.refresh_minimap()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.fits_itself:
            self.fit()

    @override
    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.fillRect(rect, theme().color("canvas"))
        if self.zoom() < _DOTS_FROM:
            return
        cell, origin = _GRID * self.zoom(), painter.worldTransform().map(QPointF(0, 0))
        painter.save()
        painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
        painter.setWorldTransform(QTransform())
        row = self._row_of_dots(cell)
        left, top = origin.x() % cell - cell, origin.y() % cell - cell
        for number in range(int(self.viewport().height() / cell) + 3):
            painter.drawPixmap(QPointF(round(left), round(top + number * cell)), row)
        painter.restore()

    def _row_of_dots(self, cell: float) -> QPixmap:
        """Return a row of dots as wide as the view; it is painted again only for another zoom."""
        ratio, colour = self.devicePixelRatioF(), theme().color("canvasDot")
        wide = self.viewport().width() + 2 * math.ceil(cell)
        key = (cell, wide, ratio, colour.rgba())
        if self._dots[0] != key:
            size = math.ceil(_DOT * self.zoom()) + 2
            pixmap = QPixmap(math.ceil(wide * ratio), math.ceil(size * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            with painting(pixmap) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour)
                half = _DOT * self.zoom() / 2
                for number in range(int(wide / cell) + 1):
                    painter.drawEllipse(QPointF(number * cell + half, half), half, half)
            self._dots = key, pixmap
        return self._dots[1]
