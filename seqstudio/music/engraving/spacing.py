"""How wide bars are, and which stand on a line."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqstudio.music.engraving.chords import Measure

_LEAD = 1.1
_TAIL = 0.4
_AIR = 0.35
_FULL_REST = 6.0
_LEAST_GAP = 1.7


@dataclass(frozen=True, slots=True)
class Width:
    """The widths of a bar.

    Attributes:
        lead: From the bar line to the first onset.
        gaps: From each onset to the next, the last to the bar line: (as wanted, at least).
    """

    lead: float
    gaps: tuple[tuple[float, float], ...]

    def stretched(self, factor: float) -> float:
        """Return the whole width when gaps are so many times as wide as wanted."""
        return self.lead + sum(max(wanted * factor, least) for wanted, least in self.gaps)

    def places(self, factor: float) -> list[float]:
        """Return the place of each onset and of the closing bar line."""
        places = [self.lead]
        for wanted, least in self.gaps:
            places.append(places[-1] + max(wanted * factor, least))
        return places


def width_of(measure: Measure) -> Width:
    """Return the widths of a bar; longer notes get more room, but not in proportion."""
    onsets = measure.onsets
    if not onsets:
        return Width(_LEAD, ((_FULL_REST, _LEAST_GAP),))
    lefts = [max(chord.left for chord in measure.by_onset[onset]) for onset in onsets]
    rights = [max(chord.right for chord in measure.by_onset[onset]) for onset in onsets]
    end = measure.bar.start + measure.bar.length
    gaps = []
    for order, (onset, following) in enumerate(pairwise([*onsets, end])):
        after = lefts[order + 1] if order + 1 < len(lefts) else _TAIL
        gaps.append((_wanted(following - onset), rights[order] + after + _AIR))
    return Width(_LEAD + max(0.0, lefts[0]), tuple(gaps))


def _wanted(length: Fraction) -> float:
    return max(_LEAST_GAP, 2.1 + 1.15 * log2(max(4 * float(length), 0.1)))


def broken(widths: list[Width], first: float, further: float) -> list[list[int]]:
    """Return the numbers of the bars of each line.

    Args:
        widths: Of the bars.
        first: Room for bars on the first line.
        further: Room on the other lines.
    """
    lines: list[list[int]] = []
    left = 0.0
    for number, width in enumerate(widths):
        wanted = width.stretched(1.0)
        if not lines or wanted > left:
            lines.append([])
            left = first if len(lines) == 1 else further
        lines[-1].append(number)
        left -= wanted
    return lines


def factor_for(widths: list[Width], room: float, most: float) -> float:
    """Return by how much gaps are stretched or squeezed so that bars fill a line.

    Args:
        widths: Of the bars of the line.
        room: Width of the line.
        most: Largest factor; a line that stays shorter is not filled.
    """
    low, high = 0.05, most
    if sum(width.stretched(most) for width in widths) <= room:
        return most
    for _ in range(24):
        middle = (low + high) / 2
        if sum(width.stretched(middle) for width in widths) > room:
            high = middle
        else:
            low = middle
    return low
