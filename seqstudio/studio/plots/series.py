"""`Series`: a growing curve with a min/max pyramid, so that any zoom draws in a millisecond.

Level L keeps the least and the greatest of every block of 2^L samples. Appending costs O(1)
amortised; reducing N samples to C columns costs O(C). No Qt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
_KEPT = 8  # results of one painting: labels, line and range ask for the same


class _Growing:
    """An array that doubles its room when it is full."""

    def __init__(self) -> None:
        self._room = np.empty(64)
        self.size = 0

    def extend(self, values: FloatArray) -> None:
        wanted = self.size + len(values)
        if wanted > len(self._room):
            larger = np.empty(max(wanted, 2 * len(self._room)))
            larger[: self.size] = self._room[: self.size]
            self._room = larger
        self._room[self.size : wanted] = values
        self.size = wanted

    def view(self) -> FloatArray:
        return self._room[: self.size]


@dataclass(frozen=True)
class Reduced:
    """A curve for drawing.

    Attributes:
        x: Abscissa of each column or sample, ascending.
        low: Least value in it; NaN where there is no finite one.
        high: Greatest value in it; equal to `low` where there is one sample.
        exact: Every sample is there, nothing was merged.
    """

    x: FloatArray
    low: FloatArray
    high: FloatArray
    exact: bool


class Series:
    """Samples (x, y) with ascending x. y may be NaN or infinite: a gap in the line."""

    def __init__(self) -> None:
        self._x, self._y, self._faults = _Growing(), _Growing(), _Growing()
        self._levels: list[tuple[_Growing, _Growing]] = []
        self._known: dict[tuple[float, float, int], Reduced] = {}  # of one painting
        self._least, self._greatest = np.inf, -np.inf

    def __len__(self) -> int:
        return self._x.size

    @property
    def x(self) -> FloatArray:
        """All abscissas; a view that the next append may outdate."""
        return self._x.view()

    @property
    def y(self) -> FloatArray:
        """All values; a view that the next append may outdate."""
        return self._y.view()

    @property
    def faults(self) -> FloatArray:
        """Abscissas of the samples that are NaN or infinite."""
        return self._faults.view()

    def clear(self) -> None:
        """Forget all samples."""
        self._x, self._y, self._faults, self._levels = _Growing(), _Growing(), _Growing(), []
        self._least, self._greatest = np.inf, -np.inf
        self._known.clear()

    def append(self, x: float, y: float) -> None:
        """Add one sample.

        Raises:
            ValueError: `x` is smaller than the last one.
        """
        self.extend([x], [y])

    def extend(self, x: ArrayLike, y: ArrayLike) -> None:
        """Add samples, both of shape (n,).

        Raises:
            ValueError: The shapes differ, or x does not ascend.
        """
        more_x, more_y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
        if more_x.shape != more_y.shape:
            msg = f"{more_x.size} abscissas for {more_y.size} values"
            raise ValueError(msg)
        if not more_x.size:
            return
        before = self.x[-1] if len(self) else -np.inf
        if more_x[0] < before or np.any(np.diff(more_x) < 0):
            msg = "x must ascend"
            raise ValueError(msg)
        self._known.clear()
        self._x.extend(more_x)
        self._y.extend(more_y)
        known = np.isfinite(more_y)
        self._faults.extend(more_x[~known])
        if known.any():
            self._least = min(self._least, float(more_y[known].min()))
            self._greatest = max(self._greatest, float(more_y[known].max()))
        self._raise_pyramid()

    def _raise_pyramid(self) -> None:
        """Complete the blocks that the new samples filled, level by level."""
        below_low = below_high = self.y
        level = 0
        while True:
            blocks = len(below_low) // 2
            if level == len(self._levels):
                if blocks < 64:
                    return
                self._levels.append((_Growing(), _Growing()))
            low, high = self._levels[level]
            done = low.size
            if blocks == done:
                return
            part = slice(2 * done, 2 * blocks)
            low.extend(np.fmin.reduce(_finite(below_low[part]).reshape(-1, 2), axis=1))
            high.extend(np.fmax.reduce(_finite(below_high[part]).reshape(-1, 2), axis=1))
            below_low, below_high = low.view(), high.view()
            level += 1

    def reduce(self, x0: float, x1: float, columns: int) -> Reduced:
        """Return what is needed to draw x0 to x1 in `columns` pixels, plus a neighbour each side.

        No extreme is lost. At most about 4 × `columns` entries come back.
        """
        key = (x0, x1, columns)
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = self._reduced(x0, x1, columns)
        return self._known[key]

    def _reduced(self, x0: float, x1: float, columns: int) -> Reduced:
        first = max(0, int(np.searchsorted(self.x, x0)) - 1)
        last = min(len(self), int(np.searchsorted(self.x, x1, side="right")) + 1)
        level = self._level_for(last - first, columns)
        if level == 0:
            x, y = self.x[first:last], _finite(self.y[first:last])
            return Reduced(x, y, y, exact=True)
        return self._merged(first, last, level)

    def _level_for(self, samples: int, columns: int) -> int:
        """Return the coarsest level that still gives a block or two to each column."""
        level = 0
        while level < len(self._levels) and (samples >> level) > 2 * max(1, columns):
            level += 1
        return level

    def _merged(self, first: int, last: int, level: int) -> Reduced:
        size = 1 << level
        low, high = (side.view() for side in self._levels[level - 1])
        start, stop = first // size, min(last // size, len(low))
        x = self.x[start * size : stop * size : size]
        low, high = low[start:stop], high[start:stop]
        if stop * size < last:  # samples that do not fill a block yet
            tail = _finite(self.y[stop * size : last])
            x = np.concatenate([x, self.x[[stop * size, last - 1]]])
            low = np.concatenate([low, [np.fmin.reduce(tail), tail[-1]]])
            high = np.concatenate([high, [np.fmax.reduce(tail), tail[-1]]])
        return Reduced(x, low, high, exact=False)

    def extent(self, x0: float = -np.inf, x1: float = np.inf) -> tuple[float, float] | None:
        """Return the least and greatest finite value in x0 to x1, None if there is none."""
        if np.isneginf(x0) and np.isposinf(x1):
            return (self._least, self._greatest) if self._least <= self._greatest else None
        part = self.reduce(x0, x1, 512)
        inside = (part.x >= x0) & (part.x <= x1)
        both = np.concatenate([part.low[inside], part.high[inside]])
        finite = both[np.isfinite(both)]
        return (float(finite.min()), float(finite.max())) if finite.size else None

    def at(self, x: float) -> float:
        """Return the value of the newest sample at or before `x`; NaN before the first."""
        index = int(np.searchsorted(self.x, x, side="right")) - 1
        return float(self.y[index]) if index >= 0 else float("nan")

    def last(self) -> tuple[float, float] | None:
        """Return the newest sample with a finite value, None if there is none."""
        for index in range(len(self) - 1, -1, -1):
            if np.isfinite(self.y[index]):
                return float(self.x[index]), float(self.y[index])
        return None


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
