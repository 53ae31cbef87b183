"""`HealthTable`: a row for every block: its update ratio, how that went, gradient, units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget
from typing_extensions import override

from seqstudio.records.health import HealthReading
from seqstudio.records.readings import Floats
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

HEAD, ROW = 28, 44
LOW, HIGH = -6.0, 0.0
LIMITS = (1e-5, 0.1)


@dataclass(frozen=True)
class BlockHealth:
    """A row.

    Attributes:
        block: Id of the block.
        title: Its name.
        ratio: Update-to-weight ratio now.
        steps: (n,) training steps of the readings so far.
        ratios: (n,) the ratio at each.
        before: Norm of its gradient before clipping.
        after: After clipping.
        units: What its units do, in words.
    """

    block: str
    title: str
    ratio: float
    steps: Floats
    ratios: Floats
    before: float
    after: float
    units: str


class HealthTable(QWidget):
    """Paints itself; a click chooses a block, as do the arrow keys.

    Signals:
        chosen(str): id of a block.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[BlockHealth] = []
        self._current = ""
        self._over = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Health of the blocks")
        follow_theme(self)

    def set_rows(self, rows: list[BlockHealth], current: str) -> None:
        """Show rows; `current` is the block that is chosen, "" for none."""
        self._rows, self._current = rows, current
        said = "; ".join(f"{row.title} {format_number(row.ratio)}" for row in rows)
        self.setAccessibleDescription(said)
        self.update()

    @Slot()
    def restyle(self) -> None:
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(380, HEAD + ROW * max(3, len(self._rows)))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(240, HEAD + ROW)

    # Places

    @property
    def _row_height(self) -> float:
        scale = max(1.0, theme().scale)
        room = (self.height() - HEAD) / max(1, len(self._rows))
        return max(22.0 * scale, min(ROW * scale, room))

    def _row_at(self, y: float) -> int:
        row = int((y - HEAD) // self._row_height)
        return row if y >= HEAD and row < len(self._rows) else -1

    def _columns(self) -> tuple[float, float, float, float]:
        """Return where the ratio and the gradients end, and where the line lies."""
        right = self.width() - 16.0
        gradient = right
        spark = right - 132.0
        return spark - 74.0, spark - 10.0, spark + 4.0, gradient

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_head(painter)
            for number, row in enumerate(self._rows):
                top = HEAD + number * self._row_height
                if top + self._row_height <= self.height() + 1:
                    self._paint_row(painter, row, top, number == self._over)
            if self.hasFocus():
                painter.setPen(pen(theme().color("focus"), theme().stroke("focus")))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_head(self, painter: QPainter) -> None:
        _, ratio, _, gradient = self._columns()
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textLow"))
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        painter.drawText(QRectF(16, 0, 140, HEAD), middle, "block")
        painter.drawText(QRectF(ratio - 120, 0, 120, HEAD), middle | right, "update ratio")
        painter.drawText(QRectF(gradient - 90, 0, 90, HEAD), middle | right, "gradient")

    def _paint_row(self, painter: QPainter, row: BlockHealth, top: float, over: bool) -> None:
        height = self._row_height
        left, ratio_x, spark_x, gradient_x = self._columns()
        area = QRectF(0, top, self.width(), height)
        if row.block == self._current or over:
            token = "accentSoft" if row.block == self._current else "surface3"
            painter.fillRect(area, theme().color(token))
        two = height >= 38 and bool(row.units)
        line = height / 2 if two else height
        middle, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignRight
        pad = 3 if two else 0
        painter.setFont(theme().font("body"))
        painter.setPen(theme().color("textHi"))
        title = painter.fontMetrics().elidedText(
            row.title, Qt.TextElideMode.ElideRight, int(left - 16)
        )
        painter.drawText(QRectF(16, top + pad, left - 16, line), middle, title)
        painter.setFont(theme().font("mono"))
        painter.setPen(theme().color(self._tone(row.ratio)))
        words = "–" if math.isnan(row.ratio) else format_number(row.ratio, "sci")
        painter.drawText(QRectF(ratio_x - 90, top + pad, 90, line), middle | right, words)
        painter.setPen(theme().color("textMid"))
        painter.drawText(QRectF(gradient_x - 90, top + pad, 90, line), middle | right,
                         format_number(row.before, "sci"))  # fmt: skip
        self._paint_spark(painter, row, QRectF(spark_x, top + pad + 3, 44, line - 6))
        if two:
            painter.setFont(theme().font("axis"))
            painter.setPen(theme().color("textLow" if not over else "textMid"))
            room = QRectF(16, top + line, self.width() - 32, line - 2)
            said = painter.fontMetrics().elidedText(
                row.units, Qt.TextElideMode.ElideRight, int(room.width())
            )
            painter.drawText(room, middle, said)

    def _tone(self, ratio: float) -> str:
        inside = math.isnan(ratio) or LIMITS[0] <= ratio <= LIMITS[1]
        return "textHi" if inside else "warn"

    def _paint_spark(self, painter: QPainter, row: BlockHealth, area: QRectF) -> None:
        known = np.isfinite(row.ratios) & (row.ratios > 0)
        if known.sum() < 2:
            return
        x, y = row.steps[known], np.log10(row.ratios[known])
        span = max(float(x[-1] - x[0]), 1.0)
        share = np.clip((y - LOW) / (HIGH - LOW), 0, 1)
        points = [
            QPointF(area.left() + (a - x[0]) / span * area.width(),
                    area.bottom() - b * area.height())
            for a, b in zip(x.tolist(), share.tolist(), strict=True)
        ]  # fmt: skip
        painter.setPen(pen(theme().color("textMid"), 1.25))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))

    # Hands

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        self._hover(self._row_at(event.position().y()))

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._over:
            self._over = row
            self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        row = self._row_at(event.position().y())
        if row >= 0:
            self.chosen.emit(self._rows[row].block)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        move = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if move is None or not self._rows:
            super().keyPressEvent(event)
            return
        blocks = [row.block for row in self._rows]
        now = blocks.index(self._current) if self._current in blocks else -1 if move > 0 else 0
        self.chosen.emit(blocks[(now + move) % len(blocks)])

    @override
    def event(self, event: QEvent, /) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self._row_at(event.pos().y())
            QToolTip.showText(event.globalPos(), _tip(self._rows[row]) if row >= 0 else "", self)
            return True
        return super().event(event)


