"""`ProductTable`: the numbers of one query, a line a key, in the order in which they arise."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.records.inside.attention import HeadProducts
from seqstudio.studio.theme import faded, follow_theme, painting, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

STAGES = ("scores", "scale", "mask", "softmax", "values")
_NAMES = ("key", "q·k", "÷ √d", "mask", "weight")
_INSET, _KEY = 12.0, 62.0
_NUMBER = 58.0


class ProductTable(QWidget):
    """Columns: key, product, scaled, masked, weight with a bar; a second weight beside.

    Signals:
        picked(int): key that was clicked, or reached with the arrow keys.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plain: HeadProducts | None = None
        self._other: HeadProducts | None = None
        self._keys: tuple[str, ...] = ()
        self._name = "q·k"
        self._stage = len(STAGES) - 1
        self._chosen = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Products of the query with every key")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(
        self,
        plain: HeadProducts,
        other: HeadProducts | None,
        keys: tuple[str, ...],
        *,
        net: bool = False,
    ) -> None:
        """Show the numbers of one query over S keys.

        Args:
            plain: As learnt.
            other: With something left out, None for nothing.
            keys: Words.
            net: A small net scores instead of a product.
        """
        self._plain, self._other, self._keys = plain, other, keys
        self._name = "v·tanh" if net else "q·k"
        self._chosen = min(self._chosen, max(0, len(keys) - 1))
        self.updateGeometry()
        self.update()

    def set_stage(self, stage: int) -> None:
        """Show the columns up to this stage; later ones are still empty."""
        self._stage = stage
        self.update()

    def set_chosen(self, key: int) -> None:
        """Mark a key without a signal."""
        self._chosen = key
        self.update()

    @property
    def chosen(self) -> int:
        """The marked key."""
        return self._chosen

    def _pitch(self) -> int:
        return theme().line_height("mono")

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(int(_KEY + 4 * _NUMBER), (len(self._keys) + 1) * self._pitch() + 12)

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours of the theme in force."""
        self.updateGeometry()
        self.update()

    def row_rect(self, key: int) -> QRectF:
        """Return the line of a key."""
        top = 4.0 + (key + 1) * self._pitch()
        return QRectF(0, top, self.width(), self._pitch())

    def cells(self, key: int) -> tuple[str, ...]:
        """Return what stands in the line of a key: product, scaled, mask, weight."""
        products = self._plain
        assert products is not None
        score = float(products.scores[key])
        scaled = score / products.divisor
        seen = bool(products.seen[key])
        weight = _number(float(products.weights[key]), ".3f")
        return _number(score), _number(scaled), _number(scaled) if seen else "−∞", weight

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if self._plain is None:
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_head(painter)
            first = max(0, int(event.rect().top() // self._pitch()) - 2)
            last = min(len(self._keys), int(event.rect().bottom() // self._pitch()) + 1)
            for key in range(first, last):
                self._paint_row(painter, key)

    def _paint_head(self, painter: QPainter) -> None:
        names = (_NAMES[0], self._name, *_NAMES[2:])
        painter.setFont(theme().font("axis"))
        for column, name in enumerate(names):
            now = column == min(self._stage, 3) + 1
            painter.setPen(theme().color("textHi" if now else "textLow"))
            rect = self._cell(QRectF(0, 4, self.width(), self._pitch()), column)
            side = Qt.AlignmentFlag.AlignLeft if column in (0, 4) else Qt.AlignmentFlag.AlignRight
            painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, name)

    def _cell(self, row: QRectF, column: int) -> QRectF:
        if column == 0:
            return QRectF(_INSET, row.top(), _KEY - _INSET, row.height())
        left = _KEY + (column - 1) * _NUMBER
        if column < 4:
            return QRectF(left, row.top(), _NUMBER - 8, row.height())
        return QRectF(left + 8, row.top(), self.width() - left - 16, row.height())

    def _paint_row(self, painter: QPainter, key: int) -> None:
        row = self.row_rect(key)
        if key == self._chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accentSoft"))
            painter.drawRoundedRect(row.adjusted(4, 0, -4, 0), 3, 3)
        painter.setFont(theme().font("mono"))
        hidden = self._stage >= 2 and self._plain is not None and not self._plain.seen[key]
        painter.setPen(theme().color("textLow" if hidden else "textHi"))
        text = "␣" if self._keys[key] == " " else shown_text(self._keys[key])
        rect = self._cell(row, 0)
        text = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, int(rect.width())
        )
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, text)
        for column, number in enumerate(self.cells(key)[:3], 1):
            if column <= self._stage + 1:
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(self._cell(row, column), right, number)
        if self._stage >= 3:
            self._paint_weight(painter, self._cell(row, 4), key)

    def _paint_weight(self, painter: QPainter, rect: QRectF, key: int) -> None:
        assert self._plain is not None
        weight = float(self._plain.weights[key])
        room = painter.fontMetrics().horizontalAdvance("0.000") + 8.0
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect, left, _number(weight, ".3f"))
        track = rect.adjusted(room, 5, 0, -5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(theme().role("key"), 0.85))
        height = track.height() if self._other is None else track.height() / 2 - 1
        painter.drawRect(QRectF(track.left(), track.top(), track.width() * weight, height))
        if self._other is not None:
            other = float(self._other.weights[key])
            painter.setBrush(faded(theme().role("value"), 0.85))
            top = track.top() + height + 2
            painter.drawRect(QRectF(track.left(), top, track.width() * other, height))

    # Pointer and keys

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        key = int((event.position().y() - 4) // self._pitch()) - 1
        if event.button() == Qt.MouseButton.LeftButton and 0 <= key < len(self._keys):
            self.picked.emit(key)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if step is None or not self._keys:
            super().keyPressEvent(event)
        else:
            self.picked.emit(min(len(self._keys) - 1, max(0, self._chosen + step)))


class TableScroll(QScrollArea):
    """A table that scrolls, and keeps the chosen line in sight."""

    def __init__(self, table: ProductTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(table)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def reveal(self, key: int) -> None:
        """Scroll so far that a line is seen."""
        centre = self._table.row_rect(key).center().toPoint()
        self.ensureVisible(0, centre.y(), 0, 30)


def _number(value: float, form: str = ".2f") -> str:
    return "–" if np.isnan(value) else format_number(value, form)
