"""How a decoder moves along its source: numbers of weights (T, S), in plain numpy.

Shape legend: T steps of what is written, S steps of the source.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def expected_places(weights: ArrayLike) -> NDArray[np.float64]:
    """Return the mean place (T,) that each step looks at, from 0: sum over i of a_ti i."""
    matrix = np.asarray(weights, np.float64)
    return np.asarray(matrix @ np.arange(matrix.shape[1]), np.float64)


def straightness(weights: ArrayLike) -> float:
    """Return the correlation of the expected place with the step (Pearson's r).

    Near +1 for copying, near -1 for writing backwards. NaN for fewer than three steps, or where
    the expected place never moves. The place of the greatest weight alone would not do: a state
    of an encoder describes its neighbours too, so that it is often one off.
    """
    places = expected_places(weights)
    if len(places) < 3 or places.std() < 1e-12:
        return float("nan")
    return float(np.corrcoef(places, np.arange(len(places)))[0, 1])
