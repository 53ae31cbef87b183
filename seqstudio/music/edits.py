"""Edits of a score: each takes a score and gives the next one; nothing is changed in place.

Notes are told by what they are: two equal notes are one and the same to an edit that names one of
them. Lengths and places are beats (quarter notes) as exact fractions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from seqstudio.music.score import Note, Score, Track

#: Places that are not snapped to a grid are whole parts of a beat of this number.
TICKS = 480
SHORTEST = Fraction(1, 32)
_BEATS = Fraction(4)
_LAST_BAR = 100_000


@dataclass(frozen=True)
class Edited:
    """What came of an edit.

    Attributes:
        score: The next score.
        notes: The notes that the edit was about, as they are now; empty when they are gone.
    """

    score: Score
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Places that notes snap to, counted from the beginning of each bar.

    Attributes:
        key: Name in code.
        title: Name for people.
        step: Distance in beats; None for whole bars, 0 for no grid.
    """

    key: str
    title: str
    step: Fraction | None

    @property
    def free(self) -> bool:
        """Whether nothing is snapped."""
        return self.step == 0

    def near(self, score: Score, beats: Fraction | float) -> Fraction:
        """Return the place of the grid that is nearest; ties go on."""
        low, high = self._between(score, beats)
        return low if ticked(beats) - low < high - ticked(beats) else high

    def before(self, score: Score, beats: Fraction | float) -> Fraction:
        """Return the place of the grid at or before a place."""
        return self._between(score, beats)[0]

    def length(self, score: Score, beats: Fraction | float = 0) -> Fraction:
        """Return how long one step is at a place; a sixteenth without a grid."""
        if self.step is None:
            first, end = bar_around(score, beats)
            return end - first
        return self.step or Fraction(1, 4)

    def _between(self, score: Score, beats: Fraction | float) -> tuple[Fraction, Fraction]:
        """Return the places of the grid around a place; a bar always ends on the grid."""
        exact = ticked(beats)
        if self.free:
            return exact, exact
        first, end = bar_around(score, exact)
        step = end - first if self.step is None else self.step
        low = first + floor((exact - first) / step) * step
        return low, min(low + step, end)


GRIDS: tuple[Grid, ...] = (
    Grid("bar", "Bar", None),
    Grid("1/4", "1/4", Fraction(1)),
    Grid("1/8", "1/8", Fraction(1, 2)),
    Grid("1/16", "1/16", Fraction(1, 4)),
    Grid("1/32", "1/32", Fraction(1, 8)),
    Grid("1/4T", "1/4 triplet", Fraction(2, 3)),
    Grid("1/8T", "1/8 triplet", Fraction(1, 3)),
    Grid("1/16T", "1/16 triplet", Fraction(1, 6)),
    Grid("off", "Off", Fraction(0)),
)
FREE = GRIDS[-1]


def ticked(beats: Fraction | float) -> Fraction:
    """Return a place as a fraction of manageable size, not before the beginning."""
    exact = beats if isinstance(beats, Fraction) else Fraction(round(beats * TICKS), TICKS)
    return max(Fraction(0), exact)


def bar_length(score: Score) -> Fraction:
    """Return the beats of a whole bar; free metre is barred in four."""
    if score.meter is None:
        return _BEATS
    return Fraction(4 * score.meter[0], score.meter[1])


def bar_around(score: Score, beats: Fraction | float) -> tuple[Fraction, Fraction]:
    """Return where the bar around a place begins and ends; bars go on behind the last one."""
    starts = score.bar_starts or (Fraction(0),)
    whole = bar_length(score)
    place = bisect_right(starts, beats) - 1
    if place < 0:
        return Fraction(0), starts[0]
    if place + 1 < len(starts):
        return starts[place], starts[place + 1]
    bars = floor((ticked(beats) - starts[-1]) / whole)
    first = starts[-1] + bars * whole
    return first, first + whole


# Changing notes


def add(score: Score, notes: Sequence[Note]) -> Edited:
    """Put notes in; bars are added where they end behind the last one."""
    return _exchanged(score, (), notes)


def remove(score: Score, notes: Iterable[Note]) -> Edited:
    """Take notes out; the length of the score stays."""
    return _exchanged(score, tuple(notes), ())


def move(score: Score, notes: Sequence[Note], beats: Fraction, semitones: int = 0) -> Edited:
    """Move notes in time and pitch together, as far as the first and the outermost can go."""
    by, up = room_to_move(notes, beats, semitones)
    return _changed(
        score, notes, lambda note: replace(note, start=note.start + by, pitch=note.pitch + up)
    )


def room_to_move(notes: Sequence[Note], beats: Fraction, semitones: int) -> tuple[Fraction, int]:
    """Return how far notes can go together without leaving beginning or keyboard."""
    if not notes:
        return Fraction(0), 0
    by = max(beats, -min(note.start for note in notes))
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    return by, min(max(semitones, -low), 127 - high)


def transpose(score: Score, notes: Sequence[Note], semitones: int) -> Edited:
    """Move notes in pitch together, as far as the outermost can go."""
    return move(score, notes, Fraction(0), semitones)


