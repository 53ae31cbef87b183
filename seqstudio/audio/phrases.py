"""What somebody plays on a keyboard, as a score: recorded, made even, heard to its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from seqstudio.music.score import Note, Score

#: Places that notes are drawn to: sixteenths.
GRID = Fraction(1, 4)
_FINEST = 480
_SHORTEST = Fraction(1, 24)


@dataclass(frozen=True, slots=True)
class Feel:
    """The measure that a phrase is played in, and how it is written down.

    Attributes:
        tempo_bpm: Quarter notes a minute.
        meter: Numerator and denominator.
        strength: How far notes are drawn to the grid, 0 as played to 1 on it.
        grid: Beats between its lines.
    """

    tempo_bpm: float = 120.0
    meter: tuple[int, int] = (4, 4)
    strength: float = 1.0
    grid: Fraction = GRID

    @property
    def bar_beats(self) -> Fraction:
        """Length of a bar in beats."""
        return Fraction(4 * self.meter[0], self.meter[1])

    def placed(self, beats: float) -> Fraction:
        """Return a place drawn towards the grid."""
        line = round(beats / float(self.grid)) * float(self.grid)
        drawn = beats + (line - beats) * self.strength
        return Fraction(round(max(0.0, drawn) * _FINEST), _FINEST)

    def bars(self, end: Fraction) -> tuple[Fraction, ...]:
        """Return the bar lines from 0 up to an end."""
        count = max(1, -(-end // self.bar_beats))
        return tuple(self.bar_beats * number for number in range(int(count)))

    def clicks(self, bars: int, title: str = "") -> Score:
        """Return a score of so many bars without notes, for a metronome to click."""
        end = self.bar_beats * bars
        return Score((), self.tempo_bpm, self.meter, "none", title, self.bars(end), end)


@dataclass(slots=True)
class _Struck:
    pitch: int
    velocity: int
    first: float
    end: float | None = None


@dataclass(slots=True)
class Recorder:
    """Gathers notes as they are played; places are beats of a running clock.

    Attributes:
        feel: The measure, and how notes are written down.
        begins: Beat of the clock that the phrase counts from; notes before it belong to it as
            soon as they are nearer to it than half a line of the grid.
    """

    feel: Feel = field(default_factory=Feel)
    begins: float = 0.0
    _notes: list[_Struck] = field(default_factory=list)
    _last: float = 0.0

    def note_on(self, beats: float, pitch: int, velocity: int) -> None:
        """Take a key going down."""
        self.note_off(beats, pitch)  # a key that is struck again was released meanwhile
        if beats >= self.begins - float(self.feel.grid) / 2:
            self._notes.append(_Struck(pitch, max(1, min(127, velocity)), beats))
            self._last = beats

    def note_off(self, beats: float, pitch: int) -> None:
        """Take a key going up."""
        for struck in self._notes:
            if struck.pitch == pitch and struck.end is None:
                struck.end = beats
                self._last = max(self._last, beats)

    @property
    def held(self) -> bool:
        """Whether a key is down."""
        return any(struck.end is None for struck in self._notes)

    @property
    def empty(self) -> bool:
        """Whether nothing has been played yet."""
        return not self._notes

    def pause_beats(self, now: float) -> float:
        """Return for how many beats nothing has been played or held, 0 before the first note."""
        return 0.0 if self.empty or self.held else max(0.0, now - self._last)

    def score(self, now: float, title: str = "Played phrase") -> Score:
        """Return what has been played, keys that are still down up to `now`; empty for nothing."""
        feel = self.feel
        notes = tuple(self._note(struck, now) for struck in self._notes)
        last = max((note.end for note in notes), default=Fraction(0))
        end = feel.bar_beats * max(1, -(-last // feel.bar_beats))
        return Score(notes, feel.tempo_bpm, feel.meter, "none", title, feel.bars(end), end)

    def _note(self, struck: _Struck, now: float) -> Note:
        feel = self.feel
        start = feel.placed(struck.first - self.begins)
        end = feel.placed((now if struck.end is None else struck.end) - self.begins)
        least = feel.grid if feel.strength >= 1 else _SHORTEST
        return Note(struck.pitch, start, max(least, end - start), struck.velocity)


def shifted(notes: Iterable[Note], beats: Fraction) -> tuple[Note, ...]:
    """Return notes later by so many beats."""
    return tuple(
        Note(n.pitch, n.start + beats, n.length, n.velocity, n.voice, n.source) for n in notes
    )
