"""`HeatMap`: a matrix as colours, cells never smoothed, levels fixed.

    heat = HeatMap("attention", x_title="key", y_title="query", bar_title="weight")
    heat.set_data(weights_RC, levels=(0, 1), masked=future_RC)
    heat.set_labels(rows=list(text), columns=list(text))   # characters, where they fit
    heat.set_cursor(row=12, column=None)
    heat.hovered.connect(...); heat.picked.connect(...)

Masked cells are hatched, undefined ones (NaN) carry a dot, zero has the map's own colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.plots import mappaint
from seqstudio.studio.plots.export import titled_image
from seqstudio.studio.plots.gestures import CELL_MOVES, KEYBOARD_REASONS
from seqstudio.studio.plots.maps import Mask, Pooled, Values, coloured, pool
from seqstudio.studio.theme import Theme, follow_theme, painting, pen, theme
from seqstudio.studio.theme.model import Quantity

_BAR = 10.0
_BAR_GAP = 22.0
_BAR_ROOM = 84.0
_LEAST_SQUARE = 10.0
_LEAST = 16.0


@dataclass(frozen=True)
class MapFrame:
    """Where the map of (R, C) cells lies, in pixels."""

    rect: QRectF
    rows: int
    columns: int

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a cell."""
        return self.rect.width() / max(1, self.columns), self.rect.height() / max(1, self.rows)

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """Return (row, column) under a pixel, None outside."""
        if not self.rect.contains(place) or not self.rows or not self.columns:
            return None
        width, height = self.cell
        row = int((place.y() - self.rect.top()) / height)
        column = int((place.x() - self.rect.left()) / width)
        return min(row, self.rows - 1), min(column, self.columns - 1)

    def row_rect(self, row: int) -> QRectF:
        """Return the rectangle of a whole row."""
        height = self.cell[1]
        top = self.rect.top() + row * height
        return QRectF(self.rect.left(), top, self.rect.width(), height)

    def column_rect(self, column: int) -> QRectF:
        """Return the rectangle of a whole column."""
        width = self.cell[0]
        left = self.rect.left() + column * width
        return QRectF(left, self.rect.top(), width, self.rect.height())


