"""`ConfusionView`: which class was told for which, in counts and shares, with examples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.data.scoring.classes import class_name
from seqstudio.studio.inside.measuring.table import NumberTable, Row
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.theme import contrast, theme
from seqstudio.studio.widgets import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.records.inside.measuring import ClassTable

_ROOM_FOR_NUMBERS = 26.0


class ConfusionMap(HeatMap):
    """True classes down, told ones across; colours are shares of the true class."""

    def __init__(self) -> None:
        super().__init__(
            "probability", x_title="told", y_title="true", bar_title="share of the true class",
            square=True, largest=72.0, name="Confusion matrix",
        )  # fmt: skip
        self._counts = np.zeros((0, 0), np.int64)
        self._names: tuple[str, ...] = ()

    def set_table(self, table: ClassTable) -> None:
        """Show other answers."""
        self._counts = table.confusion
        self._names = tuple(class_name(name) for name in table.names)
        self.set_labels(self._names, self._names)
        self.set_data(shares(table))

    @override
    def _told(self, row: int, column: int) -> str:
        count, share = self._counts[row, column], self.value(row, column)
        verdict = "right" if row == column else "wrong"
        return (
            f"true {self._names[row]}, told {self._names[column]} ({verdict}): {count:,}, "
            f"{100 * share:.1f} % of the true class"
        )

    @override
    def _paint(self, painter: QPainter, area: QRectF) -> None:
        super()._paint(painter, area)
        frame = self._frame_in(area)
        width, height = frame.cell
        if min(width, height) < _ROOM_FOR_NUMBERS:
            return
        painter.setFont(theme().font("axis"))
        for (row, column), count in np.ndenumerate(self._counts):
            x, y = frame.rect.left() + column * width, frame.rect.top() + row * height
            painter.setPen(self._ink(float(self.value(row, column))))
            words = f"{count:,}" if painter.fontMetrics().horizontalAdvance(f"{count:,}") < width \
                else f"{count / 1000:.0f}k"  # fmt: skip
            painter.drawText(QRectF(x, y, width, height), Qt.AlignmentFlag.AlignCenter, words)

    def _ink(self, share: float) -> QColor:
        """Return the colour of text that can be read on a cell."""
        place = round(255 * share) if math.isfinite(share) else 0
        red, green, blue = (int(part) for part in theme().lookup("probability")[place][:3])
        ground = QColor(red, green, blue)
        both = (theme().color("textHi"), theme().color("surface0"))
        return max(both, key=lambda ink: contrast(ink, ground))


class ConfusionView(QWidget):
    """The map, and below it the examples of the cell that was clicked.

    Signals:
        picked(int, int): true and told class.
    """

    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.map = ConfusionMap()
        self.map.picked.connect(self.pick)
        self.head = Label("", "small", "textMid", wrap=True)
        self.examples = NumberTable(("example", "told with p"), "Examples of the cell")
        self._table: ClassTable | None = None
        self._cell: tuple[int, int] | None = None
        below = QWidget()
        rows = QVBoxLayout(below)
        rows.setContentsMargins(12, 4, 12, 4)
        rows.addWidget(self.head)
        rows.addWidget(self.examples, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.map)
        split.addWidget(below)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setSizes([360, 130])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)

    def set_table(self, table: ClassTable) -> None:
        """Show other answers; the largest confusion is chosen until a person picks another."""
        same = self._table is not None and self._table.names == table.names
        self._table = table
        self.map.set_table(table)
        if self._cell is None or not same:
            self._cell = largest_confusion(table)
        self._show_cell()

    @Slot(int, int)
    def pick(self, row: int, column: int) -> None:
        """List the examples of a cell."""
        self._cell = (row, column)
        self._show_cell()
        self.picked.emit(row, column)

    def _show_cell(self) -> None:
        table, cell = self._table, self._cell
        if table is None or cell is None:
            return
        row, column = cell
        self.map.set_cursor(row, column)
        true, told = class_name(table.names[row]), class_name(table.names[column])
        count, total = int(table.confusion[row, column]), int(table.confusion[row].sum())
        share = f", {100 * count / total:.1f} % of the true {true}" if total else ""
        what = f"{true}, told right" if row == column else f"{true}, told as {told}"
        own = np.flatnonzero((table.cells == cell).all(1))
        shown = f"; the first {len(own)}:" if 0 < len(own) < count else ":" if len(own) else ""
        self.head.setText(f"{what}: {count:,}{share}{shown}")
        self.examples.set_rows(
            [Row((table.examples[at], f"{table.example_p[at]:.2f}")) for at in own]
        )


def shares(table: ClassTable) -> NDArray[np.float64]:
    """Return the confusion as shares of the true class (C, C); NaN for one that never came."""
    totals = table.confusion.sum(1, keepdims=True)
    found = np.full(table.confusion.shape, np.nan)
    np.divide(table.confusion, totals, out=found, where=totals > 0)
    return found


def largest_confusion(table: ClassTable) -> tuple[int, int]:
    """Return the cell of the most wrong answers, (0, 0) where all are right."""
    wrong = table.confusion * (1 - np.eye(len(table.names), dtype=np.int64))
    row, column = divmod(int(wrong.argmax()), len(table.names)) if wrong.any() else (0, 0)
    return row, column
