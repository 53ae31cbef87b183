"""Numbers about attention heads: plain numpy, no Qt.

Shape legend: H heads, T tokens of the text; weights (H, T, T) are query by key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weights = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: A weight below this is drawn as this on a logarithmic scale.
LEAST_WEIGHT = 1e-12


@dataclass(frozen=True)
class HeadNumbers:
    """What one head does on one text; means over the queries that have a choice.

    Attributes:
        entropy: Bits, 0 when every query looks at one key.
        most: Bits of equal weights over the keys that each query may see: the most possible.
        distance: Steps back, the mean of Σ_j A_ij (i - j).
        first: Weight on the first token.
        previous: Weight on the token just before the query.
    """

    entropy: float
    most: float
    distance: float
    first: float
    previous: float


def choosing_rows(masked: Mask) -> NDArray[np.intp]:
    """Return the queries (n,) that may look at more than one key.

    The first query of a causal model sees only itself: its entropy is 0 whatever was learnt.
    """
    return np.flatnonzero((~masked).sum(axis=1) > 1)


def entropies(weights: Weights, masked: Mask) -> NDArray[np.float64]:
    """Return the mean entropy (H,) of each head in bits: -Σ_j A_ij log2 A_ij, 0 log2 0 = 0.

    NaN when no query has a choice.
    """
    rows = choosing_rows(masked)
    if not len(rows):
        return np.full(len(weights), np.nan)
    chosen = weights[:, rows]
    terms = chosen * np.log2(np.maximum(chosen, np.finfo(np.float32).tiny))
    return np.asarray(-terms.sum(axis=2).mean(axis=1), float)


def head_numbers(weights: ArrayLike, masked: Mask) -> HeadNumbers:
    """Return the numbers of one head from its weights (T, T); NaN when no query has a choice.

    Source: docs/diagnostics.md, section 2.6.
    """
    weights_TT = np.asarray(weights, np.float64)
    rows = choosing_rows(masked)
    if not len(rows):
        return HeadNumbers(*[float("nan")] * 5)
    chosen = weights_TT[rows]
    steps_back = rows[:, np.newaxis] - np.arange(weights_TT.shape[1])
    before = np.where(rows > 0, chosen[np.arange(len(rows)), rows - 1], 0.0)
    terms = chosen * np.log2(np.maximum(chosen, np.finfo(np.float64).tiny))
    return HeadNumbers(
        entropy=float(-terms.sum(axis=1).mean()) + 0.0,
        most=float(np.log2((~masked[rows]).sum(axis=1)).mean()),
        distance=float((chosen * steps_back).sum(axis=1).mean()),
        first=float(chosen[:, 0].mean()),
        previous=float(before.mean()),
    )


def row_error(weights: Weights) -> float:
    """Return how far the sum of any row is from 1, at most."""
    return float(np.abs(weights.sum(axis=-1, dtype=np.float64) - 1.0).max(initial=0.0))


def strongest(row: ArrayLike, masked: Mask, count: int) -> list[int]:
    """Return the keys of one query (T,) with the greatest weights, greatest first."""
    weights = np.where(masked, -1.0, np.asarray(row, float))
    order = np.argsort(-weights, kind="stable")[:count]
    return [int(key) for key in order if weights[key] >= 0]
