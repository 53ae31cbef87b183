"""Painting of a piano roll: keys, rows, bars, notes, probability lane, what is not yet written."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPolygonF

from seqstudio.music.score import Note, Score
from seqstudio.studio.listen.geometry import RollFrame, is_black
from seqstudio.studio.listen.takes import Take
from seqstudio.studio.plots import paint_cursor_line, paint_hatch
from seqstudio.studio.plots.frame import hairline
from seqstudio.studio.theme import faded, pen, theme

#: A note that the model gave less than this is marked.
DOUBTED = 0.4
_FAINTEST = 0.38
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


def paint_bars(painter: QPainter, frame: RollFrame, score: Score) -> None:
    """Paint beats and bar lines with their numbers, which thin out where bars are narrow."""
    area = frame.grid.united(frame.lane)
    painter.setClipRect(area.united(frame.ruler))
    starts = [float(start) for start in score.bar_starts] or [0.0]
    ends = [*starts[1:], float(score.end_beats)]
    _paint_beats(painter, frame, score, list(zip(starts, ends, strict=True)))
    every = _numbers_every(frame, starts, ends)
    painter.setFont(theme().font("axis"))
    for number, start in enumerate([*starts, ends[-1]], start=1):
        x = _sharp(frame.x(start))
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


def _paint_beats(
    painter: QPainter, frame: RollFrame, score: Score, bars: list[tuple[float, float]]
) -> None:
    unit = 4 / score.meter[1] if score.meter else 1.0
    if unit * frame.beat < _LEAST_GRID:
        return
    painter.setPen(hairline(painter, theme().color("gridMajor")))
    area = frame.grid
    for start, end in bars:
        for beat in range(1, math.ceil((end - start) / unit - 1e-6)):
            x = _sharp(frame.x(start + beat * unit))
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


def note_colour(note: Note, probability: float) -> QColor:
    """Return the fill of a note.

    What was given, and voices beside the first, are input; the rest is output, the more solid
    the surer the model was.
    """
    if math.isnan(probability):
        return theme().role("input")
    role = "output" if note.voice == 0 else "input"
    return faded(theme().role(role), _FAINTEST + (1 - _FAINTEST) * probability)


def paint_notes(painter: QPainter, frame: RollFrame, take: Take) -> None:
    """Paint all notes in sight, a dot above those that the model doubted, and their bars."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    first, last = frame.beats_at(frame.keys), frame.beats_at(frame.width)
    seen = [
        (note, probability, frame.note_rect(note))
        for note, probability, span in zip(take.score.notes, take.chances, take.spans, strict=True)
        if span[1] >= first and span[0] <= last
    ]
    painter.setClipRect(frame.grid)
    for note, probability, rect in seen:
        painter.setBrush(note_colour(note, probability))
        painter.drawRoundedRect(rect, 2.5, 2.5)
    painter.setBrush(theme().color("warn"))
    for _, probability, rect in seen:
        if probability < DOUBTED:
            painter.drawEllipse(QPointF(rect.left() + 3, rect.top() - 4), 1.75, 1.75)
    painter.setClipRect(frame.lane)
    for note, probability, _ in seen:
        if not math.isnan(probability):
            bar = frame.lane_rect(note, probability)
            painter.fillRect(bar, note_colour(note, probability))
    painter.setClipping(False)


def paint_lane_names(painter: QPainter, frame: RollFrame, *, known: bool) -> None:
    """Paint the scale of the lane, or say why it is empty."""
    lane = frame.lane
    painter.setFont(theme().font("axis"))
    painter.setPen(theme().color("textLow"))
    right = Qt.AlignmentFlag.AlignRight
    middle = right | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(QRectF(0, lane.top() + 2, frame.keys - 5, 16), right, "1")
    wide = painter.fontMetrics().horizontalAdvance("probability") <= frame.keys - 6
    name = "probability" if wide else "p"
    painter.drawText(QRectF(0, lane.top(), frame.keys - 5, lane.height()), middle, name)
    painter.drawText(QRectF(0, lane.bottom() - 16, frame.keys - 5, 16), right, "0")
    if not known:
        words = "No probabilities: these notes were not written by the model"
        painter.drawText(lane.adjusted(12, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)


def paint_lit(painter: QPainter, frame: RollFrame, notes: Iterable[Note]) -> None:
    """Paint notes that sound now."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(frame.grid)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("textHi"))
    for note in notes:
        painter.drawRoundedRect(frame.note_rect(note), 2.5, 2.5)
    painter.setClipping(False)


def paint_outline(painter: QPainter, frame: RollFrame, note: Note) -> None:
    """Outline the note under a pointer."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(frame.grid)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    around = frame.note_rect(note).adjusted(-1.5, -1.5, 1.5, 1.5)
    painter.setPen(pen(faded(theme().color("cursorCasing"), 0.6), 4.0))
    painter.drawRoundedRect(around, 3.5, 3.5)
    painter.setPen(pen(theme().color("cursor"), 1.5))
    painter.drawRoundedRect(around, 3.5, 3.5)
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
