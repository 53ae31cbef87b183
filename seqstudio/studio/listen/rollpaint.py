"""Painting of what stands around the notes of a roll: keys, rows, bars, ruler, playhead, words."""

from __future__ import annotations

import math
from collections.abc import Collection

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPolygonF

from seqstudio.music.score import Score
from seqstudio.studio.listen.geometry import RollFrame, is_black
from seqstudio.studio.plots import paint_cursor_line, paint_hatch
from seqstudio.studio.plots.frame import hairline
from seqstudio.studio.theme import faded, pen, theme

_LEAST_GRID = 6.0
_NUMBER_ROOM = 26.0
_HEAD = 13.0


def paint_ground(painter: QPainter, frame: RollFrame) -> None:
    """Paint rows: black keys one surface lighter, a line under every C."""
    grid = frame.grid
    painter.fillRect(QRectF(0, 0, frame.width, frame.height), theme().color("surface0"))
    painter.setClipRect(grid)
    for pitch in range(frame.low, frame.high + 1):
        if is_black(pitch):
            row = QRectF(grid.left(), frame.y(pitch), grid.width(), frame.row)
            painter.fillRect(row, theme().color("surface1"))
    painter.setPen(hairline(painter, theme().color("gridMajor")))
    for pitch in range(frame.low, frame.high + 1):
        if pitch % 12 == 0:
            y = _sharp(frame.y(pitch) + frame.row)
            painter.drawLine(QLineF(grid.left(), y, grid.right(), y))
    painter.setClipping(False)


def paint_bars(painter: QPainter, frame: RollFrame, score: Score, step: float = 0.0) -> None:
    """Paint bar lines with their numbers, which thin out where bars are narrow, beats and grid.

    Args:
        painter: Of the roll.
        frame: Where everything lies.
        score: Its bars.
        step: Distance of the places that notes snap to, in beats; 0 paints beats only.
    """
    area = frame.grid.united(frame.lane)
    painter.setClipRect(area.united(frame.ruler))
    starts = [float(start) for start in score.bar_starts] or [0.0]
    ends = [*starts[1:], float(score.end_beats)]
    bars = list(zip(starts, ends, strict=True))
    if step and step * frame.beat >= _LEAST_GRID + 2:
        _paint_steps(painter, frame, bars, step, "gridMinor")
    unit = 4 / score.meter[1] if score.meter else 1.0
    if unit * frame.beat >= _LEAST_GRID:
        _paint_steps(painter, frame, bars, unit, "gridMajor")
    every = _numbers_every(frame, starts, ends)
    painter.setFont(theme().font("axis"))
    for number, start in enumerate([*starts, ends[-1]], start=1):
        x = _sharp(frame.x(start))
        if not frame.keys - 40 <= x <= frame.width:
            continue
        painter.setPen(hairline(painter, theme().color("lineStrong")))
        painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
        if number <= len(starts) and (number - 1) % every == 0:
            painter.setPen(theme().color("textLow"))
            painter.drawText(QPointF(x + 4, frame.ruler.bottom() - 8), f"{number}")
    painter.setClipping(False)


def _numbers_every(frame: RollFrame, starts: list[float], ends: list[float]) -> int:
    width = (ends[-1] - starts[0]) * frame.beat / len(starts)
    wanted = _NUMBER_ROOM / max(width, 0.1)
    return next((step for step in (1, 2, 4, 8, 16, 32) if step >= wanted), 64)


def _paint_steps(
    painter: QPainter, frame: RollFrame, bars: list[tuple[float, float]], step: float, tone: str
) -> None:
    painter.setPen(hairline(painter, theme().color(tone)))
    area = frame.grid
    first, last = frame.beats_at(frame.keys), frame.beats_at(frame.width)
    for start, end in bars:
        if end < first or start > last:
            continue
        for number in range(1, math.ceil((end - start) / step - 1e-6)):
            x = _sharp(frame.x(start + number * step))
            painter.drawLine(QLineF(x, area.top(), x, area.bottom()))


def paint_keys(painter: QPainter, frame: RollFrame) -> None:
    """Paint the keyboard at the left; every C carries its name."""
    grid = frame.grid
    white = theme().color("textMid" if theme().is_dark else "surface0")
    black = theme().color("canvas" if theme().is_dark else "textMid")
    painter.fillRect(QRectF(0, 0, frame.keys, frame.height), theme().color("surface0"))
    painter.setClipRect(QRectF(0, grid.top(), frame.keys, grid.height()))
    for pitch in range(frame.low, frame.high + 1):
        row = QRectF(0, frame.y(pitch), frame.keys - 1, frame.row)
        painter.fillRect(row, white)
        if is_black(pitch):
            painter.fillRect(row.adjusted(0, 0, -22, 0), black)
        painter.setPen(hairline(painter, theme().color("lineStrong")))
        if pitch % 12 in {0, 5}:
            y = _sharp(row.bottom())
            painter.drawLine(QLineF(0, y, row.right(), y))
    _paint_key_names(painter, frame)
    painter.setClipping(False)
    painter.setPen(hairline(painter, theme().color("line")))
    for y in (grid.top(), frame.lane.top()):
        painter.drawLine(QLineF(0, _sharp(y), frame.width, _sharp(y)))


