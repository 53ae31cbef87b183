"""Painting of an unrolled graph: nodes in the lectures' colours, forward and gradient arrows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPolygonF

from seqstudio.studio.panels.chain import Arrow, Chain
from seqstudio.studio.panels.chain_places import HANDLE, Places, loss_radius
from seqstudio.studio.theme import faded, mix, pen, theme
from seqstudio.studio.widgets import format_number
from seqstudio.studio.widgets.token_lines import shown_text

INSET, _SWATCH = 16.0, 9.0
# Forward arrows run above the middle of a box, gradient arrows below it.
_ABOVE, _BELOW = -6.0, 7.0
_GHOSTLY, _UNLIT = 0.45, 0.28
_FILL, _LIT_FILL = 0.23, 0.5
_FLOW = 0.82
_LETTERS = {"state": "h", "attention": "z", "none": "f"}


@dataclass(frozen=True)
class Look:
    """What is pointed at, and what moves.

    Attributes:
        cursor: Column of the shared cursor, None where there is none.
        row: Layer whose copies light up together.
        pulse: Steps that a pulse has gone: forward through the columns in view, then back.
        wall: Where the wall is dragged to, in pixels.
        over_handle: The pointer is on the handle.
        names: Names of the layers, the one next to the input first.
        caption: Words at the wall.
        note: Words at the lower right.
    """

    cursor: int | None = None
    row: int | None = None
    pulse: float | None = None
    wall: float | None = None
    over_handle: bool = False
    names: tuple[str, ...] = ()
    caption: str = ""
    note: str = ""


def names_width(names: tuple[str, ...]) -> float:
    """Return the room that the names of the rows take at the left."""
    metrics = QFontMetricsF(theme().font("small"))
    widest = max(metrics.horizontalAdvance(name) for name in ("output", *names))
    return INSET + _SWATCH + 8 + widest + 14


class ChainPainter:
    """Paints one chain once.

    Args:
        painter: Open, antialiasing.
        chain: What is shown.
        places: Where.
        look: What stands out.
    """

    def __init__(self, painter: QPainter, chain: Chain, places: Places, look: Look) -> None:
        self._painter = painter
        self._chain = chain
        self._places = places
        self._look = look

    def paint(self, well: QRectF) -> None:
        """Paint everything but the read-out."""
        self._painter.fillRect(well, theme().color("surface0"))
        self._paint_names()
        if not self._chain.steps:
            return
        self._paint_words(well)
        self._painter.save()
        self._painter.setClipRect(self._places.area.adjusted(-5, -4, 10, 4))
        self._paint_lines()
        for column in range(self._places.first, self._places.last + 1):
            with self._faded(column):
                self._paint_column(column)
        self._paint_pulse()
        self._painter.restore()
        self._paint_cursor()
        self._paint_wall()

    # How far a pulse has come

    @property
    def _front(self) -> float:
        """The column that the pulse has reached: forward, then back."""
        places, pulse = self._places, self._look.pulse or 0.0
        if pulse <= places.count:
            return places.first - 0.5 + pulse
        return places.last + 0.5 - (pulse - places.count)

    @property
    def _goes_back(self) -> bool:
        return self._look.pulse is not None and self._look.pulse > self._places.count

    def _lit(self, column: float) -> bool:
        return self._look.pulse is None or self._goes_back or column <= self._front

    def _flows_back(self, column: int) -> bool:
        """Return whether the gradient that reaches a column is shown yet."""
        if self._look.pulse is None:
            return True
        return self._goes_back and column + 0.5 >= self._front

    @contextmanager
    def _faded(self, column: float) -> Iterator[None]:
        """Paint paler: a column of the window before, or one that the pulse has not reached."""
        before = self._painter.opacity()
        pale = _GHOSTLY if column < 0 else 1.0
        self._painter.setOpacity(before * (pale if self._lit(column) else _UNLIT))
        yield
        self._painter.setOpacity(before)

    # Names and words

    def _paint_names(self) -> None:
        places = self._places
        rows = [("loss", "loss", places.loss), ("output", "output", places.output)]
        rows += [(self._look.names[i], "cell", y) for i, y in enumerate(places.cells)]
        self._painter.setFont(theme().font("small"))
        for name, role, y in [*rows, ("input", "input", places.input)]:
            swatch = QRectF(INSET, y - _SWATCH / 2, _SWATCH, _SWATCH)
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(theme().role(role))
            self._painter.drawRoundedRect(swatch, 2, 2)
            self._painter.setPen(theme().color("textMid"))
            room = QRectF(swatch.right() + 8, y - 12, places.area.left(), 24)
            self._painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)

    def _paint_words(self, well: QRectF) -> None:
        """Write what the wall does beside it, and the note at the right."""
        painter, look, area = self._painter, self._look, self._places.area
        painter.setFont(theme().font("axis"))
        metrics = QFontMetricsF(painter.font())
        base = area.bottom() + metrics.ascent() + 1
        used = INSET
        if look.caption and self._places.sees(self._places.wall):
            width = metrics.horizontalAdvance(look.caption)
            left = self._caption_left(width)
            painter.setPen(theme().color("textMid"))
            painter.drawText(QPointF(left, base), look.caption)
            used = left + width + 24
        room = well.right() - INSET - used
        note = metrics.elidedText(look.note, Qt.TextElideMode.ElideRight, max(0.0, room))
        painter.setPen(theme().color("textMid"))
        painter.drawText(
            QPointF(well.right() - INSET - metrics.horizontalAdvance(note), base), note
        )

    def _caption_left(self, width: float) -> float:
        """Return where words of a width begin: left of the wall if they fit, else right of it."""
        wall, area = self._places.wall, self._places.area
        if self._look.wall is not None:
            return max(INSET, min(self._look.wall + 8, area.right() - width))
        before = wall - 8 - width
        return before if self._chain.carried and before >= INSET else max(INSET, wall + 8)

    # Lines

    def _paint_lines(self) -> None:
        places, chain = self._places, self._chain
        self._paint_attention()
        for column in range(places.first, places.last + 1):
            with self._faded(column):
                self._paint_upward(column)
        if chain.pooled and not chain.every:
            self._paint_pool()
        if chain.link == "state":
            for column in range(places.first - 1, places.last + 1):
                for row in range(len(chain.rows)):
                    self._paint_step(column, row)

    def _paint_upward(self, column: int) -> None:
        """Paint what goes up in a column: input, layers, output, loss."""
        places, chain = self._places, self._chain
        stops = [places.input - places.radius]
        for row in range(len(chain.rows)):
            box = places.cell(column, row)
            stops += [box.bottom(), box.top()]
        has_output = chain.has_output(column)
        if has_output:
            stops += [places.output + places.radius, places.output - places.radius]
        elif chain.pooled:
            stops.append(places.output)
        if has_output and column >= 0:
            stops.append(places.loss + self._loss_radius(column))
        spans = list(zip(stops[::2], stops[1::2], strict=False))
        for index, (low, high) in enumerate(spans):
            if index or chain.attention is None:
                headless = chain.pooled and not has_output and index == len(chain.rows)
                self._paint_flow(QPointF(places.x(column), low), QPointF(places.x(column), high),
                                 head=0.0 if headless else 4.5)  # fmt: skip

    def _paint_pool(self) -> None:
        """Paint the mean over all columns: their states join on the way to the only output."""
        places, y = self._places, self._places.output
        end = places.x(self._chain.steps - 1) - places.radius
        start = places.x(max(0, places.first - 1))
        self._paint_flow(QPointF(start, y), QPointF(end, y), head=4.5)

    def _paint_step(self, column: int, row: int) -> None:
        """Paint the state to the next column, and the gradient that comes back from there."""
        places, chain = self._places, self._chain
        following = column + 1
        if following >= chain.steps or column < chain.start - chain.carried:
            return
        start, end = places.cell(column, row).right(), places.cell(following, row).left()
        y = places.cells[row]
        with self._faded(following if column >= -1 else column):
            above = y + _ABOVE * places.scale
            self._paint_flow(QPointF(start + 1, above), QPointF(end - 1, above), head=5.5)
        if column < -1 or not self._flows_back(column):
            return
        below = y + _BELOW * places.scale
        if column < 0:
            self._paint_stub(QPointF(end, below), row)
            return
        arrow = chain.arrow(row, column)
        if arrow is not None:
            paint_gradient(
                self._painter, QPointF(end - 1, below), QPointF(start + 1, below), arrow
            )

    def _paint_flow(self, start: QPointF, end: QPointF, head: float) -> None:
        """Paint a forward line with an open head."""
        painter = self._painter
        painter.setPen(pen(faded(theme().role("forward"), _FLOW), 1.25))
        painter.drawLine(start, end)
        if head:
            self._paint_head(start, end, head)

    def _paint_stub(self, start: QPointF, row: int) -> None:
        """Paint the gradient that is cut off at the wall: dots that end behind it."""
        if not self._chain.carried or arrow_missing(self._chain, row):
            return
        end = QPointF(self._places.wall - 10 * self._places.scale, start.y())
        self._painter.setPen(pen(theme().role("gradient"), 1.5, theme().dash("truncated")))
        self._painter.drawLine(start, end)

    def _paint_attention(self) -> None:
        """Paint lines from the positions that each column looks at most."""
        chosen = self._look.cursor
        for column in range(self._places.first, self._places.last + 1):
            if column != chosen:
                self._paint_looks(column, 0.05, 0.45)
        if chosen is not None and self._chain.link == "attention":
            self._paint_looks(chosen, 0.25, 1.0)

    def _paint_looks(self, column: int, least: float, most: float) -> None:
        """Paint the lines of a column, from `least` opacity for 0 to `most` for a weight of 1."""
        places = self._places
        end = QPointF(places.x(column), places.cell(column, 0).bottom())
        for key, weight in reversed(self._chain.strongest(column)):
            colour = faded(theme().role("forward"), least + (most - least) * weight)
            start = QPointF(places.x(key), places.input - places.radius)
            self._painter.setPen(pen(colour, 1.25 + 1.75 * weight))
            self._painter.drawLine(start, end)
            self._paint_head(start, end, 5.0)

    def _paint_head(self, start: QPointF, end: QPointF, size: float) -> None:
        """Paint an open arrow head at the end of a slanted line, in the pen that is set."""
        turn = math.atan2(end.y() - start.y(), end.x() - start.x())
        sides = [
            QPointF(end.x() - size * math.cos(turn + off), end.y() - size * math.sin(turn + off))
            for off in (-0.6, 0.6)
        ]
        self._painter.drawPolyline(QPolygonF([sides[0], end, sides[1]]))

    # Nodes

    def _paint_column(self, column: int) -> None:
        places, chain = self._places, self._chain
        x = places.x(column)
        ghost = column < 0
        self._paint_circle(QPointF(x, places.input), "input",
                           "" if ghost else chain.tokens[column], "x", column)  # fmt: skip
        for row in range(len(chain.rows)):
            self._paint_cell(column, row)
        if ghost and chain.every:
            self._paint_circle(QPointF(x, places.output), "output", "", "", column)
        elif not ghost and chain.has_output(column):
            symbol = chain.targets[column]
            self._paint_circle(QPointF(x, places.output), "output", symbol, "y", column)
            self._paint_loss(column)

    def _paint_circle(
        self, middle: QPointF, role: str, symbol: str, letter: str, column: int
    ) -> None:
        """Paint a symbol in its circle, or a letter with its time where there is none."""
        painter, radius = self._painter, self._places.radius
        painter.setFont(theme().font("mono"))
        shown = "␣" if symbol == " " else shown_text(symbol)
        half = self._half_width(shown)
        box = QRectF(middle.x() - half, middle.y() - radius, 2 * half, 2 * radius)
        painter.setPen(pen(theme().role(role), 1.5))
        painter.setBrush(mix(theme().role(role), theme().color("surface0"), _FILL))
        painter.drawRoundedRect(box, radius, radius)
        painter.setPen(theme().color("textHi"))
        if symbol:
            room = int(2 * half) - 6
            elided = painter.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, room)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, elided)
        elif column >= 0:
            self._paint_letter(box, letter, "")

    def _half_width(self, shown: str) -> float:
        """Return half the width of a symbol's circle, which a word stretches."""
        radius, most = self._places.radius, self._places.pitch / 2 - 6
        wide = self._painter.fontMetrics().horizontalAdvance(shown) / 2 + 8
        return max(radius, min(wide, most)) if len(shown) > 1 else radius

    def _paint_cell(self, column: int, row: int) -> None:
        painter, box = self._painter, self._places.cell(column, row)
        role, well = theme().role("cell"), theme().color("surface0")
        lit = row == self._look.row
        painter.setPen(pen(role, 2.25 if lit else 1.5))
        painter.setBrush(mix(role, well, _LIT_FILL if lit else _FILL))
        painter.drawRoundedRect(box, theme().radius("button"), theme().radius("button"))
        painter.setPen(theme().color("textHi"))
        index = str(column + 1).replace("-", "−")
        self._paint_letter(box, _LETTERS[self._chain.link], index)

    def _paint_letter(self, box: QRectF, letter: str, index: str) -> None:
        """Paint a letter with a subscript in the middle of a box."""
        painter = self._painter
        large, small = theme().font("mono"), _subscript()
        wide = QFontMetricsF(large).horizontalAdvance(letter)
        both = wide + (1 + QFontMetricsF(small).horizontalAdvance(index) if index else 0)
        left = box.center().x() - both / 2
        base = box.center().y() + QFontMetricsF(large).capHeight() / 2
        painter.setFont(large)
        painter.drawText(QPointF(left, base), letter)
        painter.setFont(small)
        painter.drawText(QPointF(left + wide + 1, base + 4), index)

    def _loss_radius(self, column: int) -> float:
        loss = self._chain.loss
        return loss_radius(float(loss[column]) if loss is not None else 0.0)

    def _paint_loss(self, column: int) -> None:
        """Paint the disc of a loss with its number; an empty ring where it was not measured."""
        painter, loss = self._painter, self._chain.loss
        middle = QPointF(self._places.x(column), self._places.loss)
        role = theme().role("loss")
        if loss is None:
            painter.setPen(pen(role, 1.5))
            painter.setBrush(theme().color("surface0"))
            painter.drawEllipse(middle, 4.0, 4.0)
            return
        value, radius = float(loss[column]), self._loss_radius(column)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(role)
        painter.drawEllipse(middle, radius, radius)
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textHi" if math.isfinite(value) else "error"))
        room = QRectF(middle.x() + radius + 3, middle.y() - 12, self._places.pitch, 24)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, format_number(value, ".1f"))

    # Marks

    def _paint_wall(self) -> None:
        """Paint the bracket where the gradient stops, with its handle."""
        places, chain = self._places, self._chain
        if chain.link != "state":
            return
        if self._look.wall is not None:
            self._paint_bracket(self._look.wall, theme().dash("validation"))
            self._paint_handle(self._look.wall)
        elif places.sees(places.wall):
            self._paint_bracket(places.wall, ())
            if chain.adjustable:
                self._paint_handle(places.wall)

    def _paint_bracket(self, x: float, dash: tuple[float, ...]) -> None:
        own = self._chain.adjustable
        colour = theme().role("gradient") if own else theme().color("border")
        ends = self._places.column(0).adjusted(0, -3, 0, 3)
        self._painter.setPen(pen(colour, 2.0 if own else 1.25, dash))
        paint_bracket(self._painter, x, ends.top(), ends.bottom())

    def _paint_handle(self, x: float) -> None:
        handle = QRectF(self._places.handle())
        handle.moveCenter(QPointF(x, handle.center().y()))
        raised = self._look.over_handle or self._look.wall is not None
        ring = theme().color("textHi") if raised else theme().color("surface0")
        self._painter.setPen(pen(ring, 1.5))
        self._painter.setBrush(theme().role("gradient"))
        self._painter.drawRoundedRect(handle, HANDLE[0] / 2, HANDLE[0] / 2)

    def _paint_cursor(self) -> None:
        column, places = self._look.cursor, self._places
        if column is None or not places.first <= column <= places.last:
            return
        self._painter.setPen(pen(theme().color("cursor"), 1.25))
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.drawRoundedRect(places.column(column), 6, 6)

    def _paint_pulse(self) -> None:
        """Paint the pulse on its way: as large, on its way back, as the gradient that is there."""
        if self._look.pulse is None:
            return
        back = self._goes_back
        x = self._places.x(self._front)
        for row, y in enumerate(self._places.cells):
            radius = self._pulse_radius(row) if back else 4.0
            shift = (_BELOW if back else _ABOVE) * self._places.scale
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(self._pulse_colour())
            self._painter.drawEllipse(QPointF(x, y + shift), radius, radius)

    def _pulse_colour(self) -> QColor:
        return theme().role("gradient" if self._goes_back else "forward")

    def _pulse_radius(self, row: int) -> float:
        column = min(self._chain.steps - 1, max(0, math.floor(self._front + 0.5)))
        arrow = self._chain.arrow(row, column)
        return 0.0 if arrow is None else 1.5 if arrow.dashed else 2.0 + arrow.width / 2


