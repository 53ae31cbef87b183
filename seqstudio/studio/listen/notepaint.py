"""Painting of the notes of a roll: their colours, lane bars and stems, selection and outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter

from seqstudio.music.score import Note
from seqstudio.studio.listen.colouring import Shades
from seqstudio.studio.listen.geometry import GAP, RollFrame
from seqstudio.studio.listen.note_table import Indices, NoteTable
from seqstudio.studio.plots.frame import hairline
from seqstudio.studio.theme import faded, pen, theme

#: A note that the model gave less than this is marked.
DOUBTED = 0.4
_CORNER = 2.5
_SMALL_ROW = 5.0
_HEAD = 3.0
_MUTED = 0.3
_MANY = 800


def in_sight(frame: RollFrame, table: NoteTable) -> Indices:
    """Return the notes whose time is in view; those above and below count for the lane."""
    return table.within(frame.beats_at(frame.keys), frame.beats_at(frame.width))


def paint_notes(
    painter: QPainter,
    frame: RollFrame,
    table: NoteTable,
    shades: Shades,
    chosen: Indices,
    muted: frozenset[int] = frozenset(),
) -> None:
    """Paint notes by number, in their colours; those of muted tracks are faint."""
    painter.setClipRect(frame.grid)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    small = _small(frame, len(chosen))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not small)
    outlined = shades.outlined and not small
    painter.setPen(pen(theme().color("border")) if outlined else Qt.PenStyle.NoPen)
    unknown = QBrush(theme().color("surface3"))
    chosen = chosen[frame.within_rows(table.pitch_N[chosen])]
    quiet = np.isin(table.voice_N[chosen], list(muted)).tolist()
    places = shades.place_N[chosen].tolist()
    for rect, place, faint in zip(_rects(frame, table, chosen), places, quiet, strict=True):
        painter.setBrush(unknown if place < 0 else shades.brushes[place])
        painter.setOpacity(_MUTED if faint else 1.0)
        if small:
            painter.drawRect(rect)
        else:
            painter.drawRoundedRect(rect, _CORNER, _CORNER)
    painter.setOpacity(1.0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipping(False)


def _rects(frame: RollFrame, table: NoteTable, chosen: Indices) -> list[QRectF]:
    """Return where notes are drawn; as `RollFrame.rect_of`, thousands at once."""
    corner = frame.rect_of(0, 0.0, 0.0)
    lefts = corner.left() + table.start_N[chosen] * frame.beat
    spans = (table.end_N[chosen] - table.start_N[chosen]) * frame.beat - GAP
    tops = corner.top() - table.pitch_N[chosen] * frame.row
    widths = np.maximum(2.0, spans)
    places = zip(lefts.tolist(), tops.tolist(), widths.tolist(), strict=True)
    return [QRectF(left, top, width, corner.height()) for left, top, width in places]


def _small(frame: RollFrame, count: int) -> bool:
    """Tell whether notes are so many or so low that round corners cannot be seen, and cost."""
    return frame.row < _SMALL_ROW or count > _MANY


def paint_doubts(
    painter: QPainter,
    frame: RollFrame,
    table: NoteTable,
    chance_N: NDArray[np.float64],
    chosen: Indices,
) -> None:
    """Paint a dot above the notes that the model doubted."""
    painter.setClipRect(frame.grid)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("warn"))
    for number in chosen[chance_N[chosen] < DOUBTED].tolist():
        left, top = frame.x(table.start_N[number]), frame.y(int(table.pitch_N[number])) + 0.75
        painter.drawEllipse(QPointF(left + 3, top - 4), 1.75, 1.75)
    painter.setClipping(False)


def paint_chances(
    painter: QPainter,
    frame: RollFrame,
    table: NoteTable,
    chance_N: NDArray[np.float64],
    chosen: Indices,
    shades: Shades,
) -> None:
    """Paint the probability of every note as a bar of the lane."""
    painter.setClipRect(frame.lane)
    for number in chosen[~np.isnan(chance_N[chosen])].tolist():
        bar = frame.lane_rect(table.notes[number], float(chance_N[number]))
        painter.fillRect(bar, shades.brushes[int(shades.place_N[number])])
    painter.setClipping(False)


def paint_stems(
    painter: QPainter, frame: RollFrame, stems: Sequence[tuple[float, int, QColor]]
) -> None:
    """Paint velocities as stems with a head that can be dragged.

    Args:
        painter: Of the roll.
        frame: Where everything lies.
        stems: Onset in beats, velocity and colour of each.
    """
    many = len(stems) > _MANY
    painter.setClipRect(frame.lane)
    foot = frame.lane_room.bottom()
    for beats, velocity, colour in stems:
        x, y = math.floor(frame.x(beats)) + 2.0, frame.velocity_y(velocity)
        painter.fillRect(QRectF(x - 1, y, 2, foot - y), colour)
        if not many:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(QPointF(x, y), _HEAD, _HEAD)
    painter.setClipping(False)


def paint_lit(painter: QPainter, frame: RollFrame, table: NoteTable, lit: Indices) -> None:
    """Paint notes that sound now."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(frame.grid)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("textHi"))
    for number in lit.tolist():
        painter.drawRoundedRect(frame.note_rect(table.notes[number]), _CORNER, _CORNER)
    painter.setClipping(False)


def paint_selected(painter: QPainter, frame: RollFrame, notes: Sequence[Note]) -> None:
    """Ring the notes that are selected; those in sight."""
    many = _small(frame, len(notes))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not many)
    painter.setClipRect(frame.grid)
    painter.setPen(pen(theme().color("accent"), 1.0 if many else theme().stroke("selection")))
    painter.setBrush(faded(theme().color("accent"), 0.25))
    for note in notes:
        rect = frame.note_rect(note).adjusted(-0.5, -0.5, 0.5, 0.5)
        painter.drawRect(rect) if many else painter.drawRoundedRect(rect, 3, 3)
    painter.setClipping(False)


def paint_ghosts(painter: QPainter, frame: RollFrame, notes: Sequence[Note]) -> None:
    """Paint notes on their way: as they will be when the button is let go."""
    many = _small(frame, len(notes))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not many)
    painter.setClipRect(frame.grid)
    painter.setPen(Qt.PenStyle.NoPen if many else pen(theme().color("accentHover"), 1.5))
    painter.setBrush(theme().color("accent"))
    for note in notes:
        rect = frame.note_rect(note)
        painter.drawRect(rect) if many else painter.drawRoundedRect(rect, _CORNER, _CORNER)
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


def paint_band(painter: QPainter, frame: RollFrame, band: QRectF) -> None:
    """Paint the rectangle that notes are being gathered with."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setClipRect(frame.grid)
    painter.setPen(hairline(painter, theme().color("accent")))
    painter.setBrush(faded(theme().color("accent"), 0.12))
    painter.drawRect(band)
    painter.setClipping(False)
