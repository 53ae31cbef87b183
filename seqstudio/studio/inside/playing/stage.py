"""`Stage`: the formula of one time step, every vector a small heat map under its symbol."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from seqstudio.records.readings import Floats
from seqstudio.studio.inside.playing.ink import paint_symbol, symbol_width, visible
from seqstudio.studio.inside.playing.scene import Line
from seqstudio.studio.inside.playing.tiles import Tile
from seqstudio.studio.plots.maps import coloured
from seqstudio.studio.theme import contrast, follow_theme, painting, pen, theme
from seqstudio.studio.widgets import format_number

INSET, GAP = 16, 12
SIGN = 32  # room for the sign before a tile
TITLE, WITH_TITLES = 100, 620  # room for titles, and the width from which they have it
TILE, LARGEST_TILE = 14, 40
MATRIX, LARGEST_MATRIX = 84, 220
_NARROWEST = "−0.1"
_KEY = (
    "orange above 0, blue below; gates and slopes from blue (0) to yellow (1); ‖norm‖; "
    "point at a number for its value and scale"
)


class Stage(QWidget):
    """Lines of terms.

    Signals:
        line_pointed(str): key of the line under the pointer, "" when it leaves.
        unit_picked(int): a unit that was clicked.
    """

    line_pointed = Signal(str)
    unit_picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[Line, ...] = ()
        self._tiles: list[Tile] = []
        self._tops: list[float] = []
        self._red = False
        self._unit: int | None = None
        self._pointed = ""
        self._marked = ""
        self._gates: tuple[str, ...] = ()
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Formula of the step with its vectors")
        follow_theme(self)

    def set_lines(
        self, lines: tuple[Line, ...], *, backward: bool, gates: tuple[str, ...] = ()
    ) -> None:
        """Show a step; the gates of the layer, by name, share the rows of its matrices."""
        grown = len(lines) != len(self._lines)
        self._lines, self._red, self._gates = lines, backward, gates
        self._tiles = []
        self.setAccessibleDescription("; ".join(line.title for line in lines))
        self.setMinimumHeight(self.minimumSizeHint().height())
        if grown:
            self.updateGeometry()
        self.update()

    def set_unit(self, unit: int | None) -> None:
        """Outline a unit wherever it stands."""
        self._unit = unit
        self.update()

    def set_marked(self, key: str) -> None:
        """Mark the line that the person stands on, "" for none."""
        self._marked = key
        self.update()

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown."""
        return self._lines

    def tile(self, line: str, term: int) -> Tile:
        """Return where a term of a line is painted, for its key and number."""
        number = next(n for n, each in enumerate(self._lines) if each.key == line)
        return [tile for tile in self._laid_out() if tile.line == number][term]

    # Layout

    @Slot()
    def restyle(self) -> None:
        """Take the measures of the theme in force."""
        self._tiles = []
        self.setMinimumHeight(self.minimumSizeHint().height())
        self.update()

    def _caption(self) -> float:
        return theme().line_height("small") + 3

    def _needs(self, line: Line, tile: float, matrix: float) -> float:
        if line.outcome is not None:
            return self._caption() + theme().line_height("mono") + 14
        return self._caption() + (matrix if _is_matrix(line) else tile)

    def _height(self, tile: float, matrix: float) -> float:
        lines = sum(self._needs(line, tile, matrix) + GAP for line in self._lines)
        return lines + INSET + theme().line_height("axis")

    def _sizes(self) -> tuple[float, float]:
        """Return the heights of vectors and of matrices that fill the room."""
        spare = self.height() - self._height(TILE, MATRIX)
        matrices = sum(_is_matrix(line) for line in self._lines)
        wider = min(max(spare, 0.0), (LARGEST_MATRIX - MATRIX) * matrices)
        vectors = max(1, sum(bool(line.terms) for line in self._lines) - matrices)
        tile = min(LARGEST_TILE, TILE + max(0.0, spare - wider) / vectors)
        return tile, MATRIX + wider / max(1, matrices)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(320, math.ceil(self._height(TILE, MATRIX)))

    @override
    def sizeHint(self) -> QSize:
        return QSize(720, math.ceil(self._height(LARGEST_TILE, LARGEST_MATRIX)))

    @override
    def resizeEvent(self, event: object, /) -> None:
        self._tiles = []

    def _laid_out(self) -> list[Tile]:
        if not self._tiles:
            self._lay_out()
        return self._tiles

    def _lay_out(self) -> None:
        tile, matrix = self._sizes()
        columns = max((len(line.terms) for line in self._lines), default=1)
        left = self._title_width()
        step = (self.width() - INSET - left + SIGN) / max(1, columns)
        top = float(INSET) / 2
        self._tiles, self._tops = [], []
        for number, line in enumerate(self._lines):
            self._tops.append(top)
            height = matrix if _is_matrix(line) else tile
            for place, term in enumerate(line.terms):
                column = columns - 1 if term.sign == "=" and place + 2 > len(line.terms) else place
                rect = QRectF(left + column * step, top + self._caption(), step - SIGN, height)
                self._tiles.append(Tile.of(number, term, rect, self._gates))
            top += self._needs(line, tile, matrix) + GAP

    def _title_width(self) -> float:
        """Return where the first terms begin: right of the titles, if there is room for them."""
        return INSET + (TITLE * max(1.0, theme().scale) if self.width() >= WITH_TITLES else 0.0)

    # Painting

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        tiles = self._laid_out()
        with painting(self) as painter:
            for number, line in enumerate(self._lines):
                self._paint_line(painter, number, line)
            for tile in tiles:
                self._paint_tile(painter, tile)
            self._paint_key(painter)

    def _paint_line(self, painter: QPainter, number: int, line: Line) -> None:
        top = self._tops[number]
        tile, matrix = self._sizes()
        height = self._needs(line, tile, matrix)
        if line.key in {self._pointed, self._marked} - {""}:
            band = QRectF(6, top - 3, self.width() - 12, height + 8)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("surface2"))
            painter.drawRoundedRect(band, theme().radius("card"), theme().radius("card"))
        left = self._title_width()
        if left > INSET:
            self._paint_title(painter, line, QRectF(INSET, top, left - INSET - 8, height))
        if line.outcome is not None:
            room = QRectF(left, top, self.width() - INSET - left, height)
            self._paint_outcome(painter, line, room)

    def _paint_title(self, painter: QPainter, line: Line, area: QRectF) -> None:
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        flags = Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        text = line.title
        if math.isfinite(line.share):
            text += f"\n{percent(line.share)} reached"
        place = area.adjusted(0, 0 if line.outcome else self._caption() - 2, 0, GAP)
        painter.drawText(place, flags, text)

    def _paint_key(self, painter: QPainter) -> None:
        """Say below the lines what the colours mean."""
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textLow"))
        words = painter.fontMetrics().elidedText(
            _KEY, Qt.TextElideMode.ElideRight, self.width() - 2 * INSET
        )
        painter.drawText(QPointF(self._title_width(), self.height() - 8), words)

    def _tone(self) -> str:
        return "gradient" if self._red else "forward"

    def _paint_tile(self, painter: QPainter, tile: Tile) -> None:
        self._paint_caption(painter, tile)
        painter.fillRect(tile.rect, theme().color("surface1"))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        values, hidden = tile.cells()
        levels = (0.0, 1.0) if tile.term.look == "gate" else (-tile.term.limit, tile.term.limit)
        table = theme().lookup("gate" if tile.term.look == "gate" else "signed")
        image = coloured(values, hidden, levels, table)
        painter.drawImage(tile.rect, image)
        self._paint_numbers(painter, tile, values, image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        result = tile.term.sign == "="
        edge = theme().role(self._tone()) if result else theme().color("lineStrong")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen(edge, 1.0))
        painter.drawRect(tile.rect)
        self._outline_unit(painter, tile)

    def _paint_numbers(self, painter: QPainter, tile: Tile, values: Floats, image: QImage) -> None:
        """Print the numbers into cells that are large enough to read them."""
        painter.setFont(theme().font("monoSmall"))
        metrics = painter.fontMetrics()
        width, height = tile.rect.width() / tile.columns, tile.rect.height() / tile.rows
        if (
            width < metrics.horizontalAdvance(_NARROWEST)
            or height < metrics.height()
            or tile.reduced
        ):
            return
        light, dark = (
            theme().map_cursor()[0],
            theme().color("canvas" if theme().is_dark else "textHi"),
        )
        for row, column in np.argwhere(np.isfinite(values)).tolist():
            ground = image.pixelColor(column, row)
            best = light if contrast(light, ground) >= contrast(dark, ground) else dark
            painter.setPen(best)
            left, top = tile.rect.left() + column * width, tile.rect.top() + row * height
            text = _fitting(float(values[row, column]), metrics, width - 2)
            painter.drawText(QRectF(left, top, width, height), Qt.AlignmentFlag.AlignCenter, text)

    def _outline_unit(self, painter: QPainter, tile: Tile) -> None:
        if self._unit is None:
            return
        line, casing = theme().map_cursor()
        for place in tile.unit_rects(self._unit):
            if tile.is_matrix:
                self._tick_row(painter, place)
                continue
            grown = place.adjusted(-1, -1, 1, 1)
            painter.setPen(pen(casing, 3.0))
            painter.drawRect(grown)
            painter.setPen(pen(line, 1.25))
            painter.drawRect(grown)

    def _tick_row(self, painter: QPainter, row: QRectF) -> None:
        """Mark a row of a matrix at both ends: an outline would hide rows this thin."""
        y = row.center().y()
        painter.setPen(pen(theme().color("cursor"), 1.5))
        painter.drawLine(QPointF(row.left() - 6, y), QPointF(row.left() - 1, y))
        painter.drawLine(QPointF(row.right() + 1, y), QPointF(row.right() + 6, y))

    def _paint_caption(self, painter: QPainter, tile: Tile) -> None:
        rect, term = tile.rect, tile.term
        base = rect.top() - 5
        colour = theme().color("textHi")
        used = paint_symbol(painter, QPointF(rect.left(), base), term.name, colour)
        norm = f"‖{format_number(term.norm)}‖"
        painter.setFont(theme().font("monoSmall"))
        width = painter.fontMetrics().horizontalAdvance(norm)
        if used + width + 6 <= rect.width():
            painter.setPen(theme().color("textLow"))
            painter.drawText(QPointF(rect.right() - width, base), norm)
        if term.sign:
            self._paint_sign(painter, rect, term.sign)

    def _paint_sign(self, painter: QPainter, rect: QRectF, sign: str) -> None:
        """Paint the sign in the gap before a tile; a function stands over an arrow."""
        colour, middle = theme().role_text(self._tone()), rect.left() - SIGN / 2
        plainly = sign in {"+", "⊙", "=", "of", "→"}
        for word, style, y in (
            [(sign, "body", rect.center().y() + 5)]
            if plainly
            else [(sign, "axis", rect.center().y() - 1), ("→", "body", rect.center().y() + 11)]
        ):
            x = middle - symbol_width(word, style) / 2
            paint_symbol(painter, QPointF(x, y), word, colour, style)

    def _paint_outcome(self, painter: QPainter, line: Line, area: QRectF) -> None:
        outcome = line.outcome
        assert outcome is not None
        base = area.top() + self._caption() - 5
        if line.note:
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textLow"))
            painter.drawText(QPointF(area.left(), base), line.note)
            return
        words = f"asked: “{visible(outcome.target)}”"
        if outcome.said:
            words = f"said {outcome.said}, asked {outcome.target}"
        x = area.left()
        x += paint_symbol(painter, QPointF(x, base), words, theme().color("textHi")) + 16
        if math.isfinite(outcome.target_p):
            text = f"p = {format_number(outcome.target_p)}"
            x += paint_symbol(painter, QPointF(x, base), text, theme().color("textMid")) + 16
        text = f"L_t = {format_number(outcome.loss)}"
        paint_symbol(painter, QPointF(x, base), text, theme().role_text("loss"))
        self._paint_likely(painter, line, area.adjusted(0, self._caption() + 3, 0, 0))

    def _paint_likely(self, painter: QPainter, line: Line, area: QRectF) -> None:
        assert line.outcome is not None
        likely = line.outcome.likely
        if not likely:
            return
        room = area.width() / len(likely)
        painter.setFont(theme().font("mono"))
        metrics = painter.fontMetrics()
        for place, (name, p) in enumerate(likely):
            left = area.left() + place * room
            right = name == line.outcome.target
            tone = theme().role_text("loss") if right else theme().color("textHi")
            painter.setPen(tone)
            text = f"{visible(name)} {chance(p)}"
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room - 8))
            painter.drawText(QPointF(left, area.top() + metrics.ascent()), shown)
            track = QRectF(left, area.top() + metrics.height() + 2, room - 14, 4)
            painter.fillRect(track, theme().color("surface2"))
            full = theme().role("loss") if right else theme().role("output")
            track.setWidth(track.width() * p)
            painter.fillRect(track, full)

    # Pointer

    def _tile_at(self, place: QPointF) -> Tile | None:
        return next((tile for tile in self._laid_out() if tile.rect.contains(place)), None)

    def _line_at(self, y: float) -> str:
        found = [line.key for line, top in zip(self._lines, self._tops, strict=False) if top <= y]
        return found[-1] if found else ""

    @override
    def mouseMoveEvent(self, event: QMouseEvent, /) -> None:
        place = event.position()
        key = self._line_at(place.y())
        if key != self._pointed:
            self._pointed = key
            self.line_pointed.emit(key)
            self.update()
        tile = self._tile_at(place)
        words = "" if tile is None else tile.told(place)
        if words:
            QToolTip.showText(event.globalPosition().toPoint(), words, self)
        else:
            QToolTip.hideText()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self._pointed = ""
        self.line_pointed.emit("")
        self.update()

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        tile = self._tile_at(event.position())
        if tile is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        index = tile.index_at(event.position())
        if index is not None and tile.term.axis == "unit":
            self.unit_picked.emit(index)


def _is_matrix(line: Line) -> bool:
    return any(term.axis == "matrix" for term in line.terms)


def _fitting(value: float, metrics: QFontMetrics, room: float) -> str:
    """Return a number with at most three digits, "" where there is no room for one."""
    for digits in (3, 2, 1):
        text = format_number(float(f"{value:.{digits}g}"))
        if metrics.horizontalAdvance(text) <= room:
            return text
    return ""


def percent(share: float) -> str:
    """Return a share in words, with one decimal: "62.5 %"."""
    return f"{format_number(100 * share, '.1f')} %"


def chance(p: float) -> str:
    """Return a probability in words: "76 %", "0.4 %"."""
    return f"{100 * p:.0f} %" if p >= 0.0995 else f"{100 * p:.1f} %"