def _paint_key_names(painter: QPainter, frame: RollFrame) -> None:
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("canvas" if theme().is_dark else "textMid"))
    metrics = painter.fontMetrics()
    for pitch in range(frame.low, frame.high + 1):
        if pitch % 12 == 0:
            name = f"C{pitch // 12 - 1}"
            x = frame.keys - 4 - metrics.horizontalAdvance(name)
            y = frame.y(pitch) + frame.row / 2 + metrics.capHeight() / 2
            painter.drawText(QPointF(x, y), name)


def paint_chip(painter: QPainter, place: QPointF, words: str, frame: RollFrame) -> None:
    """Paint words on a small card that stays inside the roll."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(theme().font("small"))
    width = painter.fontMetrics().horizontalAdvance(words) + 20.0
    left = min(place.x(), frame.width - width - 4)
    top = min(max(place.y(), frame.grid.top() + 4), frame.lane.top() - 28)
    card = QRectF(max(frame.keys + 4, left), top, width, 24)
    radius = theme().radius("toolTip")
    painter.setPen(pen(theme().color("lineStrong")))
    painter.setBrush(theme().color("surface3"))
    painter.drawRoundedRect(card, radius, radius)
    painter.setPen(theme().color("textHi"))
    painter.drawText(card, Qt.AlignmentFlag.AlignCenter, words)


def paint_playhead(painter: QPainter, frame: RollFrame, beats: float) -> None:
    """Paint the cursor: a line through notes and lane, its head in the ruler."""
    x = _sharp(frame.x(beats))
    if not frame.keys - 1 <= x <= frame.width:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    top = frame.ruler.bottom()
    paint_cursor_line(painter, QPointF(x, top - 4), QPointF(x, frame.height))
    painter.setPen(pen(faded(theme().color("cursorCasing"), 0.6), 1.0))
    painter.setBrush(theme().color("cursor"))
    half, height = _HEAD / 2, _HEAD * 0.7
    corners = [QPointF(x - half, top - 4 - height), QPointF(x + half, top - 4 - height)]
    painter.drawPolygon(QPolygonF([*corners, QPointF(x, top - 1)]))


def _sharp(place: float) -> float:
    """Return the middle of a pixel, so that a hairline is one pixel wide."""
    return math.floor(place) + 0.5


def paint_loop(
    painter: QPainter, frame: RollFrame, span: tuple[float, float] | None, *, on: bool
) -> None:
    """Paint the loop as a bar with two handles in the upper edge of the ruler."""
    strip = frame.loop_strip
    painter.fillRect(strip.adjusted(0, 0, 0, -1), theme().color("surface1"))
    if span is None:
        return
    left, right = frame.x(span[0]), frame.x(span[1])
    painter.setClipRect(frame.ruler.united(frame.lane))
    colour = theme().color("accent" if on else "border")
    painter.fillRect(
        QRectF(left, strip.top(), right - left, strip.height() - 1), faded(colour, 0.45)
    )
    for x in (left, right - 3):
        painter.fillRect(QRectF(x, strip.top(), 3, strip.height() - 1), colour)
    if on:
        painter.setPen(pen(faded(colour, 0.7), 1.0))
        for x in (left, right):
            painter.drawLine(QLineF(_sharp(x), frame.grid.top(), _sharp(x), frame.height))
    painter.setClipping(False)


def paint_pressed_keys(painter: QPainter, frame: RollFrame, pitches: Collection[int]) -> None:
    """Light up the keys of the notes that sound."""
    painter.setClipRect(QRectF(0, frame.grid.top(), frame.keys, frame.grid.height()))
    for pitch in pitches:
        width = frame.keys - (23 if is_black(pitch) else 1)
        painter.fillRect(QRectF(0, frame.y(pitch), width, frame.row), theme().color("accent"))
    painter.setClipping(False)


def paint_unwritten(painter: QPainter, frame: RollFrame, end_beats: float, words: str) -> None:
    """Hatch what is not yet written, behind the accent line, and say how fast it comes."""
    area = frame.grid.united(frame.lane)
    x = max(frame.x(end_beats), area.left())
    painter.setClipRect(area)
    paint_hatch(painter, area.adjusted(x - area.left(), 0, 0, 0))
    painter.fillRect(QRectF(x - 1, area.top(), 2, area.height()), theme().color("accent"))
    painter.setClipping(False)
    paint_chip(painter, QPointF(x + 10, area.top() + 10), words, frame)


def paint_lane_names(painter: QPainter, frame: RollFrame, lane: str, *, known: bool) -> None:
    """Paint the scale of the lane, or say why it is empty."""
    room = frame.lane
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textLow"))
    right = Qt.AlignmentFlag.AlignRight
    middle = right | Qt.AlignmentFlag.AlignVCenter
    top = "127" if lane == "velocity" else "1"
    painter.drawText(QRectF(0, room.top() + 2, frame.keys - 5, 16), right, top)
    wide = painter.fontMetrics().horizontalAdvance(lane) <= frame.keys - 6
    name = lane if wide else lane[:1]
    painter.drawText(QRectF(0, room.top(), frame.keys - 5, room.height()), middle, name)
    painter.drawText(QRectF(0, room.bottom() - 16, frame.keys - 5, 16), right, "0")
    if not known and lane != "velocity":
        words = "No probabilities: these notes were not written by the model"
        painter.drawText(room.adjusted(12, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)
