"""`Tile`: where a vector or a matrix is painted, and what stands under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF

from seqstudio.records.readings import Floats
from seqstudio.studio.inside.playing.ink import plain
from seqstudio.studio.inside.playing.scene import Term
from seqstudio.studio.widgets import format_number

CELL = 4.0  # pixels that an element of a vector should have


@dataclass(frozen=True)
class Tile:
    """Where a term is painted.

    Attributes:
        line: Number of the line.
        term: What it shows.
        rect: Place of the cells.
        rows: Rows that a vector is broken into; of a matrix those after the reduction.
        columns: Cells a row.
        gates: Gates by name that share the rows of a matrix, () without gates.
    """

    line: int
    term: Term
    rect: QRectF
    rows: int
    columns: int
    gates: tuple[str, ...] = ()

    @classmethod
    def of(cls, line: int, term: Term, rect: QRectF, gates: Sequence[str] = ()) -> Tile:
        """Lay a term out: a vector is broken into rows until its elements can be told apart."""
        if term.values.ndim == 2:
            rows, columns = term.values.shape
            return cls(line, term, rect, rows, columns, tuple(gates))
        count = len(term.values)
        most = max(1, int(rect.height() // CELL))
        fitting = (r for r in range(1, most) if count / r * CELL <= rect.width())
        rows = min(next(fitting, most), count)
        return cls(line, term, rect, rows, -(-count // rows))

    @property
    def is_matrix(self) -> bool:
        """Whether it shows a matrix."""
        return self.term.values.ndim == 2

    @property
    def reduced(self) -> bool:
        """Whether a cell stands for several numbers."""
        return self._patch != (1, 1)

    def cells(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the numbers as (rows, columns), and which cells hold none."""
        values = self.term.values
        if self.is_matrix:
            return values, np.zeros(values.shape, bool)
        room = np.full(self.rows * self.columns, np.nan)
        room[: len(values)] = values
        grid = room.reshape(self.rows, self.columns)
        return grid, np.isnan(grid)

    # Places

    def index_at(self, place: QPointF) -> int | None:
        """Return the number of the element under a place; None beside, and in matrices."""
        cell = self._cell_at(place)
        if cell is None or self.is_matrix:
            return None
        index = cell[0] * self.columns + cell[1]
        return index if index < len(self.term.values) else None

    def _cell_at(self, place: QPointF) -> tuple[int, int] | None:
        if not self.rect.contains(place):
            return None
        row = int((place.y() - self.rect.top()) / self.rect.height() * self.rows)
        column = int((place.x() - self.rect.left()) / self.rect.width() * self.columns)
        return min(row, self.rows - 1), min(column, self.columns - 1)

    def unit_rects(self, unit: int) -> list[QRectF]:
        """Return where a unit stands: an element of a vector, rows of a matrix, or nowhere."""
        if self.term.axis == "input":
            return []
        width, height = self.rect.width() / self.columns, self.rect.height() / self.rows
        left, top = self.rect.left(), self.rect.top()
        if not self.is_matrix:
            if unit >= len(self.term.values):
                return []
            row, column = divmod(unit, self.columns)
            return [QRectF(left + column * width, top + row * height, width, height)]
        count = max(1, len(self.gates))
        units, down = self._whole_rows // count, self._patch[0]
        rows = [(gate * units + unit) // down for gate in range(count)] if unit < units else []
        return [QRectF(left, top + row * height, self.rect.width(), height) for row in rows]

    @property
    def _patch(self) -> tuple[int, int]:
        return (1, 1) if self.term.picture is None else self.term.picture.patch

    @property
    def _whole_rows(self) -> int:
        return self.rows if self.term.picture is None else self.term.picture.rows

    # Words

    def told(self, place: QPointF) -> str:
        """Return what the number under a place is, its value and the scale; "" beside."""
        cell = self._cell_at(place)
        if cell is None:
            return ""
        words = self._told_cell(*cell) if self.is_matrix else self._told_element(place)
        limit = format_number(self.term.limit)
        scale = "0 to 1" if self.term.look == "gate" else f"−{limit} to {limit}"
        return f"{plain(self.term.name)}\n{words}\ncolours {scale}" if words else ""

    def _told_element(self, place: QPointF) -> str:
        index = self.index_at(place)
        if index is None:
            return ""
        kind = "unit" if self.term.axis == "unit" else "input"
        return f"{kind} {index}: {format_number(float(self.term.values[index]))}"

    def _told_cell(self, row: int, column: int) -> str:
        down, across = self._patch
        gate, unit = divmod(row * down, max(1, self._whole_rows // max(1, len(self.gates))))
        which = f"{self.gates[min(gate, len(self.gates) - 1)]}, " if self.gates else ""
        value = format_number(float(self.term.values[row, column]))
        words = f"row {which}unit {unit}, column {column * across}: {value}"
        return f"{words}\nthe largest of {down} × {across} numbers" if self.reduced else words
