"""Note values: from times to durations that can be printed, with dots, ties, tuplets and beams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

from seqstudio.music.engraving.metre import (
    Metre,
    beam_span,
    is_single,
    singles,
    split,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_EIGHTH = Fraction(1, 2)
_MOST_IN_TUPLET = 9
_FINEST = 256


@dataclass(frozen=True, slots=True)
class Raw:
    """A chord (numbers of notes) or rest between two times in beats, before it has values."""

    start: Fraction
    end: Fraction
    notes: tuple[int, ...]
    tied_from: bool = False
    tied_on: bool = False

    @property
    def length(self) -> Fraction:
        """Duration in beats."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Piece:
    """What one printed note, chord or rest lasts.

    Attributes:
        start: In beats from the beginning of the score.
        length: As it sounds, in beats.
        base: The printed value without dots, 1 for a quarter note.
        dots: Number of dots.
        notes: Numbers of notes in the score; none for a rest.
        tied_from: Whether a tie leads here.
        tied_on: Whether a tie leads on.
        actual: Notes of its tuplet that are played ...
        normal: ... in the time of so many; 1 in 1 outside tuplets.
        tuplet: "start", "stop" or "both" at the ends of its tuplet, else "".
        beam: Number of its beam in the bar, -1 for none.
        whole_bar: Whether it is the rest of a whole bar.
    """

    start: Fraction
    length: Fraction
    base: Fraction
    dots: int
    notes: tuple[int, ...]
    tied_from: bool = False
    tied_on: bool = False
    actual: int = 1
    normal: int = 1
    tuplet: str = ""
    beam: int = -1
    whole_bar: bool = False

    @property
    def end(self) -> Fraction:
        """Where the next piece begins."""
        return self.start + self.length

    @property
    def flags(self) -> int:
        """Flags or beams of the value: 1 for an eighth note."""
        return max(0, (1 / self.base).numerator.bit_length() - 1)


def written(raw: list[Raw], start: Fraction, upbeat: Fraction, metre: Metre) -> list[Piece]:
    """Give the content of a bar its note values.

    Args:
        raw: Fills the bar without gap.
        start: Of the bar.
        upbeat: Where in the metre it begins.
        metre: The metre.
    """
    if len(raw) == 1 and not raw[0].notes:
        rest = raw[0]
        return [Piece(rest.start, rest.length, Fraction(4), 0, (), whole_bar=True)]
    pieces: list[Piece] = []
    for run, actual in _runs(raw, start, metre.beat):
        if actual == 1:
            for each in run:
                pieces += _plain(each, upbeat - start, metre)
        else:
            pieces += _tuplet(run, actual)
    return _beamed(pieces, upbeat - start, metre)


def _plain(raw: Raw, shift: Fraction, metre: Metre) -> list[Piece]:
    parts = split(raw.start + shift, raw.end + shift, metre, rest=not raw.notes)
    return _chain(raw, [(part, part) for part in parts])


def _chain(raw: Raw, parts: list[tuple[Fraction, Fraction]]) -> list[Piece]:
    """Return tied pieces of (length, printed length)."""
    pieces, at = [], raw.start
    for order, (length, printed) in enumerate(parts):
        base, dots = value_of(printed)
        tied_from = bool(raw.notes) and (raw.tied_from or order > 0)
        tied_on = bool(raw.notes) and (raw.tied_on or order < len(parts) - 1)
        pieces.append(Piece(at, length, base, dots, raw.notes, tied_from, tied_on))
        at += length
    return pieces


# Tuplets


def _odd_part(number: int) -> int:
    return number // (number & -number)


def _runs(raw: list[Raw], bar: Fraction, beat: Fraction) -> Iterator[tuple[list[Raw], int]]:
    """Yield runs that begin and end at binary times, with the number of their tuplet or 1."""
    at = 0
    while at < len(raw):
        run = _run(raw, at, bar)
        at += len(run)
        actual = _number(run)
        if actual == 1 or _prints_well(run, actual):
            yield run, actual
            continue
        cut = _cut_at_beats(run, bar, beat)
        inner = 0
        while inner < len(cut):
            part = _run(cut, inner, bar)
            inner += len(part)
            yield part, _number(part)


