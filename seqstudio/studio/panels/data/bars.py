"""`Bars`: classes or lengths as bars, the training part beside the held-out part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.core.showing import shown
from seqstudio.studio.theme import follow_theme, painting, theme

MOST_BARS = 24
_GAP, _EDGE = 6, 12


@dataclass(frozen=True)
class Bar:
    """A name, and the share of it in both parts, 0 to 1, with the count in the training part."""

    name: str
    count: int
    train: float
    valid: float


def class_bars(
    names: tuple[str, ...], train: NDArray[np.int64], valid: NDArray[np.int64]
) -> list[Bar]:
    """Return a bar for every class, the commonest first; what does not fit becomes one."""
    order = np.argsort(-train, kind="stable")
    shares = [counts / max(int(counts.sum()), 1) for counts in (train, valid)]
    bars = [
        Bar(names[at], int(train[at]), float(shares[0][at]), float(shares[1][at]))
        for at in order[:MOST_BARS].tolist()
    ]
    rest = order[MOST_BARS:]
    if len(rest):
        told = (int(train[rest].sum()), float(shares[0][rest].sum()), float(shares[1][rest].sum()))
        bars.append(Bar(f"{len(rest)} others", *told))
    return bars


def length_bars(train: NDArray[np.int64], valid: NDArray[np.int64]) -> list[Bar]:
    """Return a histogram of lengths in at most a dozen bins of whole steps."""
    if not len(train):
        return []
    low, high = int(train.min()), int(max(train.max(), valid.max(initial=0)))
    wide = max(1, -(-(high - low + 1) // 12))
    edges = np.arange(low, high + wide + 1, wide)
    counts = [np.histogram(each, edges)[0] for each in (train, valid)]
    shares = [each / max(int(each.sum()), 1) for each in counts]
    return [
        Bar(
            f"{edges[at]}" if wide == 1 else f"{edges[at]}–{edges[at + 1] - 1}",
            int(counts[0][at]), float(shares[0][at]), float(shares[1][at]),
        )
        for at in range(len(edges) - 1)
    ]  # fmt: skip


class Bars(QWidget):
    """A heading and a row for every bar: name, both shares, count."""

    def __init__(self, heading: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading = heading
        self.bars: list[Bar] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(heading)
        follow_theme(self)

    def show_bars(self, bars: list[Bar]) -> None:
        """Show other bars; none hides the picture."""
        self.bars = bars
        self.setVisible(bool(bars))
        told = (f"{shown(bar.name, 40)}: {100 * bar.train:.1f} %" for bar in bars[:6])
        self.setAccessibleDescription(", ".join(told))
        self.updateGeometry()
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self.updateGeometry()
        self.update()

    def _row(self) -> int:
        return theme().line_height("small") + _GAP

    @override
    def sizeHint(self) -> QSize:
        return QSize(240, self._row() * (len(self.bars) + 1) + _EDGE)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textMid"))
            tall = self._row()
            head = QRectF(_EDGE, 0, self.width() - 2 * _EDGE, tall)
            painter.drawText(head, Qt.AlignmentFlag.AlignVCenter, self._heading)
            most = max((max(bar.train, bar.valid) for bar in self.bars), default=1.0) or 1.0
            names = max((self._width(painter, bar.name) for bar in self.bars), default=0.0)
            left = min(names + 4, self.width() * 0.3)
            for at, bar in enumerate(self.bars):
                area = QRectF(_EDGE, tall * (at + 1), self.width() - 2 * _EDGE, tall)
                self._paint_bar(painter, bar, area, left, most)

    def _width(self, painter: QPainter, name: str) -> float:
        return float(painter.fontMetrics().horizontalAdvance(shown(name, 40)))

    def _paint_bar(
        self, painter: QPainter, bar: Bar, area: QRectF, left: float, most: float
    ) -> None:
        metrics, middle = painter.fontMetrics(), Qt.AlignmentFlag.AlignVCenter
        right = metrics.horizontalAdvance("88,888,888  88.8 %")
        painter.setPen(theme().color("textHi"))
        name = metrics.elidedText(shown(bar.name, 40), Qt.TextElideMode.ElideRight, int(left))
        painter.drawText(QRectF(area.x(), area.y(), left, area.height()), middle, name)
        room = max(area.width() - left - right - 2 * _GAP, 10)
        x, half = area.x() + left + _GAP, (area.height() - _GAP) / 2
        for share, top, token in ((bar.train, 0.0, "accent"), (bar.valid, half, "textLow")):
            wide = max(room * share / most, 1.0 if share else 0.0)
            part = QRectF(x, area.y() + _GAP / 2 + top, wide, half - 1)
            painter.fillRect(part, theme().color(token))
        painter.setPen(theme().color("textMid"))
        told = f"{bar.count:,}  {100 * bar.train:.1f} %"
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, told)
