"""`HeadGrid`: a thumbnail of every attention head, rows are layers, columns are heads."""

from __future__ import annotations

from functools import reduce

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.records.readings import AttentionReading, LayerAttention
from seqstudio.studio.panels.attending import Mask, Weights, entropies
from seqstudio.studio.plots import map_image
from seqstudio.studio.plots.gestures import CELL_MOVES, KEYBOARD_REASONS
from seqstudio.studio.theme import follow_theme, pen, theme
from seqstudio.studio.widgets import format_number

#: A thumbnail has at most so many cells a side; more are reduced to the largest.
MOST_CELLS = 64
_LEAST_THUMB = 28.0
_NUMBER = 36.0
_GAP = 10.0
_INSET = 16.0


class HeadGrid(QWidget):
    """Thumbnails of all heads with their mean entropy in bits.

    Signals:
        picked(int, int): place of the layer in the reading and head that the person chose.
    """

    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[LayerAttention, ...] = ()
        self._names: tuple[str, ...] = ()
        self._label = 0.0
        self._entropies: list[list[float]] = []
        self._images: list[list[QImage]] = []
        self._painted_in: object = None
        self._chosen = (0, 0)
        self._hover: tuple[int, int] | None = None
        self._ring = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("All heads")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_reading(self, reading: AttentionReading | None) -> None:
        """Show the heads of a reading; the same one again costs nothing."""
        layers = reading.layers if reading else ()
        if layers is self._layers:
            return
        self._layers = layers
        self._names = layer_names(layers)
        self._entropies = [
            [float(bits) for bits in entropies(layer.weights, layer.masked)] for layer in layers
        ]
        self._painted_in = None
        self._measure_names()
        self.updateGeometry()
        self.update()

    def set_chosen(self, layer: int, head: int) -> None:
        """Ring a head without a signal."""
        self._chosen = (layer, head)
        self.update()

    def reduction(self) -> int:
        """Return how many tokens stand behind one cell of a thumbnail, 1 for all shown."""
        tokens = max((len(layer.masked) for layer in self._layers), default=0)
        return max(1, -(-tokens // MOST_CELLS))

    # Places

    @property
    def _heads(self) -> int:
        return max((len(layer.weights) for layer in self._layers), default=0)

    def _measure_names(self) -> None:
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in self._names), default=0)
        self._label = widest + 16.0

    def _measures(self) -> tuple[float, float, float]:
        """Return the side of a thumbnail and width and height of its cell."""
        full = float(theme().metric("headThumb"))
        share = (self.width() - 2 * _INSET - self._label) / max(1, self._heads)
        below = theme().line_height("axis") + 4.0
        if share >= full + _NUMBER + _GAP:
            return full, full + _NUMBER + _GAP, full + _GAP
        side = float(int(min(full, max(_LEAST_THUMB, share - _GAP))))
        return side, side + _GAP, side + below + _GAP / 2

    def thumb_rect(self, layer: int, head: int) -> QRectF:
        """Return where a head is drawn."""
        side, width, height = self._measures()
        top = theme().line_height("axis") + 6.0
        x = _INSET + self._label + head * width
        return QRectF(x, top + layer * height + 2, side, side)

    def head_at(self, place: QPointF) -> tuple[int, int] | None:
        """Return (layer, head) under a pixel, None beside them."""
        for layer, attention in enumerate(self._layers):
            for head in range(len(attention.weights)):
                if self.thumb_rect(layer, head).adjusted(-4, -4, 4, 4).contains(place):
                    return layer, head
        return None

    @override
    def sizeHint(self) -> QSize:
        return QSize(360, self.minimumSizeHint().height())

    @override
    def minimumSizeHint(self) -> QSize:
        height = self._measures()[2]
        least = 2 * _INSET + self._label + max(1, self._heads) * (_LEAST_THUMB + _GAP)
        top = theme().line_height("axis") + 6.0
        return QSize(int(least), int(top + len(self._layers) * height + _GAP))

    # Painting

    def _pictures(self) -> list[list[QImage]]:
        if self._painted_in != theme():
            self._images = [_thumbnails(layer) for layer in self._layers]
            self._painted_in = theme()
        return self._images

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("surface0"))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        if self._layers:
            self._paint_names(painter)
        for layer, row in enumerate(self._pictures()):
            for head, image in enumerate(row):
                self._paint_head(painter, self.thumb_rect(layer, head), image, (layer, head))

    def _paint_names(self, painter: QPainter) -> None:
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        line = theme().line_height("axis")
        for head in range(self._heads):
            rect = self.thumb_rect(0, head)
            side = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
            wide = rect.width() >= painter.fontMetrics().horizontalAdvance("head 88")
            words = f"head {head + 1}" if wide else f"{head + 1}"
            painter.drawText(QRectF(rect.left() - 10, 0, rect.width() + 20, line), side, words)
        for layer, name in enumerate(self._names):
            rect = self.thumb_rect(layer, 0)
            place = QRectF(_INSET, rect.top(), self._label, rect.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, name)

    def _paint_head(
        self, painter: QPainter, rect: QRectF, image: QImage, place: tuple[int, int]
    ) -> None:
        painter.fillRect(rect, theme().color("gridMinor"))
        painter.drawImage(rect, image)
        side, width, _ = self._measures()
        bits = format_number(self._entropies[place[0]][place[1]], ".1f")
        beside = width > side + _GAP
        painter.setFont(theme().font("monoSmall"))
        chosen = place == self._chosen
        painter.setPen(theme().color("textHi" if chosen else "textMid"))
        if beside:
            number = QRectF(rect.right() + 6, rect.top(), _NUMBER, rect.height())
            painter.drawText(number, Qt.AlignmentFlag.AlignLeft, bits)
        else:
            line = theme().line_height("axis")
            number = QRectF(rect.left() - 6, rect.bottom() + 3, rect.width() + 12, line)
            painter.drawText(number, Qt.AlignmentFlag.AlignHCenter, bits)
        if chosen or place == self._hover:
            self._paint_ring(painter, rect, chosen)

    def _paint_ring(self, painter: QPainter, rect: QRectF, chosen: bool) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        token = ("focus" if self._ring else "accent") if chosen else "textLow"
        painter.setPen(pen(theme().color(token), 2.0 if chosen else 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(-3, -3, 3, 3), 5, 5)
        painter.restore()

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours from the theme in force."""
        self.setFont(theme().font("axis"))
        self._painted_in = None
        self._measure_names()
        self.updateGeometry()
        self.update()

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        hover = self.head_at(event.position())
        if hover == self._hover:
            return
        self._hover = hover
        self.setToolTip(self._told(*hover) if hover else "")
        self.update()

    def _told(self, layer: int, head: int) -> str:
        bits = format_number(self._entropies[layer][head], ".2f")
        return f"{self._names[layer]}, head {head + 1}: mean entropy {bits} bits"

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover = None
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        place = self.head_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self.picked.emit(*place)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        move = CELL_MOVES.get(Qt.Key(event.key()))
        if move is None or not self._layers:
            super().keyPressEvent(event)
            return
        layer = min(len(self._layers) - 1, max(0, self._chosen[0] + move[0]))
        heads = len(self._layers[layer].weights)
        self.picked.emit(layer, min(heads - 1, max(0, self._chosen[1] + move[1])))

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.update()


class HeadScroll(QScrollArea):
    """A head grid that scrolls where it does not fit, and keeps the chosen head in sight."""

    def __init__(self, grid: HeadGrid, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = grid
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(grid)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def reveal(self, layer: int, head: int) -> None:
        """Scroll so far that a head is seen."""
        rect: QRect = self._grid.thumb_rect(layer, head).toRect()
        centre = rect.center()
        self.ensureVisible(centre.x(), centre.y(), rect.width(), rect.height())


def _thumbnails(layer: LayerAttention) -> list[QImage]:
    weights, masked = largest_of_blocks(layer.weights, layer.masked, MOST_CELLS)
    return [map_image(head, "attention", (0.0, 1.0), masked) for head in weights.astype(float)]


def largest_of_blocks(weights: Weights, masked: Mask, most: int) -> tuple[Weights, Mask]:
    """Reduce weights (H, T, T) and their mask (T, T) to at most `most` cells a side.

    A cell is the largest of its block: a mean would hide the single key that a head looks for.
    It is masked when all of its block is.
    """
    tokens = len(masked)
    side = max(1, -(-tokens // most))
    if side == 1:
        return weights, masked
    spare = -tokens % side
    padded = np.pad(weights, ((0, 0), (0, spare), (0, spare)))
    hidden = np.pad(masked, ((0, spare), (0, spare)), constant_values=True)
    # Strided views: reducing axes as short as a block is ten times slower.
    places = [(row, column) for row in range(side) for column in range(side)]
    largest = reduce(np.maximum, (padded[:, row::side, column::side] for row, column in places))
    whole = reduce(np.logical_and, (hidden[row::side, column::side] for row, column in places))
    return largest, whole


def layer_names(layers: tuple[LayerAttention, ...]) -> tuple[str, ...]:
    """Return a name for each layer: "layer 3", with its block when there are several blocks."""
    blocks = {layer.block for layer in layers}
    if len(blocks) < 2:
        return tuple(f"layer {layer.layer + 1}" for layer in layers)
    return tuple(f"{layer.block}, {layer.layer + 1}" for layer in layers)