def resize(
    score: Score, notes: Sequence[Note], beats: Fraction, *, at_start: bool = False
) -> Edited:
    """Move the ends of notes, or their beginnings while the ends stay; none gets too short."""

    def changed(note: Note) -> Note:
        if not at_start:
            return replace(note, length=max(SHORTEST, note.length + beats))
        start = min(max(Fraction(0), note.start + beats), note.end - min(SHORTEST, note.length))
        return replace(note, start=start, length=note.end - start)

    return _changed(score, notes, changed)


def set_velocity(score: Score, notes: Sequence[Note], velocity: Callable[[Note], float]) -> Edited:
    """Give every note the velocity that is said of it, kept between 1 and 127."""

    def changed(note: Note) -> Note:
        return replace(note, velocity=min(127, max(1, round(velocity(note)))))

    return _changed(score, notes, changed)


def quantise(
    score: Score,
    notes: Sequence[Note],
    grid: Grid,
    strength: float = 1.0,
    *,
    ends: bool = False,
) -> Edited:
    """Pull notes to a grid.

    Args:
        score: The score.
        notes: Which of its notes.
        grid: Where to; a free one changes nothing.
        strength: Share of the way, 0 to 1.
        ends: Pull the ends too, else lengths stay.
    """

    def pulled(beats: Fraction) -> Fraction:
        return ticked(beats + Fraction(strength) * (grid.near(score, beats) - beats))

    def changed(note: Note) -> Note:
        start = pulled(note.start)
        length = max(SHORTEST, pulled(note.end) - start) if ends else note.length
        return replace(note, start=start, length=length)

    return Edited(score, tuple(notes)) if grid.free else _changed(score, notes, changed)


def set_voice(score: Score, notes: Sequence[Note], voice: int) -> Edited:
    """Give notes to another track."""
    return _changed(score, notes, lambda note: replace(note, voice=voice))


# Copies


@dataclass(frozen=True)
class Clip:
    """Notes that were copied.

    Attributes:
        notes: The notes, the first at beat 0.
        span: Beats from the beginning of the first to the end of the last.
    """

    notes: tuple[Note, ...]
    span: Fraction


def clip_of(notes: Sequence[Note]) -> Clip:
    """Return a copy of notes that can be put elsewhere.

    Raises:
        ValueError: There are no notes.
    """
    if not notes:
        raise ValueError("no notes to copy")
    first = min(note.start for note in notes)
    moved = tuple(replace(note, start=note.start - first, source=None) for note in notes)
    return Clip(moved, max(note.end for note in moved))


def paste(score: Score, clip: Clip, at: Fraction, voice: int | None = None) -> Edited:
    """Put a copy at a place, into a track or into those that the notes came from."""
    placed = [
        replace(note, start=note.start + at, voice=note.voice if voice is None else voice)
        for note in clip.notes
    ]
    return add(score, placed)


def duplicate(score: Score, notes: Sequence[Note], grid: Grid = FREE) -> Edited:
    """Put a copy of notes right behind them, on the grid."""
    if not notes:
        return Edited(score)
    clip = clip_of(notes)
    first = min(note.start for note in notes)
    step = grid.length(score, first) if not grid.free else SHORTEST
    steps = -((-clip.span) // step)
    return paste(score, clip, first + steps * step)


# Tracks


def set_track(score: Score, track: Track) -> Score:
    """Say what plays a voice."""
    others = [each for each in score.tracks if each.voice != track.voice]
    tracks = sorted([*others, track], key=lambda each: each.voice)
    return replace(score, tracks=tuple(tracks))


def voices_of(score: Score) -> tuple[int, ...]:
    """Return the voices that have notes or a track; an empty score has voice 0."""
    named = {track.voice for track in score.tracks}
    return tuple(sorted(named | set(score.voices))) or (0,)


def add_track(score: Score, name: str = "", program: int = 0) -> tuple[Score, Track]:
    """Add a voice without notes; return the score and what will play it."""
    known = voices_of(score)
    kept = score
    for voice in known:  # else a score without notes would lose its first voice to the new one
        kept = set_track(kept, kept.track(voice))
    track = Track(known[-1] + 1, name, program)
    return set_track(kept, track), track


def remove_track(score: Score, voice: int) -> Score:
    """Take a voice out with all its notes."""
    tracks = tuple(track for track in score.tracks if track.voice != voice)
    notes = tuple(note for note in score.notes if note.voice != voice)
    return replace(score, notes=notes, tracks=tracks)


# Parts shared


def _changed(score: Score, notes: Sequence[Note], change: Callable[[Note], Note]) -> Edited:
    return _exchanged(score, notes, [change(note) for note in notes])


def _exchanged(score: Score, gone: Sequence[Note], come: Sequence[Note]) -> Edited:
    """Put notes in the place of others; what was written anew has no text of its own."""
    left = Counter(gone)
    kept = []
    for note in score.notes:
        if left[note] > 0:
            left[note] -= 1
        else:
            kept.append(note)
    new = tuple(replace(note, source=None) for note in come)
    return Edited(_barred(replace(score, notes=(*kept, *new))), new)


def _barred(score: Score) -> Score:
    """Return a score whose bars reach to its end; a bar that is begun is filled up."""
    whole = bar_length(score)
    starts = list(score.bar_starts) or [Fraction(0)]
    if score.end_beats <= starts[-1] + whole and score.bar_starts:
        return score
    while starts[-1] + whole < score.end_beats and len(starts) < _LAST_BAR:
        starts.append(starts[-1] + whole)
    return replace(score, bar_starts=tuple(starts), end_beats=starts[-1] + whole)