class HeatMap(QWidget):
    """A matrix of R rows and C columns.

    Args:
        quantity: Decides the colour map: attention, probability, gate, gradient, waterfall,
            signed.
        x_title: What a column is.
        y_title: What a row is.
        bar_title: Quantity and unit of the colours.
        square: Cells as high as wide (attention); else the map fills the space.
        largest: Most pixels of a square cell.
        name: Accessible name.

    Signals:
        hovered(int, int): row and column under the pointer, (-1, -1) when it leaves.
        picked(int, int): cell that was clicked, or reached with the arrow keys.
    """

    hovered = Signal(int, int)
    picked = Signal(int, int)

    def __init__(  # noqa: PLR0913 - what describes a map
        self,
        quantity: Quantity = "attention",
        *,
        x_title: str = "",
        y_title: str = "",
        bar_title: str = "",
        square: bool = False,
        largest: float = 28.0,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._quantity: Quantity = quantity
        self._titles = (x_title, y_title, bar_title)
        self._title_paints = ("textMid", "textMid")
        self._square, self._largest = square, largest
        self._values: Values = np.zeros((0, 0))
        self._masked: Mask = np.zeros((0, 0), bool)
        self._levels = (0.0, 1.0)
        self._powers = False
        self._row_labels: tuple[str, ...] = ()
        self._column_labels: tuple[str, ...] = ()
        self._origin = (0, 0)
        self._cursor: tuple[int | None, int | None] = (None, None)
        self._hover: tuple[int, int] | None = None
        self._ring = False
        self._cached: tuple[object, Pooled, QImage] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name or bar_title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    # Data

    def set_data(
        self,
        values: ArrayLike,
        levels: tuple[float, float] = (0.0, 1.0),
        *,
        masked: ArrayLike | None = None,
        powers: bool = False,
    ) -> None:
        """Show a matrix (R, C).

        Args:
            values: Shape (R, C); NaN is undefined. For `powers`, log10 of the quantity.
            levels: Values of both ends of the colours, fixed.
            masked: Shape (R, C), true where a cell cannot have a value.
            powers: The colour bar is labelled as powers of ten.

        Raises:
            ValueError: Not a matrix, shapes differ, or levels do not ascend.
        """
        matrix = np.asarray(values, float)
        hidden = np.zeros(matrix.shape, bool) if masked is None else np.asarray(masked, bool)
        if matrix.ndim != 2 or hidden.shape != matrix.shape or not levels[0] < levels[1]:
            msg = f"no map of {matrix.shape} with mask {hidden.shape} and levels {levels}"
            raise ValueError(msg)
        self._values, self._masked = matrix, hidden
        self._levels, self._powers = levels, powers
        self._cached = None
        self.update()

    def set_quantity(self, quantity: Quantity) -> None:
        """Choose another colour map."""
        self._quantity, self._cached = quantity, None
        self.update()

    def set_titles(self, x_title: str, y_title: str, bar_title: str = "") -> None:
        """Name columns, rows and colours."""
        self._titles = (x_title, y_title, bar_title)
        self.update()

    def set_title_paints(self, x_paint: str, y_paint: str) -> None:
        """Colour both titles by role: "role:key" and "role:query"."""
        self._title_paints = (x_paint, y_paint)
        self.update()

    def set_labels(self, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
        """Give each row and column its character; () counts from the origin instead."""
        self._row_labels, self._column_labels = tuple(rows), tuple(columns)
        self.update()

    def set_origin(self, row: int = 0, column: int = 0) -> None:
        """Number rows and columns from here."""
        self._origin = (row, column)
        self.update()

    def set_cursor(self, row: int | None = None, column: int | None = None) -> None:
        """Outline a row and a column, None for none."""
        self._cursor = (row, column)
        self.update()

    def value(self, row: int, column: int) -> float:
        """Return the value of a cell, whatever the reduction on the screen."""
        return float(self._values[row, column])

    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        return self._values.shape[0], self._values.shape[1]

    # Layout

    @override
    def sizeHint(self) -> QSize:
        return QSize(360, 320)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(140, 120)

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self._cached = None
        self.update()

    def frame(self) -> MapFrame:
        """Return where the cells lie in this widget."""
        return self._frame_in(QRectF(self.rect()))

    def _frame_in(self, area: QRectF) -> MapFrame:
        top = 34.0 + mappaint.room_above(self._column_labels)
        left = float(theme().metric("plot", "left"))
        if self._row_labels:
            left = mappaint.room_beside(self._row_labels)
        inner = area.adjusted(left, top, -_BAR_ROOM, -theme().metric("plot", "bottom"))
        inner.setSize(inner.size().expandedTo(QSizeF(_LEAST, _LEAST)))
        rows, columns = self.shape()
        if self._square and rows and columns:
            side = min(inner.width() / columns, inner.height() / rows, self._largest)
            side = float(int(side)) if side >= _LEAST_SQUARE else side
            inner.setWidth(side * columns)
            inner.setHeight(side * rows)
        return MapFrame(inner, rows, columns)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            self._paint(painter, QRectF(self.rect()))
            if self._ring:
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint(self, painter: QPainter, area: QRectF) -> None:
        painter.fillRect(area, theme().color("surface0"))
        frame = self._frame_in(area)
        x_title, y_title, bar_title = self._titles
        if frame.rows and frame.columns:
            pooled, image = self._picture(frame)
            mappaint.paint_cells(painter, frame.rect, image, pooled)
            note = mappaint.reduction_text(pooled)
            mappaint.paint_note(painter, frame.rect, note)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        above = mappaint.columns_fit(frame, self._column_labels)
        mappaint.paint_titles(painter, frame.rect, (x_title, y_title), self._title_paints, above)
        self._paint_row_ticks(painter, frame)
        mappaint.paint_column_ticks(painter, frame, self._column_labels, self._origin[1])
        self._paint_bar(painter, frame, bar_title)
        self._paint_cursor(painter, frame)

    def _paint_row_ticks(self, painter: QPainter, frame: MapFrame) -> None:
        mappaint.paint_row_ticks(painter, frame, self._row_labels, self._origin[0])

    def _picture(self, frame: MapFrame) -> tuple[Pooled, QImage]:
        """Return the reduced map and its pixels; made once for data, size and theme."""
        key = (round(frame.rect.width()), round(frame.rect.height()), theme())
        if self._cached is None or self._cached[0] != key:
            pooled = pool(self._values, self._masked, key[1], key[0])
            table = theme().lookup(self._quantity)
            well = theme().color("surface0").rgba()
            image = coloured(pooled.values, pooled.masked, self._levels, table, well)
            self._cached = (key, pooled, image)
        return self._cached[1], self._cached[2]

    def _paint_bar(self, painter: QPainter, frame: MapFrame, title: str) -> None:
        height = min(120.0, frame.rect.height()) if self._square else frame.rect.height()
        bar = QRectF(frame.rect.right() + _BAR_GAP, frame.rect.top(), _BAR, height)
        mappaint.paint_bar(painter, bar, theme().lookup(self._quantity))
        mappaint.paint_bar_ticks(painter, bar, self._levels, self._powers)
        mappaint.paint_bar_title(painter, bar, title)

    def _paint_cursor(self, painter: QPainter, frame: MapFrame) -> None:
        row, column = self._cursor
        if row is not None and 0 <= row < frame.rows:
            mappaint.paint_outline(painter, frame.row_rect(row))
        if column is not None and 0 <= column < frame.columns:
            rect = frame.column_rect(column)
            mappaint.paint_outline(painter, rect)
            mappaint.paint_head(painter, QPointF(rect.center().x(), frame.rect.top() - 2))

    def to_image(
        self,
        size: tuple[int, int],
        *,
        theme: Theme | None = None,
        title: str = "",
        ratio: float = 2.0,
    ) -> QImage:
        """Return the picture at a size in logical pixels, in another theme if wanted."""
        return titled_image(self._paint, size, theme, title, ratio)

    # Pointer and keys

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        cell = self.frame().cell_at(event.position())
        if cell == self._hover:
            return
        self._hover = cell
        self.hovered.emit(*(cell or (-1, -1)))
        self.setToolTip(self._told(*cell) if cell else "")

    def _told(self, row: int, column: int) -> str:
        value = None if self._masked[row, column] else self.value(row, column)
        places = (row + self._origin[0], column + self._origin[1])
        return mappaint.cell_text(places, value, self._powers)

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        if self._hover is not None:
            self._hover = None
            self.hovered.emit(-1, -1)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        cell = self.frame().cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self.picked.emit(*cell)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        move = CELL_MOVES.get(Qt.Key(event.key()))
        rows, columns = self.shape()
        if move is None or not rows or not columns:
            super().keyPressEvent(event)
            return
        row, column = (0 if place is None else place for place in self._cursor)
        self.picked.emit(
            min(rows - 1, max(0, row + move[0])), min(columns - 1, max(0, column + move[1]))
        )

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        self.update()
