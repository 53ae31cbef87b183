"""Where everything lies in a piano roll: pitches, beats, ruler and lane in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import QRectF

from seqstudio.music.score import Note, Score
from seqstudio.studio.theme import theme

ROW = (8.0, 16.0)
BEAT = (5.0, 200.0)
_USUAL_BEAT = (20.0, 52.0)
_LEAST_PITCHES = 20
_BLACK = frozenset({1, 3, 6, 8, 10})
_GAP = 1.5
_RIGHT = 24.0
LANE_TITLE = 8.0


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
    def lane(self) -> QRectF:
        """Probability bars at the bottom."""
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

    def note_rect(self, note: Note) -> QRectF:
        """Return where a note is drawn."""
        width = max(2.0, float(note.length) * self.beat - _GAP)
        return QRectF(self.x(float(note.start)), self.y(note.pitch) + 0.75, width, self.row - 1.5)

    def lane_rect(self, note: Note, probability: float) -> QRectF:
        """Return the bar of a note in the lane."""
        room = self.lane.adjusted(0, LANE_TITLE, 0, -4)
        height = max(1.0, probability * room.height())
        width = max(2.0, float(note.length) * self.beat - _GAP)
        return QRectF(self.x(float(note.start)), room.bottom() - height, width, height)


def frame_of(
    score: Score, width: float, height: float, beat: float = 0.0, scroll: float = 0.0
) -> RollFrame:
    """Return the places for a score in a widget.

    Rows are 8 to 16 high, and lower only where a tune has more pitches than fit; spare height
    shows more pitches at both ends. A `beat` of 0 takes the usual width.
    """
    ruler = float(theme().metric("pianoRoll", "ruler"))
    lane = float(theme().metric("pianoRoll", "lane"))
    room = max(1.0, height - ruler - lane)
    pitches = [note.pitch for note in score.notes] or [60, 79]
    low, high = min(pitches) - 2, max(pitches) + 2
    count = max(high - low + 1, _LEAST_PITCHES)
    row = min(ROW[1], max(ROW[0], room / count))
    if row * (high - low + 1) > room:
        row = room / (high - low + 1)
    spare = max(0, int(-(-room // row)) - (high - low + 1))
    high = min(127, high + spare // 2)
    low = max(0, high - int(-(-room // row)) + 1)
    music = max(1.0, width - theme().metric("pianoRoll", "keys") - _RIGHT)
    fitting = music / max(1.0, float(score.end_beats))
    width_of_beat = beat or min(_USUAL_BEAT[1], max(_USUAL_BEAT[0], fitting))
    return RollFrame(width, height, low, high, row, width_of_beat, scroll)


def whole_width(frame: RollFrame, score: Score) -> float:
    """Return how wide all the music is, in pixels."""
    return float(score.end_beats) * frame.beat + _RIGHT
