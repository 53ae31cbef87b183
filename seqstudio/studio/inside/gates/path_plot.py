"""`PathPlot`: states over a text as a path in a plane, with a playhead and its fading tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from typing_extensions import override

from seqstudio.insight.projecting import TOKEN_CLASSES, token_class
from seqstudio.studio.inside.gates.scatter import DOT, Scatter
from seqstudio.studio.inside.name_places import NamePlaces
from seqstudio.studio.plots import Scale, resolve
from seqstudio.studio.plots.frame import Frame
from seqstudio.studio.plots.series import FloatArray
from seqstudio.studio.theme import faded, pen, theme
from seqstudio.studio.widgets.token_lines import shown_text

TAIL = 12
_CLASS_PAINTS = (
    "role:output",
    "role:input",
    "role:cell",
    "textLow",
    "role:gradient",
    "warn",
    "textMid",
)
_ROOM = 0.06


class PathPlot(Scatter):
    """Steps of a text in two principal components; a point is one step."""

    def __init__(self, name: str) -> None:
        super().__init__("first component", "second component")
        self.setAccessibleName(f"Path of states, {name}")
        self.name = name
        self.tokens: tuple[str, ...] = ()
        self.by_class = False
        self.names = True

    def set_path(
        self, places_T2: ArrayLike, tokens: Sequence[str], shares: tuple[float, float], name: str
    ) -> None:
        """Show another path, (T, 2); the shares are those of the variance on both axes."""
        places = np.asarray(places_T2, float)
        self.tokens, self.name = tuple(tokens), name
        first, second = (f"{share:.0%} of the variance" for share in shares)
        self.set_titles(f"first component, {first}", f"{name}: second component, {second}")
        self.set_points(places[:, 0], places[:, 1])

    def hold(self, low_2: ArrayLike, high_2: ArrayLike) -> None:
        """Set ends around everything from low to high, with some room."""
        low, high = np.asarray(low_2, float), np.asarray(high_2, float)
        room = _ROOM * np.maximum(high - low, 1e-6)
        ends = [Scale(float(a), float(b)) for a, b in zip(low - room, high + room, strict=True)]
        self.set_scales(ends[0], ends[1])

    @override
    def told(self, index: int) -> str:
        x, y = float(self.xs[index]), float(self.ys[index])
        return f"t {index} “{shown_text(self.tokens[index])}”: {x:.2f}, {y:.2f}"

    # Painting

    @override
    def paint_points(self, painter: QPainter, frame: Frame) -> None:
        places = self.places(frame)
        colours = self.colours()
        painter.save()
        painter.setClipRect(frame.rect.adjusted(-4, -4, 4, 4))
        self._paint_path(painter, places)
        painter.setPen(pen(theme().color("surface0"), 0.75))
        for (x, y), colour in zip(places, colours, strict=True):
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x, y), DOT, DOT)
        self._paint_tail(painter, places)
        painter.restore()
        if self.names:
            self._paint_names(painter, frame, places)
        self._paint_legend(painter, frame)

    def colours(self) -> list[QColor]:
        """Return the colour of every step: by its time, or by the class of its token."""
        if self.by_class:
            kinds = dict(zip(TOKEN_CLASSES, _CLASS_PAINTS, strict=True))
            return [resolve(kinds[token_class(token)]) for token in self.tokens]
        table = theme().lookup("waterfall")
        levels = np.linspace(40, 235, len(self.tokens)).astype(int)
        return [QColor(*(int(part) for part in table[level])) for level in levels]

    def _paint_path(self, painter: QPainter, places: FloatArray) -> None:
        painter.setPen(pen(faded(theme().color("textLow"), 0.35), 1.0))
        points = [QPointF(x, y) for x, y in places]
        painter.drawPolyline(points)

    def _paint_tail(self, painter: QPainter, places: FloatArray) -> None:
        """Paint the last steps up to the playhead, the newest strongest."""
        if self.chosen is None:
            return
        first = max(0, self.chosen - TAIL)
        for step in range(first, self.chosen):
            strength = (step - first + 1) / (self.chosen - first)
            painter.setPen(pen(faded(theme().color("cursor"), 0.15 + 0.85 * strength), 2.0))
            painter.drawLine(QPointF(*places[step]), QPointF(*places[step + 1]))

    def _paint_names(self, painter: QPainter, frame: Frame, places: FloatArray) -> None:
        """Write the characters beside their points where there is room, the newest first."""
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textMid"))
        metrics = QFontMetricsF(painter.font())
        room = NamePlaces(self.width(), self.height())
        for x, y in places:
            if frame.rect.contains(QPointF(x, y)):
                room.block(_around(x, y))
        here = self.chosen if self.chosen is not None else len(places) - 1
        for index in sorted(range(len(places)), key=lambda step: (here - step) % len(places)):
            x, y = places[index]
            if not frame.rect.contains(QPointF(x, y)):
                continue
            text = "␣" if self.tokens[index] == " " else shown_text(self.tokens[index])
            size = QSize(int(metrics.horizontalAdvance(text)) + 1, int(metrics.capHeight()) + 3)
            found = room.find(QPointF(x, y), size, DOT + 2.5)
            if found is not None and frame.rect.contains(found):
                near = index <= here and here - index <= TAIL
                painter.setPen(theme().color("textHi" if near else "textLow"))
                painter.drawText(QPointF(found.left(), found.bottom() - 1.5), text)

    def _paint_legend(self, painter: QPainter, frame: Frame) -> None:
        painter.setFont(theme().font("axis"))
        metrics = painter.fontMetrics()
        entries: list[tuple[QColor, str]] = []
        if self.by_class:
            kinds = dict(zip(TOKEN_CLASSES, _CLASS_PAINTS, strict=True))
            there = {token_class(token) for token in self.tokens}
            entries = [(resolve(kinds[kind]), kind) for kind in TOKEN_CLASSES if kind in there]
        elif self.tokens:
            colours = self.colours()
            entries = [(colours[0], "start of the text"), (colours[-1], "its end")]
        x, y = frame.rect.left() + 8, frame.rect.top() + metrics.ascent()
        for colour, words in entries:
            width = 14 + metrics.horizontalAdvance(words) + 12
            if x + width > frame.rect.right():
                x, y = frame.rect.left() + 8, y + metrics.height() + 2
            veil = QRectF(x - 3, y - metrics.ascent(), width, metrics.height())
            painter.fillRect(veil, faded(theme().color("surface0"), 0.8))
            painter.setPen(pen(theme().color("surface0"), 0.75))
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x + 4, y - metrics.capHeight() / 2), 4, 4)
            painter.setPen(theme().color("textMid"))
            painter.drawText(QPointF(x + 14, y), words)
            x += width


def _around(x: float, y: float) -> QRectF:
    return QRectF(x - DOT, y - DOT, 2 * DOT, 2 * DOT)
