"""Choosing the next token: from scores to probabilities to one of them. Plain numpy.

The trainer writes with it, and the window shows with it what temperature, top k and top p do.
Shape legend: V symbols of the vocabulary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Probabilities = NDArray[np.float64]


def next_probabilities(
    logits: ArrayLike, temperature: float, top_k: int, top_p: float
) -> Probabilities:
    """Turn logits (V,) into the probabilities (V,) to choose from.

    Temperature divides the logits (0 takes the likeliest); then only the `top_k` likeliest stay
    (0 keeps all); then the smallest set of likeliest tokens that reaches `top_p`.
    """
    scores = np.asarray(logits, np.float64)
    if temperature <= 0:
        p = np.zeros_like(scores)
        p[scores.argmax()] = 1.0
        return p
    p = np.exp((scores - scores.max()) / temperature)
    p /= p.sum()
    if 0 < top_k < len(p):
        p[p < np.partition(p, -top_k)[-top_k]] = 0.0
    if top_p < 1.0:
        order = np.argsort(-p, kind="stable")
        ordered = p[order]
        p[order[ordered.cumsum() - ordered >= top_p]] = 0.0
    kept: Probabilities = p / p.sum()
    return kept


def choose(p: Probabilities, chance: float) -> int:
    """Return the token that a number `chance` in [0, 1) falls on; never one of probability 0."""
    ends = p.cumsum()
    return int(ends.searchsorted(chance * ends[-1], side="right"))
