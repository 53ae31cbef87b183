"""Painting of the notes of a roll: their colours, lane bars and stems, selection and outlines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter

from seqstudio.music.score import Note
from seqstudio.studio.listen.colouring import Shades
from seqstudio.studio.listen.geometry import RollFrame
from seqstudio.studio.listen.note_table import Indices, NoteTable
from seqstudio.studio.plots.frame import hairline
from seqstudio.studio.theme import faded, pen, theme

#: A note that the model gave less than this is marked.
DOUBTED = 0.4
_CORNER = 2.5
_SMALL_ROW = 5.0
_HEAD = 2.5
_MUTED = 0.3


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
    painter.setPen(pen(theme().color("border")) if shades.outlined else Qt.PenStyle.NoPen)
    corner = _CORNER if frame.row >= _SMALL_ROW else 0.0
    unknown = QBrush(theme().color("surface3"))
    rows = frame.within_rows(table.pitch_N[chosen])
    for number in chosen[rows].tolist():
        place = int(shades.place_N[number])
        painter.setBrush(unknown if place < 0 else shades.brushes[place])
        note = table.notes[number]
        rect = frame.rect_of(note.pitch, table.start_N[number], table.end_N[number])
        painter.setOpacity(_MUTED if note.voice in muted else 1.0)
        painter.drawRoundedRect(rect, corner, corner)
        if place < 0:
            painter.drawPoint(rect.center())
    painter.setOpacity(1.0)
    painter.setClipping(False)


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
    painter: QPainter,
    frame: RollFrame,
    notes: Iterable[tuple[Note, QBrush | QColor]],
) -> None:
    """Paint the velocity of notes as stems with a head that can be dragged."""
    painter.setClipRect(frame.lane)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    foot = frame.lane_room.bottom()
    for note, brush in notes:
        x = math.floor(frame.x(float(note.start))) + 2.0
        y = frame.velocity_y(note.velocity)
        colour = brush.color() if isinstance(brush, QBrush) else brush
        painter.setPen(pen(colour, 2.0))
        painter.drawLine(QLineF(x, foot, x, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(x, y), _HEAD + 0.5, _HEAD + 0.5)
    painter.setClipping(False)


def stem_brush(table: NoteTable, shades: Shades, number: int) -> QBrush:
    """Return the colour of a stem: that of its note, or grey where nothing is known of it."""
    place = int(shades.place_N[number])
    return QBrush(theme().color("border")) if place < 0 else shades.brushes[place]


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
    """Ring the notes that are selected."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(frame.grid)
    painter.setPen(pen(theme().color("accent"), theme().stroke("selection")))
    painter.setBrush(faded(theme().color("accent"), 0.25))
    first, last = frame.beats_at(frame.keys), frame.beats_at(frame.width)
    for note in notes:
        if float(note.end) >= first and float(note.start) <= last:
            painter.drawRoundedRect(frame.note_rect(note).adjusted(-0.5, -0.5, 0.5, 0.5), 3, 3)
    painter.setClipping(False)


def paint_ghosts(painter: QPainter, frame: RollFrame, notes: Iterable[Note]) -> None:
    """Paint notes on their way: as they will be when the button is let go."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(frame.grid)
    painter.setPen(pen(theme().color("accentHover"), 1.5))
    painter.setBrush(theme().color("accent"))
    for note in notes:
        painter.drawRoundedRect(frame.note_rect(note), _CORNER, _CORNER)
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
