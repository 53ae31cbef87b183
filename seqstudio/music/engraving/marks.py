"""What a laid-out score is drawn with. Places are in staff spaces, y grows downwards.

Every mark that belongs to a note carries its number in the score, so that it can be lit, coloured
and hit; -1 belongs to none.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Glyph:
    """A sign by name, its origin on the line or space it belongs to, at its left edge."""

    name: str
    x: float
    y: float
    note: int = -1
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Stroke:
    """A straight line of a width."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    note: int = -1


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon: a beam."""

    points: tuple[tuple[float, float], ...]
    note: int = -1


@dataclass(frozen=True, slots=True)
class Arc:
    """A tie from one place to another, `height` above (below zero) or below its ends."""

    x1: float
    x2: float
    y: float
    height: float
    note: int = -1


@dataclass(frozen=True, slots=True)
class Words:
    """A text; `align` is "left", "middle" or "right" of x; y is its base line."""

    text: str
    x: float
    y: float
    size: float
    kind: str
    align: str = "left"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a note head is, to point at."""

    note: int
    x: float
    y: float
    width: float
    height: float


Mark = Glyph | Stroke | Shape | Arc | Words


@dataclass(slots=True)
class Drawn:
    """Marks and boxes of a system while it is being laid out."""

    marks: list[Mark] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True)
class System:
    """A line of the score.

    Attributes:
        top: Where its room begins; the first staff lies lower.
        bottom: Where its room ends.
        staff_top: Top line of its first staff.
        staff_bottom: Bottom line of its last staff.
        marks: Everything in it, in places of the whole score.
        boxes: Note heads.
        times: (beats, x) of its onsets and its end, rising.
    """

    top: float
    bottom: float
    staff_top: float
    staff_bottom: float
    marks: tuple[Mark, ...]
    boxes: tuple[Box, ...]
    times: tuple[tuple[float, float], ...]

    def x_at(self, beats: float) -> float:
        """Return where a time is; ends of the system for times outside."""
        place = bisect_right(self.times, (beats, float("inf")))
        if place == 0:
            return self.times[0][1]
        if place == len(self.times):
            return self.times[-1][1]
        (before, left), (after, right) = self.times[place - 1], self.times[place]
        return left + (right - left) * (beats - before) / max(after - before, 1e-9)

    def beats_at(self, x: float) -> float:
        """Return the time at a place, between those of the system's ends."""
        inside = min(max(x, self.times[0][1]), self.times[-1][1])
        for (before, left), (after, right) in zip(self.times, self.times[1:], strict=False):
            if inside <= right:
                share = (inside - left) / max(right - left, 1e-9)
                return before + share * (after - before)
        return self.times[-1][0]


@dataclass(frozen=True)
class Sheet:
    """A score laid out for a width.

    Attributes:
        width: In staff spaces.
        height: In staff spaces.
        title: Marks above the first system.
        systems: From the top.
    """

    width: float
    height: float
    title: tuple[Mark, ...]
    systems: tuple[System, ...]

    @cached_property
    def _starts(self) -> list[float]:
        return [system.times[0][0] for system in self.systems]

    def system_of(self, beats: float) -> int:
        """Return the number of the system that a time is in, -1 without systems."""
        return max(0, bisect_right(self._starts, beats) - 1) if self.systems else -1

    def system_at(self, y: float) -> int:
        """Return the number of the system nearest to a height, -1 without systems."""

        def distance(order: int) -> float:
            system = self.systems[order]
            return max(system.top - y, y - system.bottom, 0.0)

        return min(range(len(self.systems)), key=distance, default=-1)

    def note_at(self, x: float, y: float, reach: float = 0.5) -> int:
        """Return the number of the note under a place, -1 for none."""
        order = self.system_at(y)
        if order < 0:
            return -1

        def distance(box: Box) -> float:
            across = max(box.x - x, x - box.x - box.width, 0.0)
            down = max(box.y - y, y - box.y - box.height, 0.0)
            return max(across, down)

        nearest = min(self.systems[order].boxes, key=distance, default=None)
        return nearest.note if nearest and distance(nearest) <= reach else -1
