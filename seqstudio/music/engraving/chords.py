"""Chords and rests on their staff, before they have a place on the line: stems, sides, widths."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqstudio.music.engraving.notation import Bar, Event, Notation, Staff

HEAD = 1.18
WHOLE_HEAD = 1.69
ACCIDENTAL = 1.05
STEM = 3.5
_MIDDLE = 4
_SIGN_ROOM = 6


@dataclass(slots=True)
class Chord:
    """One event on its way onto the page.

    Attributes:
        event: What is written.
        staff: Number of the staff.
        layer: Number of the layer within it.
        steps: Place of each head in half spaces from the lowest line.
        up: Whether its stem points up.
        voiced: Whether it shares its staff with another layer.
        aside: For each head, whether it stands on the other side of the stem.
        columns: For each accidental, its column from the head, from 0; -1 without one.
        shift: How far it is moved right to make way for another layer.
        raised: Half spaces that a rest is moved to make way for another layer.
        x: Left edge of its heads, once placed.
        tip: y of its stem's end, once placed.
    """

    event: Event
    staff: int
    layer: int
    steps: tuple[int, ...]
    up: bool = True
    voiced: bool = False
    aside: tuple[bool, ...] = ()
    columns: tuple[int, ...] = ()
    shift: float = 0.0
    raised: int = 0
    x: float = 0.0
    tip: float = 0.0

    @property
    def start(self) -> Fraction:
        """Onset in beats."""
        return self.event.piece.start

    @property
    def stemmed(self) -> bool:
        """Whether it has a stem."""
        return bool(self.steps) and self.event.piece.base < 4

    @property
    def head_width(self) -> float:
        """Width of one of its heads."""
        return HEAD if self.event.piece.base < 4 else WHOLE_HEAD

    @property
    def left(self) -> float:
        """Room that accidentals and heads aside take left of x."""
        signs = max(self.columns, default=-1) + 1
        return signs * ACCIDENTAL + (0.3 if signs else 0.0) + self._aside_left - self.shift

    @property
    def _aside_left(self) -> float:
        return HEAD if any(self.aside) and not self.up else 0.0

    @property
    def right(self) -> float:
        """Room that heads, dots and flags take right of x."""
        piece = self.event.piece
        width = self.head_width + self.shift
        if any(self.aside) and self.up:
            width += HEAD
        if piece.dots:
            width += 0.35 + 0.55 * piece.dots
        flagged = piece.flags and piece.beam < 0 and self.steps and self.up
        return max(width, self.head_width + 0.95) if flagged else width

    @property
    def extent(self) -> tuple[float, float]:
        """Lowest and highest half space that it may reach, stem and all."""
        if not self.steps:
            return 0.0 + min(0, self.raised), 8.0 + max(0, self.raised)
        low, high = float(min(self.steps)), float(max(self.steps))
        if self.stemmed:
            reach = 2 * STEM + max(0, self.event.piece.flags - 2) * 1.5
            low, high = (low, high + reach) if self.up else (low - reach, high)
        return low - 1, high + 1


@dataclass(slots=True)
class Measure:
    """The chords of a bar.

    Attributes:
        bar: What is written.
        chords: All of them.
        onsets: Times at which something begins, rising.
        by_onset: The chords of each.
    """

    bar: Bar
    chords: list[Chord]
    onsets: list[Fraction] = field(default_factory=list)
    by_onset: dict[Fraction, list[Chord]] = field(default_factory=dict)


def measure_of(notation: Notation, bar: Bar) -> Measure:
    """Return the chords of a bar with stems, sides of heads and accidentals decided."""
    chords: list[Chord] = []
    for number, (staff, layers) in enumerate(zip(notation.staves, bar.staves, strict=True)):
        chords += _staff_chords(staff, number, layers)
    measure = Measure(bar, chords)
    for chord in chords:
        if not chord.event.piece.whole_bar:
            measure.by_onset.setdefault(chord.start, []).append(chord)
    measure.onsets = sorted(measure.by_onset)
    return measure


def _staff_chords(staff: Staff, number: int, layers: tuple[tuple[Event, ...], ...]) -> list[Chord]:
    sounding = [depth for depth, layer in enumerate(layers) if any(e.heads for e in layer)]
    shown = sounding or [0]
    chords: list[Chord] = []
    for order, depth in enumerate(shown):
        several = len(shown) > 1
        made = [
            Chord(event, number, depth, tuple(staff.clef.step(h.spelled) for h in event.heads))
            for event in layers[depth]
            if event.heads or order == 0 or len(staff.voices) > 1
        ]
        _point_stems(made, up=None if not several else order % 2 == 0)
        for chord in made:
            chord.voiced = several
            if several and not chord.steps:
                chord.raised = 4 if order % 2 == 0 else -4
        chords += made
    for chord in chords:
        chord.aside, chord.columns = _sides(chord), _sign_columns(chord)
    if len(shown) > 1:
        _make_way(chords)
    return chords


def _point_stems(chords: list[Chord], up: bool | None) -> None:
    """Point stems away from the middle line, those of a beam together."""
    beams: dict[int, list[Chord]] = {}
    for order, chord in enumerate(chords):
        beam = chord.event.piece.beam
        beams.setdefault(beam if beam >= 0 else -1 - order, []).append(chord)
    for group in beams.values():
        steps = [step for chord in group for step in chord.steps]
        if not steps:
            continue
        points_up = up if up is not None else _MIDDLE - min(steps) > max(steps) - _MIDDLE
        for chord in group:
            chord.up = points_up


def _sides(chord: Chord) -> tuple[bool, ...]:
    """Put heads a second apart on both sides of the stem."""
    aside = [False] * len(chord.steps)
    order = sorted(range(len(chord.steps)), key=lambda at: chord.steps[at], reverse=not chord.up)
    for before, at in pairwise(order):
        near = abs(chord.steps[before] - chord.steps[at]) <= 1
        aside[at] = near and not aside[before]
    return tuple(aside)


def _sign_columns(chord: Chord) -> tuple[int, ...]:
    """Put accidentals in columns in which none touch, the highest next to the head."""
    columns = [-1] * len(chord.steps)
    lowest: list[int] = []
    for at in reversed(range(len(chord.steps))):
        if chord.event.heads[at].accidental is None:
            continue
        step = chord.steps[at]
        column = next((c for c, low in enumerate(lowest) if low - step >= _SIGN_ROOM), None)
        if column is None:
            column = len(lowest)
            lowest.append(step)
        lowest[column] = step
        columns[at] = column
    return tuple(columns)


def _make_way(chords: list[Chord]) -> None:
    """Move a chord right whose heads would lie on those of an upper layer."""
    by_start: dict[Fraction, list[Chord]] = {}
    for chord in chords:
        if not chord.steps:
            continue
        for other in by_start.setdefault(chord.start, []):
            gap = min(abs(a - b) for a in chord.steps for b in other.steps)
            same = chord.event.piece.base == other.event.piece.base
            crossed = max(chord.steps) > min(other.steps)
            if gap == 1 or (gap == 0 and not same) or (crossed and gap <= 1):
                chord.shift = max(chord.shift, other.shift + HEAD + 0.15)
        by_start[chord.start].append(chord)
