"""What gates say about memory: saturation, time constants, decay. Plain numpy.

Definitions: docs/diagnostics.md section 2.5 and docs/diagnostics/gates.md.
Shape legend: T time steps, N units, D distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Order = NDArray[np.int64]


def saturation(values_TN: ArrayLike, low: float = 0.1, high: float = 0.9) -> tuple[Values, Values]:
    """Return the shares of time (N,) that each unit is below `low` and above `high`.

    For values around zero pass -high and high.

    Source:
        Karpathy, Johnson, Fei-Fei 2015, section 4.2, arXiv:1506.02078.
    """
    values = np.asarray(values_TN)
    return (values < low).mean(0), (values > high).mean(0)


def log_mean(keep_TN: ArrayLike) -> Values:
    """Return the mean over time of ln of a keeping gate, (N,); -inf where it closed entirely."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.asarray(keep_TN, np.float64)).mean(0))


def time_constants(keep_TN: ArrayLike) -> Values:
    """Return tau = -1 / mean ln f, in steps, (N,): inf for a gate that never closes at all."""
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.abs(log_mean(keep_TN)))


@dataclass(frozen=True)
class KeepCurve:
    """What a keeping gate leaves of a state over a distance: log10 of its product, by unit.

    Attributes:
        units: (D, N) mean over places of log10 of the product over d steps; 0 at d = 0.
        low: (D,) 10 % quantile over the units.
        median: (D,).
        high: (D,) 90 % quantile.
    """

    units: Values
    low: Values
    median: Values
    high: Values


def keep_curve(keep_TN: ArrayLike) -> KeepCurve:
    """Return the product of a keeping gate against the distance, for d = 0 .. T.

    The product over d steps is taken at every place of the text; the geometric mean over the
    places is kept. Far distances have few places.
    """
    keep = np.asarray(keep_TN, np.float64)
    with np.errstate(divide="ignore"):
        logs = np.log10(np.maximum(keep, np.finfo(np.float64).tiny))
    total = np.concatenate([np.zeros((1, keep.shape[1])), logs.cumsum(0)])
    steps = len(keep)
    units = np.stack([(total[d:] - total[: steps + 1 - d]).mean(0) for d in range(steps + 1)])
    low, median, high = np.quantile(units, (0.1, 0.5, 0.9), axis=1)
    return KeepCurve(units, low, median, high)


def unit_order(values_TN: ArrayLike, by: str, keep_TN: ArrayLike | None = None) -> Order:
    """Return the units in the order in which a map shows them, (N,).

    Args:
        values_TN: What is shown.
        by: "number", "mean" (greatest first), "tau" (slowest first; needs `keep_TN`) or "pattern"
            (the loading on the first principal component over time, greatest first).
        keep_TN: The keeping gate.
    """
    values = np.asarray(values_TN, np.float64)
    if by == "mean":
        return np.argsort(-values.mean(0), kind="stable")
    if by == "tau" and keep_TN is not None:
        return np.argsort(-log_mean(keep_TN), kind="stable")
    if by == "pattern":
        return np.argsort(-first_loading(values), kind="stable")
    return np.arange(values.shape[1])


def first_loading(values_TN: Values) -> Values:
    """Return the loadings (N,) of the first principal component over time.

    Its sign is such that the loading of the largest size is positive.
    """
    centred = values_TN - values_TN.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axis: Values = axes[:, -1]
    return axis * (np.sign(axis[np.abs(axis).argmax()]) or 1.0)
