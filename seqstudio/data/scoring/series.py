"""Measures of forecasts. Shape legend: n = steps, D = numbers a step.

Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy", for MASE.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = (0.5, 0.8, 0.95)
"""Shares that the bands of a forecast promise to hold."""


@dataclass(frozen=True)
class Forecast:
    """How well values were told ahead; steps without a value are left out.

    Attributes:
        mae: Mean absolute error, in the unit of the series.
        rmse: Root of the mean square error.
        mase: `mae` over that of the naive answer on the training part; below 1 beats it.
        coverage: For each of `LEVELS` the share of values that lay inside the band.
        count: Values.
    """

    mae: float
    rmse: float
    mase: float
    coverage: tuple[float, ...]
    count: int


def forecast(
    mean: NDArray[np.floating],
    truth: NDArray[np.floating],
    scale: float,
    spread: NDArray[np.floating] | None = None,
) -> Forecast:
    """Measure forecasts one step ahead.

    Args:
        mean: (n,) or (n, D) what was told.
        truth: The same shape; NaN where the value is missing.
        scale: Mean absolute error of the naive answer on the training part, see `naive_error`.
        spread: Standard deviations that were told, of the same shape; None without.
    """
    known = np.isfinite(truth)
    errors = (mean - truth)[known]
    if not len(errors):
        nothing = float("nan")
        return Forecast(nothing, nothing, nothing, (), 0)
    mae = float(np.abs(errors).mean())
    covered = () if spread is None else _coverage(errors, spread[known])
    rmse = float(np.sqrt((errors**2).mean()))
    return Forecast(mae, rmse, mae / scale if scale > 0 else float("nan"), covered, len(errors))


def naive_error(values: NDArray[np.floating], season: int = 1) -> float:
    """Return the mean absolute error of answering the value one season ago, gaps left out.

    Args:
        values: (n,) or (n, D); NaN where a value is missing.
        season: Steps back; 1 repeats the last value.
    """
    if len(values) <= season:
        return float("nan")
    steps = np.abs(values[season:] - values[:-season])
    return float(np.nanmean(steps)) if np.isfinite(steps).any() else float("nan")


def _coverage(errors: NDArray[np.floating], spread: NDArray[np.floating]) -> tuple[float, ...]:
    reach = [NormalDist().inv_cdf((1 + level) / 2) for level in LEVELS]
    return tuple(float((np.abs(errors) <= width * spread).mean()) for width in reach)
