"""A score: notes on a line of beats, the one form that every reader, writer and player shares.

A beat is a quarter note, whatever the metre. Times in beats are exact fractions; seconds are
floats and appear only where sound is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
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
class Track:
    """What plays the notes of a voice.

    Attributes:
        voice: Number of the voice.
        name: Name for people, or "".
        program: General MIDI program, 0 to 127; 0 is the piano.
        drums: Whether pitches are drums of the General MIDI drum map instead.
    """

    voice: int
    name: str = ""
    program: int = 0
    drums: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Notes with what is needed to play and to bar them.

    Attributes:
        notes: Sorted by onset, then pitch (the constructor sorts).
        tempo_bpm: Quarter notes a minute at the beginning, above zero.
        tempos: Later changes of the tempo: (beat, quarter notes a minute), beats above zero and
            rising.
        tracks: What plays each voice; a voice that is not named has `Track(voice)`.
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
    tempos: tuple[tuple[Fraction, float], ...] = ()
    tracks: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        slowest = min([self.tempo_bpm, *(bpm for _beat, bpm in self.tempos)])
        if not slowest > 0:
            msg = f"a tempo must be above zero, not {slowest}"
            raise ValueError(msg)
        changes = [Fraction(0), *(beat for beat, _bpm in self.tempos)]
        if any(before >= after for before, after in pairwise(changes)):
            raise ValueError("changes of the tempo must follow each other")
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

    @property
    def pitched(self) -> tuple[Note, ...]:
        """The notes that have a pitch: all but those of drums."""
        drums = {track.voice for track in self.tracks if track.drums}
        return tuple(note for note in self.notes if note.voice not in drums)

    def track(self, voice: int) -> Track:
        """Return what plays a voice."""
        return next((each for each in self.tracks if each.voice == voice), Track(voice))

    def seconds(self, beats: Fraction | float) -> float:
        """Return the time in seconds of a place in beats."""
        began, total_s, bpm = 0.0, 0.0, self.tempo_bpm
        for beat, following in self.tempos:
            if beat >= beats:
                break
            total_s += (float(beat) - began) * 60.0 / bpm
            began, bpm = float(beat), following
        return total_s + (float(beats) - began) * 60.0 / bpm

    def beats(self, seconds: float) -> float:
        """Return the place in beats of a time in seconds."""
        began, left_s, bpm = 0.0, seconds, self.tempo_bpm
        for beat, following in self.tempos:
            span_s = (float(beat) - began) * 60.0 / bpm
            if span_s >= left_s:
                break
            left_s -= span_s
            began, bpm = float(beat), following
        return began + left_s * bpm / 60.0

    def at_tempo(self, bpm: float) -> Score:
        """Return the same score begun at another tempo; later changes keep their ratio to it."""
        factor = bpm / self.tempo_bpm
        tempos = tuple((beat, later * factor) for beat, later in self.tempos)
        return replace(self, tempo_bpm=bpm, tempos=tempos)


def sounding_at(notes: Iterable[Note], beats: Fraction | float) -> tuple[Note, ...]:
    """Return the notes that sound at a place in beats; a note ends just before its release."""
    return tuple(note for note in notes if note.start <= beats < note.end)