def _tip(row: BlockHealth) -> str:
    lines = [
        f"{row.title}: a step changes its matrices by {format_number(row.ratio, 'sci')} of their "
        "size",
        f"gradient norm {format_number(row.before, 'sci')} before clipping, "
        f"{format_number(row.after, 'sci')} after",
        *row.units.split(" · "),
    ]
    return "\n".join(line for line in lines if line)


def units_in_words(reading: HealthReading, block: str) -> str:
    """Return the shares of the units of a block: "h 12 % saturated"."""
    said = []
    for unit in reading.units:
        if unit.block != block:
            continue
        name = _short(unit.name)
        if unit.kind == "tanh":
            said.append(f"{name} {100 * unit.saturated:.0f} % saturated")
        elif unit.kind == "relu":
            inactive, dead = 100 * unit.inactive, 100 * unit.dead
            said.append(f"{name} {inactive:.0f} % inactive, {dead:.0f} % dead")
        else:
            said.append(f"{name} {100 * unit.left:.0f} % low, {100 * unit.right:.0f} % high")
    return " · ".join(said)


def _short(name: str) -> str:
    """Return "f" for "forget gate f", "f2" for that of the second layer."""
    gate, _, layer = name.partition(" of layer ")
    last = gate.rpartition(" ")[2]
    return (last if len(last) == 1 and last.isalpha() else gate) + layer