def arrow_missing(chain: Chain, row: int) -> bool:
    """Return whether nothing is cut off at the wall, or nothing was measured there."""
    return chain.arrow(row, -1) is None


def _subscript() -> QFont:
    return theme().font("monoSmall")


def paint_gradient(painter: QPainter, start: QPointF, end: QPointF, arrow: Arrow) -> None:
    """Paint a gradient arrow from right to left; its head grows with it."""
    colour = theme().role("gradient")
    length, half = 4.0 + 0.75 * arrow.width, 2.0 + 0.55 * arrow.width
    dash = theme().dash("truncated") if arrow.dashed else ()
    painter.setPen(pen(colour, arrow.width, dash))
    painter.drawLine(start, QPointF(end.x() + length - 1, end.y()))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    base = end.x() + length
    painter.drawPolygon(
        QPolygonF([end, QPointF(base, end.y() - half), QPointF(base, end.y() + half)])
    )


def paint_bracket(painter: QPainter, x: float, top: float, bottom: float) -> None:
    """Paint the bracket where the gradient stops, open to the right, in the pen that is set."""
    corner = 6.0
    painter.drawPolyline(
        QPolygonF(
            [
                QPointF(x + corner, top),
                QPointF(x, top),
                QPointF(x, bottom),
                QPointF(x + corner, bottom),
            ]
        )
    )


# ------------------------------------------------------------------------------------- legend


def legend_width(words: tuple[tuple[str, str], ...]) -> float:
    """Return the room of a legend: (role, words) of each line."""
    metrics = QFontMetricsF(theme().font("small"))
    return sum(18 + 8 + metrics.horizontalAdvance(text) + 16 for _, text in words)


def paint_legend(painter: QPainter, room: QRectF, words: tuple[tuple[str, str], ...]) -> None:
    """Paint what the lines mean, from the left of a room, as far as whole words fit."""
    painter.setFont(theme().font("small"))
    metrics = QFontMetricsF(painter.font())
    x, middle = room.left(), room.center().y()
    for role, text in words:
        width = metrics.horizontalAdvance(text)
        if x + 26 + width > room.right() + 1:
            return
        painter.setPen(pen(theme().role(role), 3.0 if role == "gradient" else 1.5))
        painter.drawLine(QPointF(x, middle), QPointF(x + 18, middle))
        painter.setPen(theme().color("textMid"))
        box = QRectF(x + 26, room.top(), width + 2, room.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
        x += 26 + width + 16
