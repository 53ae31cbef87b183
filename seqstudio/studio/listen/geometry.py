"""Where everything lies in a piano roll: pitches, beats, ruler and lane in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF

from seqstudio.music.score import Note, Score
from seqstudio.studio.theme import theme

ROW = (8.0, 16.0)
ROW_ZOOMED = (4.0, 32.0)
BEAT = (5.0, 400.0)
KEYBOARD = (0, 127)
_USUAL_BEAT = (20.0, 52.0)
_LEAST_PITCHES = 20
_BLACK = frozenset({1, 3, 6, 8, 10})
GAP = 1.5
_RIGHT = 24.0
LANE_TITLE = 8.0
LOOP_STRIP = 9.0


def is_black(pitch: int) -> bool:
    """Return whether a pitch is a black key."""
    return pitch % 12 in _BLACK


@dataclass(frozen=True)
class RollFrame:
    """The places of one painting of a roll.

    Attributes:
        width: Of the widget in pixels.
        height: Of the widget in pixels.
        low: Pitch of the lowest row.
        high: Pitch of the highest row.
        row: Height of a row.
        beat: Width of a beat.
        scroll: Pixels that are scrolled away at the left.
    """

    width: float
    height: float
    low: int
    high: int
    row: float
    beat: float
    scroll: float

    @cached_property
    def keys(self) -> float:
        """Width of the keys, where the music begins."""
        return float(theme().metric("pianoRoll", "keys"))

    @cached_property
    def ruler(self) -> QRectF:
        """Bar numbers, and the head of the playhead."""
        height = float(theme().metric("pianoRoll", "ruler"))
        return QRectF(self.keys, 0, max(1.0, self.width - self.keys), height)

    @cached_property
    def loop_strip(self) -> QRectF:
        """The upper edge of the ruler, where the loop lies."""
        return QRectF(self.ruler.left(), 0, self.ruler.width(), LOOP_STRIP)

    @cached_property
    def lane(self) -> QRectF:
        """Velocity or probability of the notes, at the bottom."""
        height = float(theme().metric("pianoRoll", "lane"))
        return QRectF(self.keys, self.height - height, max(1.0, self.width - self.keys), height)

    @cached_property
    def grid(self) -> QRectF:
        """The notes."""
        top = self.ruler.bottom()
        height = max(1.0, self.lane.top() - top)
        return QRectF(self.keys, top, max(1.0, self.width - self.keys), height)

    def x(self, beats: float) -> float:
        """Return where a place in beats lies."""
        return self.keys + beats * self.beat - self.scroll

    def beats_at(self, x: float) -> float:
        """Return the place in beats under a pixel, not before the beginning."""
        return max(0.0, (x - self.keys + self.scroll) / self.beat)

    def y(self, pitch: int) -> float:
        """Return the top of the row of a pitch."""
        return self.grid.top() + (self.high - pitch) * self.row

    def pitch_at(self, y: float) -> int:
        """Return the pitch whose row lies at a pixel."""
        return self.high - int((y - self.grid.top()) // self.row)

    def within_rows(self, pitches: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which pitches have a row in view."""
        return (pitches >= self.low) & (pitches <= self.high)

    def note_rect(self, note: Note) -> QRectF:
        """Return where a note is drawn."""
        return self.rect_of(note.pitch, float(note.start), float(note.end))

    def rect_of(self, pitch: int, start: float, end: float) -> QRectF:
        """Return where a note of a pitch is drawn, from one place in beats to another."""
        width = max(2.0, (end - start) * self.beat - GAP)
        return QRectF(self.x(start), self.y(pitch) + 0.75, width, self.row - 1.5)

    @cached_property
    def lane_room(self) -> QRectF:
        """Where bars and stems stand in the lane: as high as the whole scale."""
        return self.lane.adjusted(0, LANE_TITLE, 0, -4)

    def velocity_y(self, velocity: float) -> float:
        """Return where the head of a stem lies."""
        return self.lane_room.bottom() - velocity / 127 * self.lane_room.height()

    def velocity_at(self, y: float) -> float:
        """Return the velocity that lies at a pixel of the lane."""
        share = (self.lane_room.bottom() - y) / self.lane_room.height()
        return min(127.0, max(1.0, share * 127))

    def lane_rect(self, note: Note, probability: float) -> QRectF:
        """Return the bar of a note in the lane."""
        room = self.lane_room
        height = max(1.0, probability * room.height())
        width = max(2.0, float(note.length) * self.beat - GAP)
        return QRectF(self.x(float(note.start)), room.bottom() - height, width, height)


@dataclass(frozen=True)
class RollView:
    """What a person chose to see of a roll; a 0 or None leaves it to what fits.

    Attributes:
        beat: Width of a beat.
        row: Height of a row.
        high: Pitch of the highest row.
    """

    beat: float = 0.0
    row: float = 0.0
    high: int | None = None


def frame_of(
    score: Score,
    width: float,
    height: float,
    beat: float = 0.0,
    scroll: float = 0.0,
    view: RollView | None = None,
) -> RollFrame:
    """Return the places for a score in a widget.

    Rows are 8 to 16 high, and lower only where a tune has more pitches than fit; spare height
    shows more pitches at both ends. A `beat` of 0 takes the usual width. What a `view` says goes
    before all that.
    """
    view = view or RollView(beat)
    ruler = float(theme().metric("pianoRoll", "ruler"))
    lane = float(theme().metric("pianoRoll", "lane"))
    room = max(1.0, height - ruler - lane)
    low, high, row = _fitting_rows(score, room)
    if view.row:
        row = view.row
    if view.high is not None or view.row:
        count = int(-(-room // row))
        wanted = view.high if view.high is not None else (low + high + count) // 2
        high = min(KEYBOARD[1], max(wanted, min(KEYBOARD[1], count - 1)))
        low = max(KEYBOARD[0], high - count + 1)
    music = max(1.0, width - theme().metric("pianoRoll", "keys") - _RIGHT)
    fitting = music / max(1.0, float(score.end_beats))
    width_of_beat = view.beat or min(_USUAL_BEAT[1], max(_USUAL_BEAT[0], fitting))
    return RollFrame(width, height, low, high, row, width_of_beat, scroll)


def _fitting_rows(score: Score, room: float) -> tuple[int, int, float]:
    """Return lowest and highest pitch, and the height of a row, that show all notes."""
    pitches = [note.pitch for note in score.notes] or [60, 79]
    low, high = min(pitches) - 2, max(pitches) + 2
    count = max(high - low + 1, _LEAST_PITCHES)
    row = min(ROW[1], max(ROW[0], room / count))
    if row * (high - low + 1) > room:
        row = room / (high - low + 1)
    spare = max(0, int(-(-room // row)) - (high - low + 1))
    high = min(KEYBOARD[1], high + spare // 2)
    return max(KEYBOARD[0], high - int(-(-room // row)) + 1), high, row


def whole_width(frame: RollFrame, score: Score) -> float:
    """Return how wide all the music is, in pixels."""
    return float(score.end_beats) * frame.beat + _RIGHT
