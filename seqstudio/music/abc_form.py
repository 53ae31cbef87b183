"""The form of a tune: which bars are played in which order, and which bars are full."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_ENDINGS = 16
_MOST_PLAYED = 4_000  # bars and notes that an order of parts makes


@dataclass(slots=True)
class WrittenNote:
    """A note as it stands in a bar: onset within the bar and length, both in beats."""

    pitch: int
    offset: Fraction
    length: Fraction
    tied: bool
    source: tuple[int, int]


@dataclass(slots=True)
class WrittenBar:
    """One bar of one voice as written.

    Attributes:
        expected: Length that the metre asks for in beats, None in free metre.
        length: Length of what is written, in beats.
        notes: Notes in written order.
        opens_repeat: A |: stands before the bar.
        repeats_after: Number of further passes that the sign behind the bar asks for (:| = 1).
        endings: Passes for which an ending begins here, () if none does.
        closes_part: A double or final bar line stands behind the bar.
        part: Part that the bar belongs to (P:), or "".
        tempos: (beats from the beginning of the bar, quarter notes a minute).
    """

    expected: Fraction | None
    length: Fraction = Fraction(0)
    notes: list[WrittenNote] = field(default_factory=list)
    opens_repeat: bool = False
    repeats_after: int = 0
    endings: tuple[int, ...] = ()
    closes_part: bool = False
    part: str = ""
    tempos: list[tuple[Fraction, float]] = field(default_factory=list)


@dataclass(slots=True)
class _Section:
    """Bars [start, end) that are played `passes` times, with endings [(numbers, a, b)]."""

    start: int
    end: int
    passes: int
    endings: list[tuple[tuple[int, ...], int, int]]

    def order(self) -> list[int]:
        body_end = self.endings[0][1] if self.endings else self.end
        order: list[int] = []
        for turn in range(1, self.passes + 1):
            order.extend(range(self.start, body_end))
            chosen = next((e for e in self.endings if turn in e[0]), None)
            order.extend(range(chosen[1], chosen[2]) if chosen else ())
        return order


def play_order(bars: Sequence[WrittenBar], parts: str = "") -> list[int]:
    """Return the indices of the bars in the order of playing, repeats written out.

    With an order of parts such as "AABA" bars before the first part come first, then the parts,
    each with its repeats; parts that the order does not name come at the end.

    A :| without |: goes back to the latest of: the beginning, the last :|, the last double bar
    (ABC 2.1, section 4.8). Every bar is played at least once, and at most 32 times: signs
    ask for sixteen passes at most, and an ending whose number is taken gets the next free one.
    """
    if parts and any(bar.part for bar in bars):
        return _order_of_parts(bars, parts)
    return _order_of_repeats(bars)


def _order_of_parts(bars: Sequence[WrittenBar], parts: str) -> list[int]:
    waiting: list[tuple[str, list[int]]] = []
    start = 0
    for part, group in groupby(bars, lambda bar: bar.part):
        within = list(group)
        waiting.append((part, [start + index for index in _order_of_repeats(within)]))
        start += len(within)
    first: dict[str, int] = {}
    for number, (part, _played) in enumerate(waiting):
        first.setdefault(part, number)
    chosen = [] if waiting[0][0] else [0]
    chosen += [first[part] for part in parts if part in first]
    sizes = [sum(1 + len(bars[index].notes) for index in played) for _part, played in waiting]
    order: list[int] = []
    left = dict(enumerate(played for _part, played in waiting))
    size = 0
    for number in chosen:
        size += sizes[number]
        if size > _MOST_PLAYED:
            break
        order += waiting[number][1]
        left.pop(number, None)
    return order + [index for played in left.values() for index in played]


def _order_of_repeats(bars: Sequence[WrittenBar]) -> list[int]:
    order: list[int] = []
    start = 0
    while start < len(bars):
        section = _section(bars, start)
        order.extend(section.order())
        start = section.end
    return order


def _section(bars: Sequence[WrittenBar], start: int) -> _Section:
    starts: list[int] = []
    passes = 1
    at = start
    while at < len(bars) and not (at > start and bars[at].opens_repeat):
        if bars[at].endings:
            if len(starts) == _MOST_ENDINGS:
                break
            starts.append(at)
        passes = max(passes, 1 + bars[at].repeats_after)
        at += 1
        if _ends_section(bars, start, at, in_ending=bool(starts)):
            break
    endings = _numbered_endings(bars, starts, at)
    highest = max((numbers[-1] for numbers, _, _ in endings), default=1)
    return _Section(start, at, max(passes, highest), endings)


def _ends_section(bars: Sequence[WrittenBar], start: int, at: int, *, in_ending: bool) -> bool:
    if at < len(bars) and bars[at].endings:
        return False
    before = bars[at - 1]
    if before.repeats_after:
        return True
    return before.closes_part and (in_ending or not bars[start].opens_repeat)


def _numbered_endings(
    bars: Sequence[WrittenBar], starts: list[int], end: int
) -> list[tuple[tuple[int, ...], int, int]]:
    # Two endings with the same number: the later one takes the next free pass, so that it sounds.
    taken: set[int] = set()
    endings = []
    for begin, stop in zip(starts, [*starts[1:], end], strict=False):
        numbers = tuple(n for n in bars[begin].endings if n not in taken)
        numbers = numbers or (max(taken) + 1,)
        taken.update(numbers)
        endings.append((numbers, begin, stop))
    return endings


def full_bars(bars: Sequence[WrittenBar], order: Sequence[int]) -> list[bool]:
    """Tell for every written bar whether it fills its metre.

    A short bar counts as full when it is the pickup at the beginning, or when it stands at a
    repeat sign, an ending, a double bar or the end and makes up one full bar together with a bar
    that is played right before or after it there; the last bar may pair with the first.
    """
    full = [bar.expected is None or bar.length == bar.expected for bar in bars]
    if not bars:
        return full
    pairs = set(pairwise(order)) | {(len(bars) - 1, 0)}
    for left, right in pairs:
        if _at_border(bars, left, right) and _make_one(bars[left], bars[right]):
            full[left] = full[right] = True
    first = bars[0]
    full[0] = full[0] or (first.expected is not None and first.length < first.expected)
    for index, bar in enumerate(bars):
        if _closes(bar) and _make_one(bar, first):
            full[index] = True
    return full


def _closes(bar: WrittenBar) -> bool:
    return bool(bar.closes_part or bar.repeats_after)


def _at_border(bars: Sequence[WrittenBar], left: int, right: int) -> bool:
    after = bars[right]
    return bool(right != left + 1 or _closes(bars[left]) or after.opens_repeat or after.endings)


def _make_one(left: WrittenBar, right: WrittenBar) -> bool:
    return left.expected is not None and left.length + right.length == left.expected
