"""How a bar is divided: which durations one note may have where, and what is beamed together.

All times are in beats (quarter notes) from the beginning of the metre's bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate

_ADDITIVE = {5: (3, 2), 7: (2, 2, 3), 8: (3, 3, 2), 10: (3, 2, 3, 2), 11: (3, 3, 3, 2)}
_SHORTEST = Fraction(1, 1024)
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Metre:
    """The grouping of a bar.

    Attributes:
        length: Of a full bar.
        groups: Where its groups begin, the first at 0.
        beat: The counted beat; groups of a compound metre are one beat.
        unit: What the metre is counted in: the eighth note of 6/8.
        strict: Whether no note but one of whole groups may cross into another group.
    """

    length: Fraction
    groups: tuple[Fraction, ...]
    beat: Fraction
    unit: Fraction
    strict: bool

    def group_of(self, time: Fraction) -> int:
        """Return the number of the group that a time lies in."""
        inside = time % self.length
        return max(order for order, start in enumerate(self.groups) if start <= inside)

    def boundary_in(self, start: Fraction, end: Fraction) -> Fraction:
        """Return the most important place strictly between two times."""
        inside = [group for group in self.groups if start < group < end]
        if inside:
            middle = self.length / 2
            return min(inside, key=lambda group: (group != middle, group))
        step = self.unit
        while step >= _SHORTEST:
            place = (start // step + 1) * step
            if place < end:
                return place
            step /= 2
        return (start + end) / 2


@lru_cache(maxsize=64)
def metre_of(meter: tuple[int, int] | None) -> Metre:
    """Return how a metre groups its bar; free metre is grouped like 4/4."""
    count, unit_of = meter or (4, 4)
    unit = Fraction(4, unit_of)
    if unit_of >= 8 and count % 3 == 0 and count > 3:
        sizes: tuple[int, ...] = (3,) * (count // 3)
    elif unit_of >= 8 and count in _ADDITIVE:
        sizes = _ADDITIVE[count]
    elif unit_of >= 8 and count == 3:
        sizes = (3,)
    else:
        sizes = (1,) * count
    strict = any(size > 1 for size in sizes)
    starts = (0, *accumulate(sizes[:-1]))
    groups = tuple(start * unit for start in starts)
    beat = sizes[0] * unit if strict else unit
    return Metre(count * unit, groups, beat, unit, strict)


def is_single(length: Fraction, dots: int = 1) -> bool:
    """Tell whether one note can last so long, with so many dots at most."""
    return value_of(length)[1] <= dots if _has_value(length) else False


def _has_value(length: Fraction) -> bool:
    top, bottom = length.numerator, length.denominator
    return bottom.bit_count() == 1 and bottom <= 1024 and length <= 8 and _odd(top) in {1, 3, 7}


def _odd(number: int) -> int:
    return number // (number & -number)


def value_of(length: Fraction) -> tuple[Fraction, int]:
    """Return the undotted duration and the dots of a duration that one note can have."""
    dots = {1: 0, 3: 1, 7: 2}[_odd(length.numerator)]
    return length / (2 - Fraction(1, 2**dots)), dots


def singles(length: Fraction) -> list[Fraction]:
    """Cut a dyadic duration into such as one note can have, the longest first."""
    parts = []
    while length > 0:
        part = _largest(length)
        parts.append(part)
        length -= part
    return parts


def _largest(length: Fraction) -> Fraction:
    base = Fraction(8)
    while base > length and base > _SHORTEST:
        base /= 2
    return base * Fraction(3, 2) if base * Fraction(3, 2) <= length else min(base, length)


def split(start: Fraction, end: Fraction, metre: Metre, *, rest: bool) -> list[Fraction]:
    """Cut a note or rest along the metre; return the lengths of its parts.

    The rule: a part is one note value that does not hide a stronger beat than those it begins
    and ends on. Syncopations of half a beat are left whole, as people write them.
    """
    length = end - start
    if _fits(start, end, metre, rest=rest):
        return [length]
    place = metre.boundary_in(start, end)
    if length <= _SHORTEST * 2 or not start < place < end:
        return singles(length)
    return split(start, place, metre, rest=rest) + split(place, end, metre, rest=rest)


def _fits(start: Fraction, end: Fraction, metre: Metre, *, rest: bool) -> bool:
    length = end - start
    if not is_single(length, dots=1):
        return False
    base, dots = value_of(length)
    crosses = metre.group_of(start) != metre.group_of(end - _SHORTEST / 2)
    if rest and (start % base or (dots and not metre.strict and crosses)):
        return False
    if start % (base / 2):
        return False
    return not crosses or _may_cross(start, end, metre)


def _may_cross(start: Fraction, end: Fraction, metre: Metre) -> bool:
    if metre.strict:
        return start in metre.groups and (end in metre.groups or end == metre.length)
    on_beats = start % metre.beat == 0 and end % metre.beat == 0
    middle = metre.length / 2 if len(metre.groups) == 4 else None
    if middle is not None and start < middle < end:
        return on_beats
    return on_beats or start % (metre.beat / 2) == 0


def beam_span(metre: Metre, *, even: bool) -> Fraction:
    """Return how long a beam group may be in metres without own groups; 0 for those with.

    Args:
        metre: The metre.
        even: Whether all that is beamed are eighth notes, which stand in longer groups.
    """
    if metre.strict:
        return Fraction(0)
    if metre.beat > 1:
        return metre.beat if even else metre.beat / 2
    wide = even and len(metre.groups) in {2, 4} and metre.beat == 1
    return 2 * metre.beat if wide else max(metre.beat, _HALF)
