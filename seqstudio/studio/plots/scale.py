"""Axes as numbers: scales, ticks, and ranges that grow in steps. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqstudio.studio.widgets.numbers import format_number

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LEAST_SPAN = 1e-12


@dataclass(frozen=True)
class Scale:
    """One axis: a range, linear or logarithmic.

    Attributes:
        low: Left or lower end.
        high: Right or upper end, above `low`.
        log: Ends are above 0 and decades are equally long.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            msg = f"not a range: {self.low} to {self.high}"
            raise ValueError(msg)

    def inner(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return values on the axis' own measure: themselves, or log10 (NaN at 0 and below)."""
        array = np.asarray(values, float)
        if not self.log:
            return array
        return np.log10(np.where(array > 0, array, np.nan))

    def ends(self) -> tuple[float, float]:
        """Return both ends on the axis' own measure."""
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return where values lie, 0 at `low` and 1 at `high`."""
        low, high = self.ends()
        return (self.inner(values) - low) / (high - low)

    def value(self, share: float) -> float:
        """Return the value at a share of the axis."""
        low, high = self.ends()
        place = low + share * (high - low)
        return float(10.0**place) if self.log else place

    def zoomed(self, about: float, factor: float) -> Scale:
        """Return the range `factor` times as long, with the share `about` kept in place."""
        return self._between(about - about * factor, about + (1 - about) * factor)

    def moved(self, share: float) -> Scale:
        """Return the range moved by a share of its length."""
        return self._between(share, 1.0 + share)

    def _between(self, first: float, last: float) -> Scale:
        low, high = self.value(first), self.value(last)
        sound = math.isfinite(low) and math.isfinite(high)
        span = abs(high - low) > _LEAST_SPAN * max(1.0, abs(low), abs(high))
        return replace(self, low=low, high=high) if sound and (span or self.log) else self


def ticks(scale: Scale, at_most: int = 6) -> list[float]:
    """Return 2 to `at_most` round values inside the range."""
    if scale.log and scale.ends()[1] - scale.ends()[0] >= 1:
        return _decades(scale, at_most)
    step = _round_step((scale.high - scale.low) / max(1, at_most - 1))
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _decades(scale: Scale, at_most: int) -> list[float]:
    low, high = scale.ends()
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    step = 1
    while (last - first) // step + 1 > at_most:
        step = step + 1 if step < 3 else step * 2
    # Counted from 10^0, so that panning does not change which decades are named.
    start = math.ceil(first / step) * step
    return [10.0**exponent for exponent in range(start, last + 1, step)]


def _round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= least * (1 - 1e-9))


def tick_texts(values: list[float], scale: Scale) -> list[str]:
    """Return how ticks are written: powers as 10⁻³, linear ones with equal decimals."""
    if scale.log and scale.ends()[1] - scale.ends()[0] >= 1:
        return [power_text(value) for value in values]
    if len(values) < 2:
        return [format_number(value) for value in values]
    step = values[1] - values[0]
    if abs(step) < 1e-4 or max(abs(v) for v in values) >= 1e7:
        return [format_number(value, "sci") if value else "0" for value in values]
    decimals = max(0, -math.floor(math.log10(abs(step)) + 1e-9))
    return [format_number(value, f".{decimals}f") for value in values]


def power_text(value: float) -> str:
    """Return a power of ten: 0.01 to 100 as a number, others as 10⁻³."""
    exponent = round(math.log10(value))
    if -2 <= exponent <= 2:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def grown(scale: Scale, low: float, high: float) -> Scale:
    """Return a range that holds low to high as well, grown to the next round ends.

    A live axis then jumps rarely instead of creeping; it never shrinks by itself.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return scale
    if scale.log:
        return _grown_log(scale, low, high)
    new_low, new_high = scale.low, scale.high
    if high > scale.high:
        step = _round_step((high - scale.low) / 4)
        new_high = math.ceil(high / step - 1e-9) * step
    if low < scale.low:
        step = _round_step((new_high - low) / 4)
        new_low = math.floor(low / step + 1e-9) * step
    return replace(scale, low=new_low, high=new_high)


def _grown_log(scale: Scale, low: float, high: float) -> Scale:
    new_low, new_high = scale.low, scale.high
    if high > scale.high:
        new_high = 10.0 ** math.ceil(math.log10(high) - 1e-9)
    if 0 < low < scale.low:
        new_low = 10.0 ** math.floor(math.log10(low) + 1e-9)
    return replace(scale, low=new_low, high=new_high)


def around(low: float, high: float, log: bool = False) -> Scale:
    """Return a range with round ends around data, some room where the data is one number."""
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return Scale(10.0**first, 10.0 ** max(last, first + 1), log=True)
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-9):
        room = max(abs(low) * 0.1, 1e-3)
        low, high = low - room, high + room
    step = _round_step((high - low) / 4)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Return places moved apart to at least `gap`, inside low to high, in the given order.

    Groups that touch share the shift equally (least squares with a fixed order); if there is not
    room for all, they are squeezed evenly.
    """
    if not places:
        return []
    order = sorted(range(len(places)), key=places.__getitem__)
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    # Without the gaps the wish is a sequence that must not fall: pool adjacent violators.
    pools: list[list[float]] = []
    for rank, index in enumerate(order):
        pools.append([places[index] - rank * gap, 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight = pools.pop()
            other, other_weight = pools[-1]
            total = weight + other_weight
            pools[-1] = [(mean * weight + other * other_weight) / total, total]
    flat = [mean for mean, weight in pools for _ in range(round(weight))]
    top = high - (len(places) - 1) * gap
    result = [0.0] * len(places)
    for rank, index in enumerate(order):
        result[index] = min(top, max(low, flat[rank])) + rank * gap
    return result
