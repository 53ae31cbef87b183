"""`NumberTable`: rows of words and numbers under one head, painted; a row can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.theme import follow_theme, painting, pen, theme

_INSET, _GAP = 14.0, 14.0
_LEAST_FIRST = 92.0


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: As many as the head has; the first one is words.
        below: A second line in small type, "" for none.
        tones: Colour token of a cell by its place, where it is not the usual one.
    """

    cells: tuple[str, ...]
    below: str = ""
    tones: tuple[tuple[int, str], ...] = ()


class NumberTable(QScrollArea):
    """A table that scrolls where it is too long.

    Signals:
        chosen(int): number of a row that was clicked or reached with the arrow keys.

    Args:
        head: Names of the columns.
        name: Accessible name.
        words: Columns that hold words and share the room that numbers leave.
    """

    chosen = Signal(int)

    def __init__(
        self,
        head: Sequence[str],
        name: str,
        words: Sequence[int] = (0,),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.lines = _Lines(tuple(head), name, frozenset(words))
        self.lines.chosen.connect(self.chosen)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.lines)

    def set_rows(self, rows: Sequence[Row], current: int = -1) -> None:
        """Show other rows; `current` is the one that is chosen, -1 for none."""
        self.lines.set_rows(tuple(rows), current)

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown."""
        return self.lines.rows

    def set_head(self, head: Sequence[str]) -> None:
        """Name the columns otherwise."""
        self.lines.head = tuple(head)
        self.lines.update()


class _Lines(QWidget):
    chosen = Signal(int)

    def __init__(self, head: tuple[str, ...], name: str, words: frozenset[int]) -> None:
        super().__init__()
        self.head, self._words = head, words
        self.rows: tuple[Row, ...] = ()
        self.current = -1
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(name)
        follow_theme(self)

    def set_rows(self, rows: tuple[Row, ...], current: int) -> None:
        self.rows, self.current = rows, current
        said = "; ".join(" ".join((*row.cells, row.below)).strip() for row in rows[:40])
        self.setAccessibleDescription(said)
        self.updateGeometry()
        self.update()

    @Slot()
    def restyle(self) -> None:
        self.updateGeometry()
        self.update()

    # Places

    @property
    def _head_height(self) -> float:
        return theme().line_height("small") + 10.0 if any(self.head) else 4.0

    def _height_of(self, row: Row) -> float:
        below = theme().line_height("small") if row.below else 0.0
        return theme().line_height("body") + below + 9.0

    @override
    def sizeHint(self) -> QSize:
        height = self._head_height + sum(map(self._height_of, self.rows)) + 6
        return QSize(320, round(height))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def _row_at(self, y: float) -> int:
        top = self._head_height
        for number, row in enumerate(self.rows):
            if top <= y < top + self._height_of(row):
                return number
            top += self._height_of(row)
        return -1

    def _columns(self) -> list[tuple[float, float]]:
        """Return left end and width of each column: numbers take what they need."""
        metrics = QFontMetricsF(theme().font("body"))
        small = QFontMetricsF(theme().font("small"))
        wanted = [
            max((small.horizontalAdvance(title), *(metrics.horizontalAdvance(row.cells[at])
                                                   for row in self.rows)))
            for at, title in enumerate(self.head)
        ]  # fmt: skip
        free = self.width() - 2 * _INSET - _GAP * (len(self.head) - 1)
        numbers = sum(width for at, width in enumerate(wanted) if at not in self._words)
        words = max(_LEAST_FIRST, (free - numbers) / max(1, len(self._words)))
        places, x = [], _INSET
        for at, width in enumerate(wanted):
            own = words if at in self._words else width
            places.append((x, own))
            x += own + _GAP
        return places

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            columns, top = self._columns(), self._head_height
            low = dict.fromkeys(range(len(self.head)), "textLow")
            painter.setFont(theme().font("small"))
            self._paint_cells(painter, columns, (0.0, top), self.head, low)
            for number, row in enumerate(self.rows):
                height = self._height_of(row)
                if number == self.current:
                    painter.fillRect(
                        QRectF(0, top, self.width(), height), theme().color("accentSoft")
                    )
                self._paint_row(painter, columns, top, row)
                top += height
            if self.hasFocus():
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_row(
        self, painter: QPainter, columns: list[tuple[float, float]], top: float, row: Row
    ) -> None:
        line = theme().line_height("body") + 6.0
        painter.setFont(theme().font("body"))
        self._paint_cells(painter, columns, (top, line), row.cells, dict(row.tones))
        if row.below:
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textMid"))
            room = QRectF(
                _INSET, top + line - 1, self.width() - 2 * _INSET, theme().line_height("small")
            )
            said = painter.fontMetrics().elidedText(
                row.below, Qt.TextElideMode.ElideRight, int(room.width())
            )
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, said)

    def _paint_cells(
        self,
        painter: QPainter,
        columns: list[tuple[float, float]],
        place: tuple[float, float],
        cells: tuple[str, ...],
        tones: dict[int, str],
    ) -> None:
        """Paint the cells of a line, `place` is its top and height, in the painter's font."""
        top, height = place
        middle = Qt.AlignmentFlag.AlignVCenter
        for at, ((x, width), words) in enumerate(zip(columns, cells, strict=True)):
            side = Qt.AlignmentFlag.AlignLeft if at in self._words else Qt.AlignmentFlag.AlignRight
            painter.setPen(theme().color(tones.get(at, "textHi")))
            said = painter.fontMetrics().elidedText(
                words, Qt.TextElideMode.ElideRight, int(width) + 2
            )
            painter.drawText(QRectF(x, top, width + 2, height), middle | side, said)

    # Hands

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        row = self._row_at(event.position().y())
        if row >= 0:
            self.chosen.emit(row)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        move = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if move is None or not self.rows:
            super().keyPressEvent(event)
            return
        self.chosen.emit(min(len(self.rows) - 1, max(0, self.current + move)))
