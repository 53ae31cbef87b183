"""A score as it is written: staves, bars, note values, ties, beams, accidentals. No places yet.

`notate` is shared by the score view and by MusicXML: what is printed is what is saved.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from seqstudio.music.engraving.clefs import clef_for
from seqstudio.music.engraving.metre import Metre, metre_of
from seqstudio.music.engraving.rhythm import Piece, Raw, written
from seqstudio.music.keys import Key, Spelled, parse_key, spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seqstudio.music.engraving.clefs import Clef
    from seqstudio.music.score import Note, Score, Track

#: Places of a beat that times are rounded to where they lie on no grid that can be written.
ROUNDED = 24
_ODD_PARTS = frozenset({1, 3, 5, 7, 9})
_FINEST = 32
_LONG_BARS = 3


@dataclass(frozen=True, slots=True)
class Head:
    """A note head.

    Attributes:
        note: Number of the note in the score.
        spelled: Its place on the staff.
        accidental: Alteration that is written before it, None for none.
    """

    note: int
    spelled: Spelled
    accidental: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A chord or rest of one layer in one bar.

    Attributes:
        piece: Its rhythm; times in beats from the beginning of the score.
        heads: From the lowest, none for a rest.
    """

    piece: Piece
    heads: tuple[Head, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff of the score.

    Attributes:
        voices: The voices on it; of two, the first has its stems up, the other down.
        clef: Its clef throughout.
        track: What plays its first voice.
    """

    voices: tuple[int, ...]
    clef: Clef
    track: Track


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: when it is, and what is in it.

    Attributes:
        start: In beats from the beginning of the score.
        length: In beats.
        staves: For each staff its layers, each the events that fill the bar.
    """

    start: Fraction
    length: Fraction
    staves: tuple[tuple[tuple[Event, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Notation:
    """A score ready to be laid out or saved.

    Attributes:
        score: What is written.
        staves: From the top.
        bars: In order; none for a score without notes and bars.
        key: The key signature throughout.
        metre: How bars are divided.
    """

    score: Score
    staves: tuple[Staff, ...]
    bars: tuple[Bar, ...]
    key: Key
    metre: Metre


def notate(score: Score, staves: Sequence[Sequence[int]] | None = None) -> Notation:
    """Write a score down.

    Times that no note value can have are rounded to 1/24 beat; all that have a binary part up
    to 1/32 beat and an odd part up to 9 are kept.

    Args:
        score: The score.
        staves: Voices of each staff; None gives every voice its own.
    """
    voices = staves if staves is not None else [[voice] for voice in score.voices]
    key, metre = parse_key(score.key)[0], metre_of(score.meter)
    borders = _borders(score, metre)
    made = tuple(_staff(score, tuple(each)) for each in voices)
    columns = [_staff_bars(score, staff, borders, metre, key) for staff in made]
    bars = tuple(
        Bar(start, end - start, tuple(column[order] for column in columns))
        for order, (start, end) in enumerate(pairwise(borders))
    )
    return Notation(score, made, bars, key, metre)


def _staff(score: Score, voices: tuple[int, ...]) -> Staff:
    pitches = [note.pitch for note in score.notes if note.voice in voices]
    return Staff(voices, clef_for(pitches), score.track(voices[0] if voices else 0))


def tidy(time: Fraction) -> Fraction:
    """Return the nearest time that can be written."""
    bottom = time.denominator
    binary = bottom & -bottom
    if binary <= _FINEST and bottom // binary in _ODD_PARTS:
        return time
    return Fraction(round(time * ROUNDED), ROUNDED)


def _borders(score: Score, metre: Metre) -> list[Fraction]:
    """Return where bars begin and the last one ends; bars without end are cut."""
    end = max([tidy(score.end_beats), *(_span(note)[1] for note in score.notes)], default=0)
    starts = {Fraction(0), *(tidy(start) for start in score.bar_starts)}
    ordered = [*sorted(start for start in starts if start < end), Fraction(end)]
    borders = ordered[:1]
    for start, stop in pairwise(ordered):
        long = stop - start > _LONG_BARS * metre.length or not score.bar_starts
        place = start + metre.length
        while long and place < stop:
            borders.append(place)
            place += metre.length
        borders.append(stop)
    return borders


def _span(note: Note) -> tuple[Fraction, Fraction]:
    start = tidy(note.start)
    return start, max(tidy(note.end), start + Fraction(1, ROUNDED))


def _staff_bars(
    score: Score, staff: Staff, borders: list[Fraction], metre: Metre, key: Key
) -> list[tuple[tuple[Event, ...], ...]]:
    layers = [layer for voice in staff.voices for layer in _layers(score, voice)]
    columns = [_layer_bars(layer, borders, metre) for layer in layers or [[]]]
    return [_with_heads(score, bar, key) for bar in zip(*columns, strict=True)]


def _layers(score: Score, voice: int) -> list[list[Raw]]:
    """Join notes of one time into chords and spread these so that none overlap in a layer."""
    chords: dict[tuple[Fraction, Fraction], list[int]] = defaultdict(list)
    for number, note in enumerate(score.notes):
        if note.voice == voice:
            chords[_span(note)].append(number)
    layers: list[list[Raw]] = []
    for (start, end), numbers in sorted(chords.items()):
        layer = next((each for each in layers if each[-1].end <= start), None)
        if layer is None:
            layer = []
            layers.append(layer)
        layer.append(Raw(start, end, tuple(numbers)))
    return layers or [[]]


def _layer_bars(
    layer: list[Raw], borders: list[Fraction], metre: Metre
) -> list[tuple[Piece, ...]]:
    """Cut a layer at the bar lines, fill it with rests and give everything its note values."""
    bars, pending = [], list(reversed(layer))
    lengths = [end - start for start, end in pairwise(borders)]
    for order, (start, end) in enumerate(pairwise(borders)):
        raw: list[Raw] = []
        at = start
        while at < end:
            if not pending or pending[-1].start > at:
                stop = min(end, pending[-1].start) if pending else end
                raw.append(Raw(at, stop, ()))
            else:
                following = pending.pop()
                stop = min(end, following.end)
                goes_on = following.end > stop
                raw.append(replace(following, end=stop, tied_on=goes_on))
                if goes_on:
                    pending.append(replace(following, start=stop, tied_from=True))
            at = stop
        bars.append(tuple(written(raw, start, _upbeat(lengths, order, metre), metre)))
    return bars


def _upbeat(lengths: list[Fraction], order: int, metre: Metre) -> Fraction:
    """Return where in the metre a bar begins: a first short bar is the end of a full one."""
    short = lengths[order] < metre.length
    first = order == 0 and len(lengths) > 1
    completes = order > 0 and lengths[order - 1] + lengths[order] == metre.length
    return metre.length - lengths[order] if short and (first or completes) else Fraction(0)


def _with_heads(
    score: Score, layers: Iterable[tuple[Piece, ...]], key: Key
) -> tuple[tuple[Event, ...], ...]:
    """Spell the notes of a bar; an accidental holds for its line or space to the bar's end."""
    kept = [list(layer) for layer in layers]
    order = sorted(
        ((piece.start, depth, place) for depth, layer in enumerate(kept)
         for place, piece in enumerate(layer)),
    )  # fmt: skip
    made: dict[tuple[int, int], Event] = {}
    in_force: dict[tuple[int, int], int] = {}
    for _start, depth, place in order:
        piece = kept[depth][place]
        heads = [_head(score, number, piece, key, in_force) for number in piece.notes]
        made[depth, place] = Event(piece, tuple(heads))
    return tuple(
        tuple(made[depth, place] for place in range(len(layer)))
        for depth, layer in enumerate(kept)
    )


def _head(
    score: Score, number: int, piece: Piece, key: Key, in_force: dict[tuple[int, int], int]
) -> Head:
    spelled = spell(score.notes[number].pitch, key)
    place = (spelled.letter, spelled.octave)
    if piece.tied_from or in_force.get(place, key.alters[spelled.letter]) == spelled.alter:
        return Head(number, spelled)
    in_force[place] = spelled.alter
    return Head(number, spelled, spelled.alter)
