"""`ParallelPlot`: one axis a setting, one line a trial, coloured by its loss.

Drag along an axis to keep only the lines that cross it there, click the axis to let all through
again. Point at a line to follow it, click it to open its run. Keys: left and right choose an axis,
up and down a line, Shift with up and down narrows the axis, Delete frees it, Escape frees all,
Enter opens the line's run.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.studio.panels.sweep_axes import Rail, Strand, Weave
from seqstudio.studio.plots.gestures import KEYBOARD_REASONS
from seqstudio.studio.theme import faded, follow_theme, mix, painting, pen, theme

Span = tuple[float, float]
NEAR_AXIS, NEAR_LINE, CLICK, EDGE = 14.0, 9.0, 4.0, 7.0  # pixels
NARROWING = 0.1
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_FREE = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


class ParallelPlot(QWidget):
    """Parallel coordinates of a sweep.

    Signals:
        opened(int): number of the trial whose line was clicked.
        pointed(object): number of the trial under the pointer, None beside all lines.
        filtered(object): frozenset of the numbers of the trials that pass all brushes.
    """

    opened = Signal(int)
    pointed = Signal(object)
    filtered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weave = Weave()
        self._brushes: dict[int, Span] = {}
        self._hover: int | None = None
        self._chosen: int | None = None
        self._axis = -1
        self._press: QPointF | None = None
        self._grip: tuple[int, float] | None = None  # axis, and the share that stays in place
        self._ring = False
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Parallel coordinates of the trials")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self)

    # What panels use

    def set_weave(self, weave: Weave) -> None:
        """Show other axes and lines; brushes stay while the axes are the same."""
        if [r.title for r in weave.rails] != [r.title for r in self._weave.rails]:
            self._brushes, self._axis, self._hover = {}, -1, None
        self._weave = weave
        self._tell_filter()
        self.update()

    def set_chosen(self, number: int | None) -> None:
        """Stress the line of a trial without a signal."""
        self._chosen = number
        self.update()

    def brushes(self) -> dict[int, Span]:
        """Return the part of each brushed axis that lets lines through, by place of the axis."""
        return dict(self._brushes)

    def passing(self) -> frozenset[int]:
        """Return the numbers of the trials that pass all brushes."""
        return frozenset(each.number for each in self._weave.strands if self._passes(each))

    def clear_brushes(self) -> None:
        """Let all lines through again."""
        self._set_brushes({})

    @override
    def sizeHint(self) -> QSize:
        return QSize(560, 260)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    # Places

    def axis_x(self, place: int) -> float:
        """Return where an axis stands, in pixels."""
        count = len(self._weave.rails)
        left, right = 64.0 * self._scale, self.width() - 52.0 * self._scale
        return left if count < 2 else left + place * (right - left) / (count - 1)

    def share_y(self, share: float) -> float:
        """Return the height of a share of the axes, in pixels."""
        top, bottom = self._ends
        return bottom - share * (bottom - top)

    @property
    def _scale(self) -> float:
        return max(1.0, theme().scale)

    @property
    def _ends(self) -> tuple[float, float]:
        return 38.0 * self._scale, max(60.0, self.height() - 18.0 * self._scale)

    def _share_at(self, y: float) -> float:
        top, bottom = self._ends
        return min(1.0, max(0.0, (bottom - y) / (bottom - top)))

    def _axis_at(self, place: QPointF) -> int | None:
        count = len(self._weave.rails)
        near = min(range(count), key=lambda i: abs(self.axis_x(i) - place.x()), default=None)
        if near is None or abs(self.axis_x(near) - place.x()) > NEAR_AXIS:
            return None
        return near

    def strand_at(self, place: QPointF) -> int | None:
        """Return the number of the trial whose line is nearest to a pixel, None beside all."""
        passing = [strand for strand in self._weave.strands if self._passes(strand)]
        found = [(self._distance(strand, place), strand.number) for strand in passing]
        near = min(found, default=None)
        return near[1] if near is not None and near[0] <= NEAR_LINE else None

    def _distance(self, strand: Strand, place: QPointF) -> float:
        points = self._points(strand)
        pairs = itertools.pairwise(points)
        return min((_from_segment(place, a, b) for a, b in pairs), default=np.inf)

    def _points(self, strand: Strand) -> list[QPointF]:
        places = enumerate(strand.places)
        return [QPointF(self.axis_x(i), self.share_y(share)) for i, share in places]

    def _passes(self, strand: Strand) -> bool:
        room = 1e-6
        return all(
            low - room <= strand.places[axis] <= high + room
            for axis, (low, high) in self._brushes.items()
        )

    # Brushing and pointing

    def _set_brushes(self, brushes: dict[int, Span]) -> None:
        self._brushes = brushes
        self._tell_filter()
        self.update()

    def _tell_filter(self) -> None:
        self.filtered.emit(self.passing())

    def _point_at(self, number: int | None) -> None:
        if number != self._hover:
            self._hover = number
            self.pointed.emit(number)
            self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._press = event.position()
        axis = self._axis_at(event.position())
        self._grip = None if axis is None else (axis, self._anchor(axis, event.position().y()))

    def _anchor(self, axis: int, y: float) -> float:
        """Return the end of a brush that stays: the other one, where an end is gripped."""
        low, high = self._brushes.get(axis, (-1.0, -1.0))
        if axis in self._brushes and abs(self.share_y(low) - y) <= EDGE:
            return high
        if axis in self._brushes and abs(self.share_y(high) - y) <= EDGE:
            return low
        return self._share_at(y)

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        place = event.position()
        if self._press is None:
            self._follow(place)
        elif self._grip is not None and self._dragged(place):
            axis, anchor = self._grip
            share = self._share_at(place.y())
            span = (min(anchor, share), max(anchor, share))
            self._set_brushes({**self._brushes, axis: span})

    def _follow(self, place: QPointF) -> None:
        axis = self._axis_at(place)
        self._point_at(self.strand_at(place))
        shapes = Qt.CursorShape
        line = shapes.PointingHandCursor if self._hover is not None else shapes.ArrowCursor
        self.setCursor(line if axis is None else shapes.SizeVerCursor)

    def _dragged(self, place: QPointF) -> bool:
        return self._press is not None and (place - self._press).manhattanLength() > CLICK

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            return
        dragged, grip = self._dragged(event.position()), self._grip
        number = self.strand_at(event.position())
        self._press = self._grip = None
        if dragged:
            return
        if grip is not None and grip[0] in self._brushes:
            self._free(grip[0])
        elif number is not None:
            self.opened.emit(number)

    def _free(self, axis: int) -> None:
        self._set_brushes({key: span for key, span in self._brushes.items() if key != axis})

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._point_at(None)

    # Keys

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._step_axis(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            up = key == Qt.Key.Key_Up
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            (self._narrow if shift else self._step_line)(up)
        elif key in _ENTER and self._hover is not None:
            self.opened.emit(self._hover)
        elif key in _FREE and self._axis in self._brushes:
            self._free(self._axis)
        elif key == Qt.Key.Key_Escape and self._brushes:
            self.clear_brushes()
        else:
            super().keyPressEvent(event)

    def _step_axis(self, way: int) -> None:
        count = len(self._weave.rails)
        if count:
            first = -1 if way > 0 else count
            now = self._axis if self._axis >= 0 else first
            self._axis = min(count - 1, max(0, now + way))
            self.update()

    def _step_line(self, up: bool) -> None:
        """Go to the next better line (down the loss axis) or the next worse."""
        order = [strand.number for strand in self._weave.strands if self._passes(strand)]
        if not order:
            return
        here = order.index(self._hover) if self._hover in order else None
        last = len(order) - 1
        if here is None:
            self._point_at(order[last])
        else:
            self._point_at(order[max(0, here - 1) if up else min(last, here + 1)])

    def _narrow(self, up: bool) -> None:
        """Raise the lower end of the chosen axis, or lower its upper end."""
        if self._axis < 0:
            self._step_axis(1)
        if self._axis < 0:
            return
        low, high = self._brushes.get(self._axis, (0.0, 1.0))
        moved = (low + NARROWING, high) if up else (low, high - NARROWING)
        if moved[0] < moved[1] - NARROWING / 2:
            self._set_brushes({**self._brushes, self._axis: moved})

    @override
    def focusInEvent(self, event: QFocusEvent, /) -> None:
        self._ring = event.reason() in KEYBOARD_REASONS
        super().focusInEvent(event)
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent, /) -> None:
        self._ring = False
        super().focusOutEvent(event)
        self.update()

    # Painting

    @Slot()
    def restyle(self) -> None:
        """Take colours from the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_strands(painter)
            for place, rail in enumerate(self._weave.rails):
                self._paint_rail(painter, place, rail)
            self._paint_stressed(painter)
            if not self._weave.rails:
                self._paint_nothing(painter)
            if self._ring:
                painter.setPen(pen(theme().color("focus"), 2.0))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _paint_nothing(self, painter: QPainter) -> None:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textLow"))
        words = "Every trial that is done draws a line here"
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, words)

    def _paint_strands(self, painter: QPainter) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        passing = [strand for strand in self._weave.strands if self._passes(strand)]
        painter.setPen(pen(theme().color("gridMajor"), 1.0))
        for strand in self._weave.strands:
            if not self._passes(strand):
                painter.drawPolyline(QPolygonF(self._points(strand)))
        for strand in passing:
            painter.setPen(pen(loss_colour(strand.loss_share), 1.75))
            painter.drawPolyline(QPolygonF(self._points(strand)))

    def _paint_rail(self, painter: QPainter, place: int, rail: Rail) -> None:
        x, (top, bottom) = self.axis_x(place), self._ends
        painter.setPen(pen(theme().color("border"), 1.0))
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        self._paint_brush(painter, place, x)
        painter.setFont(theme().font("axis"))
        for share, words in self._spaced(rail.marks):
            self._paint_mark(painter, x, self.share_y(share), words)
        self._paint_title(painter, place, rail.title)

    def _paint_brush(self, painter: QPainter, place: int, x: float) -> None:
        if place not in self._brushes:
            return
        low, high = self._brushes[place]
        area = QRectF(x - 6, self.share_y(high), 12, self.share_y(low) - self.share_y(high))
        painter.setPen(pen(theme().color("accent"), 1.5))
        painter.setBrush(faded(theme().color("accent"), 0.28))
        painter.drawRoundedRect(area, 3, 3)

    def _spaced(self, marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
        """Leave out marks whose words would touch."""
        height = theme().line_height("axis") + 2
        kept: list[tuple[float, str]] = []
        for share, words in sorted(marks):
            if not kept or abs(self.share_y(share) - self.share_y(kept[-1][0])) >= height:
                kept.append((share, words))
        return kept

    def _paint_mark(self, painter: QPainter, x: float, y: float, words: str) -> None:
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, round(96 * self._scale))
        width, height = metrics.horizontalAdvance(shown) + 6, metrics.height()
        area = QRectF(x - 8 - width, y - height / 2, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(theme().color("surface0"), 0.8))
        painter.drawRoundedRect(area, 3, 3)
        painter.setPen(pen(theme().color("border"), 1.0))
        painter.drawLine(QPointF(x - 4, y), QPointF(x, y))
        painter.setPen(theme().color("textLow"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_title(self, painter: QPainter, place: int, title: str) -> None:
        count = len(self._weave.rails)
        room = self.width() if count < 2 else self.axis_x(1) - self.axis_x(0) - 12
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("accent" if place == self._axis else "textMid"))
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(title, Qt.TextElideMode.ElideRight, max(24, int(room)))
        width = metrics.horizontalAdvance(shown)
        left = min(self.axis_x(place) - width / 2, self.width() - width - 6.0)
        painter.drawText(QPointF(max(6.0, left), 20.0 * self._scale), shown)

    def _paint_stressed(self, painter: QPainter) -> None:
        number = self._hover if self._hover is not None else self._chosen
        strand = next((each for each in self._weave.strands if each.number == number), None)
        if strand is None:
            return
        line = QPolygonF(self._points(strand))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen(theme().color("surface0"), 6.0))
        painter.drawPolyline(line)
        painter.setPen(pen(theme().color("textHi"), 3.0))
        painter.drawPolyline(line)
        painter.setFont(theme().font("monoSmall"))
        for place, (point, words) in enumerate(
            zip(self._points(strand), strand.words, strict=True)
        ):
            self._paint_chip(painter, point, words, last=place == len(strand.words) - 1)

    def _paint_chip(self, painter: QPainter, point: QPointF, words: str, *, last: bool) -> None:
        """Write a value beside its axis, on the side where there is room."""
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(words) + 10.0, metrics.height() + 4.0
        left = point.x() - width - 6 if last else point.x() + 6
        area = QRectF(left, point.y() - height / 2, width, height)
        painter.setPen(pen(theme().color("lineStrong"), 1.0))
        painter.setBrush(theme().color("surface3"))
        painter.drawRoundedRect(area, 4, 4)
        painter.setPen(theme().color("textHi"))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)


def loss_colour(share: float) -> QColor:
    """Return the colour of a loss, 0 for the best: it stands out most from the ground.

    The perceptual map runs from dark to bright; on a light ground it is taken the other way round,
    and the end that would fade into the ground is left out.
    """
    table = theme().lookup("attention")
    held = min(1.0, max(0.0, share))
    place = 1.0 - 0.68 * held if theme().is_dark else 0.72 * held
    red, green, blue, _ = (int(part) for part in table[round(place * (len(table) - 1))])
    return mix(QColor(red, green, blue), theme().color("surface0"), 1.0 - 0.35 * held)


def _from_segment(place: QPointF, first: QPointF, last: QPointF) -> float:
    """Return the distance of a point from a segment, in pixels."""
    along = last - first
    length = QPointF.dotProduct(along, along)
    share = QPointF.dotProduct(place - first, along) / length if length else 0.0
    foot = first + along * min(1.0, max(0.0, share))
    off = place - foot
    return float(np.hypot(off.x(), off.y()))
