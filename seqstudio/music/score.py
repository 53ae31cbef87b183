"""A score: notes on a line of beats, the one form that every reader, writer and player shares.

A beat is a quarter note, whatever the metre. Times in beats are exact fractions; seconds are
floats and appear only where sound is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_TEMPO_BPM = 120.0
DEFAULT_VELOCITY = 80


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note.

    Attributes:
        pitch: Semitones, 60 = middle C, 0 to 127.
        start: Onset in beats from the beginning of the score.
        length: Duration in beats, above zero.
        velocity: Loudness, 1 to 127.
        voice: Number of the voice, from 0.
        source: Character range (start, end) of the text that wrote the note, or None. Notes
            played twice by a repeat share one range; a tied note keeps the range of its head.
    """

    pitch: int
    start: Fraction
    length: Fraction
    velocity: int = DEFAULT_VELOCITY
    voice: int = 0
    source: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.pitch <= 127 and 1 <= self.velocity <= 127):
            msg = f"pitch {self.pitch} or velocity {self.velocity} is outside its range"
            raise ValueError(msg)
        if self.start < 0 or self.length <= 0:
            msg = f"a note needs start >= 0 and length > 0, not {self.start} and {self.length}"
            raise ValueError(msg)

    @property
    def end(self) -> Fraction:
        """Release in beats."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Score:
    """Notes with what is needed to play and to bar them.

    Attributes:
        notes: Sorted by onset, then pitch (the constructor sorts).
        tempo_bpm: Quarter notes a minute, above zero.
        meter: Numerator and denominator of the first metre, None for free metre.
        key: Key in words, "D major", "A dorian", "none".
        title: Title, or "".
        bar_starts: Onsets in beats of the bars as played, repeats written out.
        end_beats: Length of the score in beats, closing rests included; never before the end
            of the last note.
    """

    notes: tuple[Note, ...] = ()
    tempo_bpm: float = DEFAULT_TEMPO_BPM
    meter: tuple[int, int] | None = None
    key: str = "none"
    title: str = ""
    bar_starts: tuple[Fraction, ...] = ()
    end_beats: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not self.tempo_bpm > 0:
            msg = f"a tempo must be above zero, not {self.tempo_bpm}"
            raise ValueError(msg)
        notes = tuple(sorted(self.notes, key=lambda note: (note.start, note.pitch, note.voice)))
        last = max((note.end for note in notes), default=Fraction(0))
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "end_beats", max(Fraction(self.end_beats), last))

    @property
    def end_seconds(self) -> float:
        """Length of the score in seconds at its own tempo."""
        return self.seconds(self.end_beats)

    @property
    def voices(self) -> tuple[int, ...]:
        """Numbers of the voices that have notes, ascending."""
        return tuple(sorted({note.voice for note in self.notes}))

    def seconds(self, beats: Fraction | float) -> float:
        """Return the time in seconds of a place in beats."""
        return float(beats) * 60.0 / self.tempo_bpm

    def beats(self, seconds: float) -> float:
        """Return the place in beats of a time in seconds."""
        return seconds * self.tempo_bpm / 60.0


def sounding_at(notes: Iterable[Note], beats: Fraction | float) -> tuple[Note, ...]:
    """Return the notes that sound at a place in beats; a note ends just before its release."""
    return tuple(note for note in notes if note.start <= beats < note.end)