def _run(raw: list[Raw], at: int, bar: Fraction) -> list[Raw]:
    stop = at
    while stop < len(raw) - 1 and _odd_part((raw[stop].end - bar).denominator) != 1:
        stop += 1
    return raw[at : stop + 1]


def _number(run: list[Raw]) -> int:
    return lcm(*(_odd_part(raw.length.denominator) for raw in run))


def _normal(actual: int, run: list[Raw]) -> int:
    """Return the binary number below that of a tuplet, lower where values would be too short."""
    normal = 1 << (actual.bit_length() - 1)
    finest = max((raw.length * actual).denominator for raw in run)
    while normal > 1 and normal * finest > _FINEST:
        normal //= 2
    return normal


def _prints_well(run: list[Raw], actual: int) -> bool:
    stretch = Fraction(actual, _normal(actual, run))
    total = run[-1].end - run[0].start
    even = len({raw.length for raw in run}) == 1
    binary = total.numerator.bit_count() == 1 and total <= 4
    fit = all(is_single(raw.length * stretch) for raw in run)
    return fit and (even or binary) and actual <= _MOST_IN_TUPLET


def _cut_at_beats(run: list[Raw], bar: Fraction, beat: Fraction) -> list[Raw]:
    """Cut notes that reach into a tuplet from outside at the beats next to it."""
    parts: list[Raw] = []
    for raw in run:
        first = bar + ((raw.start - bar) // beat + 1) * beat
        last = bar + ((raw.end - bar) // beat) * beat
        places = []
        if _odd_part((raw.start - bar).denominator) != 1:
            places.append(first)
        if _odd_part((raw.end - bar).denominator) != 1:
            places.append(last)
        parts += _cut(raw, sorted({place for place in places if raw.start < place < raw.end}))
    return parts


def _cut(raw: Raw, places: list[Fraction]) -> list[Raw]:
    parts = []
    for place in places:
        parts.append(replace(raw, end=place, tied_on=bool(raw.notes)))
        raw = replace(raw, start=place, tied_from=bool(raw.notes))
    return [*parts, raw]


def _tuplet(run: list[Raw], actual: int) -> list[Piece]:
    normal = _normal(actual, run)
    stretch = Fraction(actual, normal)
    pieces: list[Piece] = []
    for raw in run:
        parts = singles(raw.length * stretch)
        pieces += _chain(raw, [(part / stretch, part) for part in parts])
    made = [replace(piece, actual=actual, normal=normal) for piece in pieces]
    if len(made) == 1:
        return [replace(made[0], tuplet="both")]
    made[0] = replace(made[0], tuplet="start")
    made[-1] = replace(made[-1], tuplet="stop")
    return made


# Beams


def _beamed(pieces: list[Piece], shift: Fraction, metre: Metre) -> list[Piece]:
    """Join neighbours with flags that stand in one beat group."""
    made, beam = list(pieces), 0
    group: list[int] = []
    spans = _beam_places(pieces, shift, metre)
    for order, piece in enumerate([*pieces, None]):
        joins = piece is not None and bool(piece.notes) and piece.base <= _EIGHTH
        if group and (not joins or spans[order] != spans[group[-1]]):
            if len(group) > 1:
                for each in group:
                    made[each] = replace(made[each], beam=beam)
                beam += 1
            group = []
        if joins:
            group.append(order)
    return made


def _beam_places(pieces: list[Piece], shift: Fraction, metre: Metre) -> list[int]:
    """Return for each piece the number of the group that it may be beamed in."""
    if metre.strict:
        return [metre.group_of(piece.start + shift) for piece in pieces]
    wide, narrow = beam_span(metre, even=True), beam_span(metre, even=False)
    uneven = {int((piece.start + shift) // wide) for piece in pieces if _is_short(piece)}
    places = []
    for piece in pieces:
        place = int((piece.start + shift) // wide)
        inner = int((piece.start + shift) // narrow)
        places.append(1000 + inner if place in uneven else place)
    return places


def _is_short(piece: Piece) -> bool:
    return bool(piece.notes) and (piece.base < _EIGHTH or piece.actual > 1 or bool(
        piece.dots and piece.base <= _EIGHTH))  # fmt: skip
