"""`HelloPanel`: the lecture's "hello": a column a step with input, hidden values and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.records.inside.trying.hello import MOST_COLUMNS, MOST_SYMBOLS, Columns, ColumnsOf
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import faded, follow_theme, painting, pen, theme
from seqstudio.studio.trying.panel import TryPanel

if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_NAMES = 74
_GAP = 26
_CENTRE = Qt.AlignmentFlag.AlignCenter


class HelloPanel(TryPanel):
    """The numbers of four steps, live while the model trains."""

    title = "Columns"
    icon = "lesson"
    explanation: ClassVar[Explanation] = Explanation(
        "A column is a time step, read from below: the letter and its one-hot vector, the hidden "
        "values that the head reads, and a score for every letter. The score of the letter that "
        "has to come next is green and should grow, all others are red and should shrink. A "
        "thick frame is around the highest score: right where it is green.",
        (r"L_t = -\log \mathrm{softmax}(W_{hy} h_t + b_y)_{y_t}",),
        "Lecture: training on “hello” (S20, S33)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.view = ColumnsView()
        self.set_body(self.view)

    @classmethod
    @override
    def fits(cls, dataset: Dataset) -> bool:
        small = dataset.vocabulary is not None and len(dataset.vocabulary) <= MOST_SYMBOLS
        written = dataset.pattern == "next token" and dataset.input == "ids"
        return written and small and not dataset.source

    @override
    def question(self) -> ColumnsOf | None:
        dataset = self.session.dataset
        if dataset is None or not self.fits(dataset):
            return None
        return ColumnsOf(4 if dataset.generated else MOST_COLUMNS)

    @override
    def show_reading(self, reading: Columns) -> None:
        self.view.set_columns(reading)

    @override
    def words(self, reading: Columns) -> str:
        right = int((reading.scores.argmax(1) == reading.targets).sum())
        loss = float(np.nanmean(reading.loss))
        return f"{right} of {len(reading.ids)} right, loss {loss:.4f}"


class ColumnsView(QWidget):
    """Columns of numbers, as on the slide."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: Columns | None = None
        self.setAccessibleName("Input, hidden values and scores of every step")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_columns(self, columns: Columns) -> None:
        """Show other numbers."""
        self.columns = columns
        told = [
            f"{columns.symbols[i]} gives {columns.symbols[row.argmax()]}"
            for i, row in zip(columns.ids, columns.scores, strict=True)
        ]
        self.setAccessibleDescription(", ".join(told))
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Paint with the theme in force."""
        self.update()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(300, 260)

    def cell_height(self) -> float:
        """Return how high a number is, so that all fit and can be read."""
        assert self.columns is not None
        rows = 2 * len(self.columns.symbols) + self.columns.hidden.shape[1] + 2.4
        room = self.height() - 3 * _GAP - 16
        return float(max(9.0, min(room / rows, 1.5 * theme().line_height("mono"))))

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme().color("surface0"))
            if self.columns is not None:
                for step in range(len(self.columns.ids)):
                    self._paint_column(painter, self.columns, step)
                self._paint_names(painter, self.columns)

    def _bands(self, columns: Columns) -> tuple[float, float, float, float]:
        """Return the tops of target, scores, hidden values and input."""
        high = self.cell_height()
        scores = 8 + 1.2 * high + _GAP / 2
        hidden = scores + len(columns.symbols) * high + _GAP
        given = hidden + columns.hidden.shape[1] * high + _GAP
        return 8.0, scores, hidden, given

    def _paint_names(self, painter: QPainter, columns: Columns) -> None:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        shown = columns.hidden.shape[1]
        more = "" if shown == columns.width else f"\n{shown} of {columns.width}"
        heights = (1.2, len(columns.symbols), shown, len(columns.symbols))
        names = ("target", "scores", f"{columns.title or 'hidden'}{more}", "input")
        for top, rows, name in zip(self._bands(columns), heights, names, strict=True):
            area = QRectF(8, top, _NAMES - 10, rows * self.cell_height())
            painter.drawText(area, int(left) | int(Qt.TextFlag.TextWordWrap), name)

    def _column(self, step: int) -> tuple[float, float]:
        """Return left edge and width of a column's cells."""
        assert self.columns is not None
        room = (self.width() - _NAMES - 8) / len(self.columns.ids)
        wide = min(room - 14, 110)
        return _NAMES + step * room + (room - wide) / 2, wide

    def _paint_column(self, painter: QPainter, columns: Columns, step: int) -> None:
        left, wide = self._column(step)
        target, scores, hidden, given = self._bands(columns)
        self._paint_arrows(painter, step, (target, scores, hidden, given))
        target_id, read = int(columns.targets[step]), int(columns.ids[step])
        wanted = _shown(columns.symbols[target_id]) if target_id >= 0 else ""
        high = self.cell_height()
        self._word(painter, QRectF(left, target, wide, 1.2 * high), wanted)
        best = int(columns.scores[step].argmax())
        for row, value in enumerate(columns.scores[step]):
            colour = theme().color("success" if row == target_id else "error")
            cell = QRectF(left, scores + row * high, wide, high)
            name = _shown(columns.symbols[row])
            self._cell(painter, cell, f"{name} {value:.2f}", colour, chosen=row == best)
        for row, value in enumerate(columns.hidden[step]):
            colour = theme().role("features")
            share = min(1.0, abs(float(value)))
            cell = QRectF(left, hidden + row * high, wide, high)
            self._cell(painter, cell, f"{value:.2f}", colour, strong=share)
        for row in range(len(columns.symbols)):
            on = row == read
            cell = QRectF(left, given + row * high, wide, high)
            self._cell(painter, cell, "1" if on else "0", theme().role("input"), strong=float(on))
        below = QRectF(left, given + len(columns.symbols) * high, wide, 1.2 * high)
        self._word(painter, below, _shown(columns.symbols[read]))

    def _word(self, painter: QPainter, area: QRectF, word: str) -> None:
        painter.setFont(theme().font("mono"))
        painter.setPen(theme().color("textHi"))
        painter.drawText(area, _CENTRE, word)

    def _cell(
        self, painter: QPainter, area: QRectF, text: str, colour: QColor, *,
        strong: float = 0.35, chosen: bool = False,
    ) -> None:  # fmt: skip
        painter.setPen(pen(colour, 2.0 if chosen else 0.6))
        painter.setBrush(faded(colour, 0.06 + 0.4 * strong))
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(theme().color("textHi"))
        painter.setFont(theme().font("mono" if area.height() >= 16 else "small"))
        painter.drawText(area, _CENTRE, text)

    def _paint_arrows(self, painter: QPainter, step: int, tops: tuple[float, ...]) -> None:
        assert self.columns is not None
        left, wide = self._column(step)
        middle, high = left + wide / 2, self.cell_height()
        painter.setPen(pen(theme().color("lineStrong"), 1.2))
        _target, _scores, hidden, given = (int(top) for top in tops)
        x = int(middle)
        painter.drawLine(x, given, x, given - _GAP)
        painter.drawLine(x, hidden, x, hidden - _GAP)
        if step + 1 < len(self.columns.ids):
            level = int(hidden + self.columns.hidden.shape[1] * high / 2)
            painter.drawLine(int(left + wide), level, int(self._column(step + 1)[0]), level)


def _shown(symbol: str) -> str:
    return {"\n": "⏎", " ": "␣", "\t": "⇥"}.get(symbol, symbol)
