"""From a measured series to the numbers that a model sees, and back.

Shape legend: N = time steps, D = values a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEARLY = 0.85
LEAST_PEAK = 0.3
"""Autocorrelation that a season needs."""


@dataclass(frozen=True)
class Scaling:
    """Logarithm, differences and standard scores, each only where wanted.

    Attributes:
        log: Whether logarithms are taken first.
        lags: Steps back of the differences, one after the other: (1, 12) takes away the value
            before and then the season.
        mean: (D,) of the training part after that.
        spread: (D,) standard deviations of it.
    """

    log: bool
    lags: tuple[int, ...]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def fit(
        cls, values: NDArray[np.float64], log: bool, lags: tuple[int, ...], cut: int
    ) -> Scaling:
        """Find mean and spread on the first `cut` steps of values (N, D)."""
        plain = cls(log, lags, np.zeros(values.shape[1]), np.ones(values.shape[1]))
        seen = plain.numbers(values)[:cut]
        spread = np.nanstd(seen, 0)
        return cls(log, lags, np.nanmean(seen, 0), np.where(spread > 0, spread, 1.0))

    def levels(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values (N, D), or their logarithms."""
        return np.log(values) if self.log else np.asarray(values, np.float64)

    def base(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N, D): what the differences of a step stand on, known one step before."""
        levels = self.levels(values)
        return levels - _differences(levels, self.lags)

    def numbers(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the model sees (N, D); NaN where a value it rests on is missing."""
        return (_differences(self.levels(values), self.lags) - self.mean) / self.spread

    def of_levels(
        self, levels: NDArray[np.float64], base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return as standard numbers what somebody else says the levels will be."""
        return (levels - base - self.mean) / self.spread

    def restore(
        self, numbers: NDArray[np.float64], base: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return values in the unit of the series; both of one shape (..., D)."""
        levels = numbers * self.spread + self.mean + base
        return np.exp(np.minimum(levels, 700.0)) if self.log else levels


def _differences(levels: NDArray[np.float64], lags: tuple[int, ...]) -> NDArray[np.float64]:
    out = levels
    for lag in lags:
        moved = np.full_like(out, np.nan)
        moved[lag:] = out[:-lag] if lag < len(out) else np.nan
        out = out - moved
    return out


def season_of(values: NDArray[np.float64]) -> int:
    """Return the season of a series (N,) in steps by its autocorrelation, 0 where it has none.

    A curve of the second degree is taken away first. The season is the first peak after the
    first trough that is nearly as high as any, of a correlation above 0.3.
    """
    known = np.isfinite(values)
    count = len(values)
    if known.sum() < 24:
        return 0
    time = np.linspace(-1, 1, count)
    trend = np.polynomial.Polynomial.fit(time[known], values[known], 2)
    rest = np.where(known, values - trend(time), 0.0)
    size = 1 << (2 * count - 1).bit_length()
    power = np.abs(np.fft.rfft(rest, size)) ** 2
    together = np.fft.irfft(power, size)[: count // 3]
    if together[0] <= 0:
        return 0
    # Divided by the number of pairs: far lags have fewer of them.
    curve = together / together[0] * count / (count - np.arange(len(together)))
    rising = np.flatnonzero(np.diff(curve) > 0)
    if not len(rising):
        return 0
    trough = int(rising[0])
    # Twice a season is as good a peak: the first one that is nearly the highest counts.
    inner = curve[1:-1]
    peaks = 1 + np.flatnonzero((inner >= curve[:-2]) & (inner >= curve[2:]))
    peaks = peaks[peaks > trough]
    high = peaks[curve[peaks] >= _NEARLY * curve[peaks].max(initial=0.0)]
    if not len(high):
        return 0
    peak = int(high[0])
    lowest = curve[: peak + 1].min()
    real = curve[peak] > LEAST_PEAK and curve[peak] - lowest > LEAST_PEAK and peak > 1
    return peak if real else 0


def regression(
    numbers: NDArray[np.float64], order: int, rows: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the least-squares weights (order * D + 1, D) of the next step from those before.

    Args:
        numbers: (N, D) standard numbers; missing ones count as the mean.
        order: Steps back.
        rows: (N,) which steps are learnt from.
    """
    design = lagged(numbers, order)
    kept = rows & np.isfinite(numbers).all(1)
    return np.asarray(np.linalg.lstsq(design[kept], numbers[kept], rcond=None)[0])


def lagged(numbers: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return (N, order * D + 1): the steps before each one, nearest first, and a 1."""
    filled = np.nan_to_num(numbers)
    parts = [np.ones((len(filled), 1))]
    for lag in range(1, order + 1):
        moved = np.zeros_like(filled)
        moved[lag:] = filled[:-lag]
        parts.insert(-1, moved)
    return np.concatenate(parts, 1)
