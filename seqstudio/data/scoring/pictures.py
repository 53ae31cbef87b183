"""How well weights over the places of a picture lie on a thing in it.

Shape legend: H, W = pixels; h, w = places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COVERED = 0.2


def places_of(cover: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which places (h, w) a thing stands at: a fifth of them covered, or the most covered.

    Args:
        cover: (H, W) the pixels of the thing, at least one.
        grid: h and w.

    Raises:
        ValueError: The grid does not divide the picture, or there is no thing.
    """
    (height, width), (lines, columns) = cover.shape, grid
    if height % lines or width % columns or not cover.any():
        raise ValueError("a thing on a grid that divides its picture is needed")
    shares = cover.reshape(lines, height // lines, columns, width // columns).mean((1, 3))
    return np.asarray(shares >= min(_COVERED, float(shares.max())))


def overlap(weights: NDArray[np.floating], thing: NDArray[np.bool_]) -> float:
    """Return intersection over union of a thing and as many places of the largest weights.

    Args:
        weights: (h, w).
        thing: (h, w) where it stands.
    """
    count = int(thing.sum())
    chosen = np.zeros(thing.size, np.bool_)
    chosen[np.argsort(-weights.ravel(), kind="stable")[:count]] = True
    both = int((chosen & thing.ravel()).sum())
    return both / (2 * count - both)


def overlap_by_chance(thing: NDArray[np.bool_]) -> float:
    """Return what `overlap` is expected to be for weights that know nothing.

    As many places as the thing has are drawn without putting back: a hypergeometric mean.
    """
    size, count = thing.size, int(thing.sum())
    total = math.comb(size, count)
    ways = ((both, math.comb(count, both) * math.comb(size - count, count - both))
            for both in range(1, count + 1))  # fmt: skip
    return sum(both / (2 * count - both) * (number / total) for both, number in ways)
