"""Regions: what a preset plays for which keys and velocities, its settings worked out.

Source: SoundFont Technical Specification 2.04, sections 8.1 and 9.4: settings of the zone of an
instrument replace those of its first, global zone and the defaults; those of the preset are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqstudio.music.soundfont.tables import INSTRUMENT, KEYS, SAMPLE, VELOCITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seqstudio.music.soundfont.tables import Rows, Tables

MOST_REGIONS = 8192
#: What is not zero when nothing is said: filter open, times of the envelope 1 ms, pitch a
#: semitone a key; -1 for "as the sample says" or "as played".
_DEFAULTS = {
    8: 13500, 21: -12000, 23: -12000, 25: -12000, 26: -12000, 27: -12000, 28: -12000, 30: -12000,
    33: -12000, 34: -12000, 35: -12000, 36: -12000, 38: -12000, 46: -1, 47: -1, 56: 100, 58: -1,
}  # fmt: skip
#: Settings that only an instrument may have: places in samples, modes, fixed keys.
_NOT_ADDED = frozenset({0, 1, 2, 3, 4, 12, 45, 46, 47, 50, 54, 57, 58})
_EVERYTHING = (0, 127)


@dataclass(frozen=True, slots=True)
class Region:
    """One sample and how it is played.

    Attributes:
        sample: Row of the sample.
        keys: Lowest and highest key.
        velocities: Lowest and highest velocity.
        settings: Amounts by number of the generator; `get` fills in the defaults.
    """

    sample: int
    keys: tuple[int, int]
    velocities: tuple[int, int]
    settings: Mapping[int, int]

    def get(self, kind: int) -> int:
        """Return the amount of a generator."""
        return self.settings.get(kind, _DEFAULTS.get(kind, 0))

    def plays(self, key: int, velocity: int) -> bool:
        """Return whether a note is played with it."""
        return (
            self.keys[0] <= key <= self.keys[1]
            and self.velocities[0] <= velocity <= self.velocities[1]
        )


@dataclass(frozen=True, slots=True)
class _Zone:
    """The settings of a zone, and what it plays: a row of instruments or samples."""

    target: int
    keys: tuple[int, int]
    velocities: tuple[int, int]
    settings: dict[int, int]


def regions_of(tables: Tables, preset: int) -> tuple[Region, ...]:
    """Return what a row of the presets plays, at most `MOST_REGIONS`."""
    regions: list[Region] = []
    for outer in _preset_zones(tables, preset):
        for inner in _instrument_zones(tables, outer.target):
            keys = _overlap(outer.keys, inner.keys)
            velocities = _overlap(outer.velocities, inner.velocities)
            if keys is not None and velocities is not None:
                added = _added(inner.settings, outer.settings)
                regions.append(Region(inner.target, keys, velocities, added))
            if len(regions) >= MOST_REGIONS:
                return tuple(regions)
    return tuple(regions)


def _preset_zones(tables: Tables, row: int) -> Iterator[_Zone]:
    first, last = (int(each) for each in tables.preset_bags[row : row + 2])
    steps, settings = tables.preset_generators, tables.preset_settings
    return _zones(first, last, steps, settings, INSTRUMENT)


def _instrument_zones(tables: Tables, row: int) -> Iterator[_Zone]:
    first, last = (int(each) for each in tables.instrument_bags[row : row + 2])
    steps, settings = tables.instrument_generators, tables.instrument_settings
    return _zones(first, last, steps, settings, SAMPLE)


def _zones(
    first: int, last: int, steps: NDArray[np.int64], settings: Rows, target: int
) -> Iterator[_Zone]:
    """Read zones one after another; a first one without a target holds for all others."""
    common: dict[int, int] = {}
    for index in range(first, min(last, len(steps) - 1)):
        rows = settings[int(steps[index]) : int(steps[index + 1])]
        own = dict(zip(rows["kind"].tolist(), rows["amount"].tolist(), strict=True))
        if target not in own:
            if index == first:
                common = own
            continue
        both = common | own
        keys, velocities = (_range(both.pop(kind, None)) for kind in (KEYS, VELOCITIES))
        yield _Zone(both.pop(target) & 0xFFFF, keys, velocities, both)


def _range(amount: int | None) -> tuple[int, int]:
    """Return lowest and highest of a range that is packed into two bytes."""
    if amount is None:
        return _EVERYTHING
    low, high = amount & 0xFF, (amount >> 8) & 0xFF
    return min(low, high), max(low, high)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None


def _added(inner: Mapping[int, int], outer: Mapping[int, int]) -> dict[int, int]:
    added = dict(inner)
    for kind, amount in outer.items():
        if kind not in _NOT_ADDED:
            added[kind] = added.get(kind, _DEFAULTS.get(kind, 0)) + amount
    return added
