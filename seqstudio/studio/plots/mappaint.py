"""Painting of maps: cells, hatch, ticks, the colour bar and the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFontMetricsF,
    QImage,
    QPainter,
    QPolygonF,
    QTransform,
)

from seqstudio.studio.plots.frame import hatch_brush
from seqstudio.studio.plots.items import resolve
from seqstudio.studio.plots.maps import Mask, Pooled, rgba_image
from seqstudio.studio.plots.scale import Scale, power_text, tick_texts, ticks
from seqstudio.studio.theme import contrast, painting, pen, theme
from seqstudio.studio.widgets.numbers import format_number
from seqstudio.studio.widgets.token_lines import shown_text

_TICK = 4.0
_DOT_LEAST_CELL = 5.0
_MOST_DOTS = 4000
_TILES = 16
_LONGEST = 140.0  # pixels of a label


class Cells(Protocol):
    """What the painters need to know of a map's place."""

    @property
    def rect(self) -> QRectF: ...
    @property
    def rows(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def cell(self) -> tuple[float, float]: ...


def paint_cells(painter: QPainter, rect: QRectF, image: QImage, pooled: Pooled) -> None:
    """Paint cells (no smoothing), the hatch of masked and the dots of undefined ones.

    The image is transparent where cells are masked, and nowhere else.
    """
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    if pooled.masked.any():
        _paint_hatch(painter, rect, pooled.masked)
    painter.drawImage(rect, image)
    undefined = ~(np.isfinite(pooled.values) | pooled.masked)
    if undefined.any():
        _paint_undefined(painter, rect, undefined)


def _paint_hatch(painter: QPainter, rect: QRectF, masked: Mask) -> None:
    """Hatch the part of the map in which masked cells are; what is drawn over it has holes."""
    rows, columns = np.flatnonzero(masked.any(1)), np.flatnonzero(masked.any(0))
    height, width = rect.height() / masked.shape[0], rect.width() / masked.shape[1]
    top, left = rect.top() + rows[0] * height, rect.left() + columns[0] * width
    part = QRectF(left, top, (columns[-1] - columns[0] + 1) * width,
                  (rows[-1] - rows[0] + 1) * height)  # fmt: skip
    origin = painter.brushOrigin()
    painter.setBrushOrigin(rect.topLeft())
    ratio = painter.device().devicePixelRatioF()
    ground, lines = theme().color("surface0").rgba(), theme().color("gridMajor").rgba()
    brush = QBrush(_ground_tile(ground, lines, ratio))
    brush.setTransform(QTransform.fromScale(1 / ratio, 1 / ratio))
    painter.fillRect(part, brush)
    painter.setBrushOrigin(origin)


@lru_cache(maxsize=8)
def _ground_tile(ground: int, lines: int, ratio: float) -> QImage:
    """Return many hatch tiles on their ground: large and opaque, it fills eight times faster."""
    brush = hatch_brush(QColor.fromRgba(lines), ratio)
    side = brush.textureImage().width() * _TILES
    tile = QImage(side, side, QImage.Format.Format_RGB32)
    tile.fill(QColor.fromRgba(ground))
    brush.setTransform(QTransform())
    with painting(tile) as painter:
        painter.fillRect(tile.rect(), brush)
    return tile


def _paint_undefined(painter: QPainter, rect: QRectF, undefined: Mask) -> None:
    rows, columns = undefined.shape
    width, height = rect.width() / columns, rect.height() / rows
    radius = min(1.5, min(width, height) / 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("textLow"))
    places = np.argwhere(undefined)
    stride = max(1, len(places) // _MOST_DOTS)
    for row, column in places[::stride]:
        centre = QPointF(rect.left() + (column + 0.5) * width, rect.top() + (row + 0.5) * height)
        painter.drawEllipse(centre, radius, radius)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def reduction_text(pooled: Pooled) -> str:
    """Return what a reduced map says about itself, "" for one that is not."""
    if pooled.rows == pooled.columns == 1:
        return ""
    return f"each cell shows the largest of {pooled.rows} × {pooled.columns}"


def paint_note(painter: QPainter, rect: QRectF, note: str) -> None:
    """Paint a remark under the map at left."""
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textLow"))
    metrics = painter.fontMetrics()
    base = rect.bottom() + 8 + 2 * metrics.height() - metrics.descent()
    painter.drawText(QPointF(rect.left(), base), note)


def room_beside(labels: Sequence[str]) -> float:
    """Return how wide the row labels are, with their gaps: characters, or words."""
    widest = min(_LONGEST, _widest(labels))
    return max(40.0, widest + 24.0)


def room_above(labels: Sequence[str]) -> float:
    """Return how high the column labels are: characters stand, words lie on their side."""
    if not labels:
        return 0.0
    return 22.0 if _are_characters(labels) else min(_LONGEST, _widest(labels)) + 10.0


def _widest(labels: Sequence[str]) -> float:
    metrics = QFontMetricsF(theme().font("mono"))
    longest = max(labels, key=len, default="")
    return metrics.horizontalAdvance(_visible(longest))


def _are_characters(labels: Sequence[str]) -> bool:
    return all(len(label) <= 1 for label in labels)


def columns_fit(frame: Cells, labels: Sequence[str]) -> bool:
    """Return whether each column has room for its character, or its word on its side."""
    if not labels:
        return False
    share = 0.65 if _are_characters(labels) else 1.0
    return frame.cell[0] >= theme().text_px("axis") * share


def paint_titles(
    painter: QPainter,
    rect: QRectF,
    titles: tuple[str, str],
    paints: tuple[str, str],
    columns_above: bool,
) -> None:
    """Paint the row title above at left, the column title where the column ticks are."""
    x_title, y_title = titles
    painter.setFont(theme().font("axis"))
    metrics = painter.fontMetrics()
    top = metrics.ascent() + 6
    painter.setPen(_readable(paints[1]))
    painter.drawText(QPointF(12, top), y_title)
    base = rect.bottom() + 8 + 2 * metrics.height() - metrics.descent()
    place = QPointF(rect.right() - metrics.horizontalAdvance(x_title), base)
    if columns_above:
        place = QPointF(12 + metrics.horizontalAdvance(y_title + ", "), top)
        painter.setPen(theme().color("textMid"))
        painter.drawText(QPointF(12 + metrics.horizontalAdvance(y_title), top), ", ")
    painter.setPen(_readable(paints[0]))
    painter.drawText(place, x_title)


def _readable(paint: str) -> QColor:
    colour = resolve(paint)
    keeps = contrast(colour, theme().color("surface0")) >= 4.5
    return colour if keeps else theme().color("textHi")


def paint_row_ticks(painter: QPainter, frame: Cells, labels: Sequence[str], origin: int) -> None:
    """Paint characters at the rows where they fit, else numbers at round rows.

    Of words that are too close every second one is painted, or fewer.
    """
    height = frame.cell[1]
    words = bool(labels) and not _are_characters(labels)
    mono = words or (bool(labels) and height >= theme().text_px("axis"))
    _tick_font(painter, mono)
    metrics = painter.fontMetrics()
    stride = max(1, math.ceil(metrics.height() / max(0.5, height))) if words else 1
    places = _tick_places(labels, frame.rows, origin, mono, frame.rect.height() / 34)
    for index, full in places[::stride]:
        text = metrics.elidedText(full, Qt.TextElideMode.ElideRight, int(_LONGEST))
        y = frame.rect.top() + (index + 0.5) * height
        x = frame.rect.left() - 8 - metrics.horizontalAdvance(text)
        painter.drawText(QPointF(x, y + metrics.capHeight() / 2), text)


def paint_column_ticks(
    painter: QPainter, frame: Cells, labels: Sequence[str], origin: int
) -> None:
    """Paint characters above the columns where they fit, else numbers below round columns."""
    width = frame.cell[0]
    mono = columns_fit(frame, labels)
    _tick_font(painter, mono)
    metrics = painter.fontMetrics()
    if mono and not _are_characters(labels):
        _paint_words(painter, frame, labels)
        return
    base = frame.rect.top() - 8 if mono else frame.rect.bottom() + 8 + metrics.ascent()
    for index, text in _tick_places(labels, frame.columns, origin, mono, frame.rect.width() / 60):
        x = frame.rect.left() + (index + 0.5) * width - metrics.horizontalAdvance(text) / 2
        painter.drawText(QPointF(x, base), text)


def _paint_words(painter: QPainter, frame: Cells, labels: Sequence[str]) -> None:
    """Paint words above their columns, from bottom to top."""
    metrics = painter.fontMetrics()
    for index, text in enumerate(labels[: frame.columns]):
        x = frame.rect.left() + (index + 0.5) * frame.cell[0]
        shown = metrics.elidedText(_visible(text), Qt.TextElideMode.ElideRight, int(_LONGEST))
        painter.save()
        painter.translate(x + metrics.capHeight() / 2, frame.rect.top() - 6)
        painter.rotate(-90)
        painter.drawText(QPointF(0, 0), shown)
        painter.restore()


def _tick_font(painter: QPainter, mono: bool) -> None:
    painter.setFont(theme().font("mono" if mono else "axis"))
    painter.setPen(theme().color("textMid" if mono else "textLow"))


def _tick_places(
    labels: Sequence[str], count: int, origin: int, mono: bool, at_most: float
) -> list[tuple[int, str]]:
    """Return (index, text) of the ticks of one side."""
    if mono:
        return [(index, _visible(text)) for index, text in enumerate(labels[:count])]
    if count < 2:
        return [(0, f"{origin}")] if count else []
    places = ticks(Scale(origin, origin + count - 1), int(min(6, max(2, at_most))))
    return [(round(place) - origin, f"{round(place):,}") for place in places if place % 1 == 0]


def _visible(text: str) -> str:
    """Return a label in which a lone space can be seen."""
    return "␣" if text == " " else shown_text(text)


def paint_bar(painter: QPainter, bar: QRectF, table: NDArray[np.uint8]) -> None:
    """Paint the colour bar, low at the bottom."""
    column = np.ascontiguousarray(table[::-1][:, np.newaxis, :])
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(bar, rgba_image(column))


def paint_bar_ticks(
    painter: QPainter, bar: QRectF, levels: tuple[float, float], powers: bool
) -> None:
    """Paint ticks of 4 px with their values."""
    scale = Scale(*levels)
    values = ticks(scale, int(min(5, max(2, bar.height() // 30))))
    texts = [power_text(10.0**v) for v in values] if powers else tick_texts(values, scale)
    painter.setFont(theme().font("axis"))
    metrics = painter.fontMetrics()
    for value, text in zip(values, texts, strict=True):
        y = bar.bottom() - float(scale.share(value)) * bar.height()
        painter.setPen(pen(theme().color("textLow")))
        painter.drawLine(QPointF(bar.right(), y), QPointF(bar.right() + _TICK, y))
        base = y + metrics.capHeight() / 2
        painter.drawText(QPointF(bar.right() + _TICK + 3, base), text)


def paint_bar_title(painter: QPainter, bar: QRectF, title: str) -> None:
    """Paint the quantity above its bar."""
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textMid"))
    painter.drawText(QPointF(bar.left(), bar.top() - 10), title)


def paint_outline(painter: QPainter, rect: QRectF) -> None:
    """Outline a row or column: white in a black casing, which is seen on every colour."""
    line, casing = theme().map_cursor()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    around = rect.adjusted(-1, -1, 1, 1)
    painter.setPen(pen(casing, theme().stroke("cursorCasing")))
    painter.drawRoundedRect(around, 2, 2)
    painter.setPen(pen(line, theme().stroke("cursor")))
    painter.drawRoundedRect(around, 2, 2)


def paint_head(painter: QPainter, tip: QPointF) -> None:
    """Paint the head of the time cursor above the data."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("cursor"))
    corners = [tip, tip + QPointF(-5, -7), tip + QPointF(5, -7)]
    painter.drawPolygon(QPolygonF(corners))


def cell_text(places: tuple[int, int], value: float | None, powers: bool) -> str:
    """Return the tool tip of a cell; None is a masked cell."""
    where = f"row {places[0]:,}, column {places[1]:,}"
    if value is None:
        return f"{where}: masked"
    if np.isnan(value):
        return f"{where}: undefined"
    return f"{where}: {format_number(10**value if powers else value)}"
