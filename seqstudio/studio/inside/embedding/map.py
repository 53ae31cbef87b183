"""`EmbeddingMap`: symbols on a plane, to zoom and pan, with names that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.inside.name_places import NamePlaces
from seqstudio.studio.theme import faded, follow_theme, mix, painting, pen, theme
from seqstudio.studio.widgets.token_lines import shown_text

Places = NDArray[np.float64]
GROUP_ROLES = ("loss", "input", "features", "output", "cell", "gradient", "query")
OTHERS = frozenset({"other", "no case", "no note"})
NAMED, TRAILED = 700, 200
_DOT, _REACH = 3.5, 14.0
_MARGIN = 30.0
_CLICK_PX = 4.0
_ZOOM = 1.25


@dataclass
class MapData:
    """What is on the map.

    Attributes:
        symbols: (V,) names.
        places: (V, 2).
        colours: (V,) of the dots.
        ringed: (V,) whether a dot is hollow (sharps among notes).
        weight: (V,) whose name goes first where there is no room for all.
        trail: Places (V, 2) at earlier steps, oldest first.
        axes: Names of the two axes, ("", "") for none.
        legend: (name, colour) of the groups.
    """

    symbols: tuple[str, ...] = ()
    places: Places = field(default_factory=lambda: np.zeros((0, 2)))
    colours: tuple[QColor, ...] = ()
    ringed: tuple[bool, ...] = ()
    weight: Places = field(default_factory=lambda: np.zeros(0))
    trail: tuple[Places, ...] = ()
    axes: tuple[str, str] = ("", "")
    legend: tuple[tuple[str, QColor], ...] = ()


def symbol_name(symbol: str) -> str:
    """Return a symbol as it is written on the map: a space can be seen."""
    return "␣" if symbol == " " else shown_text(symbol)


def joined(words: Sequence[str]) -> str:
    """Return tokens as a text: characters side by side, words with spaces between them."""
    between = " " if any(len(word) > 1 for word in words) else ""
    return between.join(map(symbol_name, words))


class EmbeddingMap(QWidget):
    """Dots with names; the wheel zooms, a drag pans, a double click shows all.

    Signals:
        hovered(int): symbol under the pointer, -1 when it leaves.
        picked(int): symbol that was clicked or reached with the arrow keys, -1 beside all.
    """

    hovered = Signal(int)
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = MapData()
        self.chosen = self.hover = -1
        self.near: tuple[tuple[int, float], ...] = ()
        self._hits: frozenset[int] | None = None
        self._middle, self._half = np.zeros(2), 1.0
        self._zoom, self._pan = 1.0, np.zeros(2)
        self._pressed: QPointF | None = None
        self._pan_before = np.zeros(2)
        self._moved = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Map of symbols")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    def set_data(self, data: MapData) -> None:
        """Show other symbols or places; the view stays unless the symbols are others."""
        if data.symbols != self.data.symbols:
            self._half = 0.0
            self.show_all()
        self.data = data
        self._fit()
        self.update()

    def set_chosen(self, symbol: int, near: Sequence[tuple[int, float]] = ()) -> None:
        """Mark a symbol, -1 for none, with lines to its neighbours (symbol, cosine)."""
        self.chosen, self.near = symbol, tuple(near)
        self.update()

    def set_hits(self, hits: frozenset[int] | None) -> None:
        """Let only some symbols stand out; None for all."""
        self._hits = hits
        self.update()

    def show_all(self) -> None:
        """Go back to where every symbol is in view."""
        self._zoom, self._pan = 1.0, np.zeros(2)
        self.update()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    @Slot()
    def restyle(self) -> None:
        """Take colours and fonts of the theme in force."""
        self.update()

    # Where things are

    def _fit(self) -> None:
        """Make room for all places; it grows and shrinks in steps, so that it seldom changes."""
        all_places = np.concatenate([self.data.places, *self.data.trail])
        if not len(all_places):
            return
        low, high = all_places.min(0), all_places.max(0)
        need = max(float((high - low).max()) / 2.0, 1e-9)
        away = float(np.abs((low + high) / 2.0 - self._middle).max())
        if not 0.75 * self._half < need + away <= self._half:
            self._middle = (low + high) / 2.0
            self._half = need * 1.08

    def _scale(self) -> float:
        room = min(self.width(), self.height()) / 2.0 - _MARGIN
        return max(room, 20.0) / max(self._half, 1e-12) * self._zoom

    def pixels(self, places: Places) -> Places:
        """Return where places (N, 2) lie in this widget."""
        middle = np.array([self.width(), self.height()]) / 2.0
        around = (places - self._middle) * self._scale() * [1.0, -1.0]
        result: Places = middle + around + self._pan
        return result

    def symbol_at(self, place: QPointF) -> int:
        """Return the symbol nearest to a pixel, -1 where none is within reach."""
        if not len(self.data.places):
            return -1
        away = self.pixels(self.data.places) - [place.x(), place.y()]
        distance = np.hypot(away[:, 0], away[:, 1])
        best = int(distance.argmin())
        return best if distance[best] <= _REACH else -1

    # Pointer and keys

    @override
    def wheelEvent(self, event: QWheelEvent, /) -> None:
        self._zoom_at(event.position(), _ZOOM ** (event.angleDelta().y() / 120.0))
        event.accept()

    def _zoom_at(self, place: QPointF, factor: float) -> None:
        zoom = min(200.0, max(0.5, self._zoom * factor))
        factor, self._zoom = zoom / self._zoom, zoom
        from_middle = np.array([place.x() - self.width() / 2, place.y() - self.height() / 2])
        self._pan = from_middle - (from_middle - self._pan) * factor
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._pan_before, self._moved = event.position(), self._pan, False

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        if self._pressed is not None:
            away = event.position() - self._pressed
            self._moved = self._moved or away.manhattanLength() > _CLICK_PX
            if self._moved:
                self._pan = self._pan_before + np.array([away.x(), away.y()])
                self.update()
            return
        self._set_hover(self.symbol_at(event.position()))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if self._pressed is not None and not self._moved:
            self.picked.emit(self.symbol_at(event.position()))
        self._pressed = None

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent, /) -> None:
        self.show_all()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._set_hover(-1)

    def _set_hover(self, symbol: int) -> None:
        if symbol != self.hover:
            self.hover = symbol
            self.hovered.emit(symbol)
            self.update()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        ways = {
            Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
        }  # fmt: skip
        middle = QPointF(self.width() / 2, self.height() / 2)
        way = ways.get(Qt.Key(event.key()))
        if way is not None:
            self._go(np.array(way, float))
        elif event.text() in {"+", "-"}:
            self._zoom_at(middle, _ZOOM if event.text() == "+" else 1 / _ZOOM)
        elif event.text() == "0":
            self.show_all()
        else:
            super().keyPressEvent(event)

    def _go(self, way: Places) -> None:
        """Choose the nearest symbol in a direction."""
        if not len(self.data.places):
            return
        if self.chosen < 0:
            self.picked.emit(0)
            return
        away = self.pixels(self.data.places)
        away = away - away[self.chosen]
        ahead, beside = away @ way, np.abs(away @ way[::-1])
        cost = np.where(ahead > 0, ahead + 2.0 * beside, np.inf)
        if np.isfinite(cost.min()):
            self.picked.emit(int(cost.argmin()))

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            if not self.data.symbols:
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            at = self.pixels(self.data.places)
            names = NamePlaces(self.width(), self.height())
            self._paint_axes(painter, names)
            self._paint_trail(painter, at)
            self._paint_near(painter, at)
            self._paint_dots(painter, at)
            self._paint_legend(painter, names)
            self._paint_names(painter, at, names)

    def _paint_axes(self, painter: QPainter, names: NamePlaces) -> None:
        if not any(self.data.axes):
            return
        origin = self.pixels(np.zeros((1, 2)))[0]
        painter.setPen(pen(theme().color("gridMajor"), 1.0))
        painter.drawLine(QPointF(0, origin[1]), QPointF(self.width(), origin[1]))
        painter.drawLine(QPointF(origin[0], 0), QPointF(origin[0], self.height()))
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        line = theme().line_height("axis")
        metrics = QFontMetricsF(theme().font("axis"))
        first, second = self.data.axes
        width = metrics.horizontalAdvance(first) + 2
        y = min(max(origin[1] + 3, 0), self.height() - line - 2)
        x = min(max(origin[0] + 6, 6), self.width() - 200)
        places = (
            (first, QRectF(self.width() - 12 - width, y, width, line)),
            (second, QRectF(x, 6, metrics.horizontalAdvance(second) + 2, line)),
        )
        for text, room in places:
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft, text)
            names.block(room)

    def _paint_trail(self, painter: QPainter, at: Places) -> None:
        if not self.data.trail:
            return
        stops = [*(self.pixels(places) for places in self.data.trail), at]
        some = {self.chosen, self.hover, *(symbol for symbol, _ in self.near)} - {-1}
        shown = range(len(at)) if len(at) <= TRAILED else sorted(some)
        for symbol in shown:
            for number in range(len(stops) - 1):
                strength = (number + 1) / len(stops) * (0.9 if symbol in some else 0.4)
                painter.setPen(pen(faded(self.data.colours[symbol], strength), 1.25))
                start, end = stops[number][symbol], stops[number + 1][symbol]
                painter.drawLine(QPointF(*start), QPointF(*end))

    def _paint_near(self, painter: QPainter, at: Places) -> None:
        for symbol, cosine in self.near:
            if self.chosen >= 0:
                strength = min(1.0, max(0.15, cosine))
                painter.setPen(pen(faded(theme().color("accent"), strength), 1.0 + strength))
                painter.drawLine(QPointF(*at[self.chosen]), QPointF(*at[symbol]))

    def _lit(self, symbol: int) -> bool:
        return self._hits is None or symbol in self._hits

    def _paint_dots(self, painter: QPainter, at: Places) -> None:
        well = theme().color("surface0")
        inside = (at > -10).all(1) & (at < [self.width() + 10, self.height() + 10]).all(1)
        for symbol in map(int, np.flatnonzero(inside)):
            colour = self.data.colours[symbol]
            if not self._lit(symbol):
                colour = mix(colour, well, 0.25)
            hollow = bool(self.data.ringed) and self.data.ringed[symbol]
            painter.setPen(pen(colour, 1.5) if hollow else Qt.PenStyle.NoPen)
            painter.setBrush(well if hollow else colour)
            painter.drawEllipse(QPointF(*at[symbol]), _DOT, _DOT)
        for symbol, token in ((self.hover, "textMid"), (self.chosen, "cursor")):
            if 0 <= symbol < len(at):
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(pen(theme().color(token), theme().stroke("cursor")))
                painter.drawEllipse(QPointF(*at[symbol]), _DOT + 3.5, _DOT + 3.5)

    def _order(self) -> list[int]:
        """Return the symbols by how much their names are wanted."""
        first = [self.chosen, self.hover, *(symbol for symbol, _ in self.near)]
        if self._hits is not None:
            first += sorted(self._hits)
        rest = np.argsort(-self.data.weight, kind="stable")
        return [s for s in dict.fromkeys([*first, *(int(i) for i in rest)]) if s >= 0]

    def _paint_names(self, painter: QPainter, at: Places, names: NamePlaces) -> None:
        painter.setFont(theme().font("mono"))
        metrics = QFontMetricsF(theme().font("mono"))
        well = theme().color("surface0")
        for place in at[np.argsort(-self.data.weight, kind="stable")[:NAMED]]:
            names.block(QRectF(place[0] - _DOT, place[1] - _DOT, 2 * _DOT, 2 * _DOT))
        forced = {self.chosen, self.hover}
        for symbol in self._order()[:NAMED]:
            if symbol >= len(at):
                continue
            text = symbol_name(self.data.symbols[symbol])
            size = QSize(round(metrics.horizontalAdvance(text)) + 2, round(metrics.height()) - 2)
            found = names.find(QPointF(*at[symbol]), size, _DOT + 2.0, force=symbol in forced)
            if found is None:
                continue
            tone = theme().color("textHi")
            painter.setPen(tone if self._lit(symbol) else mix(tone, well, 0.3))
            painter.drawText(found, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_legend(self, painter: QPainter, names: NamePlaces) -> None:
        painter.setFont(theme().font("axis"))
        metrics = QFontMetricsF(theme().font("axis"))
        line = theme().line_height("axis") + 2
        y = self.height() - 8.0 - line * len(self.data.legend)
        for name, colour in self.data.legend:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(16, y + line / 2), 3.5, 3.5)
            room = QRectF(26, y, metrics.horizontalAdvance(name) + 2, line)
            painter.setPen(theme().color("textMid"))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
            names.block(room.adjusted(-16, 0, 0, 0))
            y += line


def group_colour(name: str, number: int) -> QColor:
    """Return the colour of a group of symbols."""
    if name in OTHERS:
        return theme().color("textLow")
    return theme().role(GROUP_ROLES[number % len(GROUP_ROLES)])
