"""Vectors of symbols: axes of most variance, neighbours, analogies, maps that keep neighbours.

Plain numpy: the trainer computes with it, the window asks for neighbours with it. Definitions:
docs/diagnostics/embedding.md. Shape legend: V symbols, C features, K neighbours.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_BLOCK = 1 << 18  # pairs that are worked on between two interruptions
_HARD_BLOCK = 1 << 15  # where every pair takes many operations


@dataclass(frozen=True)
class Axes:
    """Principal components of vectors.

    Attributes:
        places: (V, 2) coordinates on the first two axes, around 0.
        shares: Share of the variance on every axis, falling, of at most min(V, C) axes.
    """

    places: Floats
    shares: Floats


def principal_axes(vectors_VC: ArrayLike) -> Axes:
    """Return the places of vectors on their two axes of most variance.

    An axis points to where its largest coordinate is positive, so the same vectors always give
    the same picture. Vectors that do not differ lie at 0.
    """
    x = np.asarray(vectors_VC, np.float64)
    x = x - x.mean(0)
    wide = x.shape[1] > x.shape[0]
    gram = x @ x.T if wide else x.T @ x
    power, basis = np.linalg.eigh(gram)
    power, basis = np.maximum(power[::-1], 0.0), basis[:, ::-1][:, :2]
    places = basis * np.sqrt(power[:2]) if wide else x @ basis
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    peak = places[np.abs(places).argmax(0), [0, 1]]
    places = places * np.where(peak < 0, -1.0, 1.0)
    total = power.sum()
    return Axes(places, power / total if total > 0 else power)


def unit(vectors: ArrayLike) -> Floats:
    """Return vectors of length 1 along the last axis; zeros stay zeros."""
    x = np.asarray(vectors, np.float64)
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    result: Floats = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    return result


def nearest(vectors_VC: ArrayLike, target_C: ArrayLike, without: tuple[int, ...] = (),
            count: int = 10) -> list[tuple[int, float]]:  # fmt: skip
    """Return (symbol, cosine) of the vectors nearest to a vector by angle, nearest first."""
    cosine = unit(vectors_VC) @ unit(target_C)
    order = np.argsort(-cosine, kind="stable")
    chosen = [int(i) for i in order[: count + len(without)] if int(i) not in without]
    return [(i, float(cosine[i])) for i in chosen[:count]]


def analogy(
    vectors_VC: ArrayLike, a: int, b: int, c: int, count: int = 8
) -> list[tuple[int, float]]:
    """Return (symbol, cosine) of the answers to "a is to b as c is to ?", best first.

    Nearest to b - a + c of the vectors at length 1; the three given symbols are left out.
    """
    x = unit(vectors_VC)
    return nearest(x, x[b] - x[a] + x[c], (a, b, c), count)


def laid_over(moving_V2: ArrayLike, fixed_V2: ArrayLike) -> Floats:
    """Return places turned, mirrored and shifted onto others as well as they go.

    Orthogonal Procrustes: the rotation R that makes |moving R - fixed| least. Nothing is
    stretched, so all distances stay. Source: Schoenemann 1966.
    """
    moving, fixed = np.asarray(moving_V2, np.float64), np.asarray(fixed_V2, np.float64)
    middle = fixed.mean(0)
    around = moving - moving.mean(0)
    u, _, vt = np.linalg.svd(around.T @ (fixed - middle))
    result: Floats = around @ (u @ vt) + middle
    return result


# ------------------------------------------------------------------ quality of a map


@dataclass(frozen=True)
class Quality:
    """How well a map keeps neighbours.

    Attributes:
        trust: Trustworthiness, 1 when no false neighbour came in.
        kept: Share of the true nearest neighbours that are among the nearest of the map.
        count: Neighbours that are meant, K.
    """

    trust: float
    kept: float
    count: int


def neighbours_meant(symbols: int) -> int:
    """Return how many neighbours the quality of a map of V symbols is about."""
    return max(1, min(10, (symbols - 1) // 2))


def quality_of(vectors_VC: ArrayLike, places_V2: ArrayLike) -> Generator[None, None, Quality]:
    """Work out trustworthiness and kept neighbours; every `yield` is a place to stop at.

    Source: Venna and Kaski 2001; Euclidean distance in both spaces.
    """
    high, low = np.asarray(vectors_VC, np.float64), np.asarray(places_V2, np.float64)
    n = len(high)
    k = neighbours_meant(n)
    penalty = kept = 0.0
    for rows in _blocks(n, _HARD_BLOCK):
        order = _order(high, rows)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(n)[None], 1)
        near = _order(low, rows)[:, 1 : k + 1]
        ranks = np.take_along_axis(rank, near, 1)  # 0 is the symbol itself
        kept += float((ranks <= k).sum())
        penalty += float(np.maximum(ranks - k, 0).sum())
        yield
    scale = n * k * (2 * n - 3 * k - 1)
    return Quality(1.0 - 2.0 * penalty / scale if scale > 0 else 1.0, kept / (n * k), k)


def _order(x: Floats, rows: slice) -> Ints:
    """Return for every row all points by distance, itself first."""
    distance = squared_distances(x[rows], x)
    own = np.arange(rows.start, rows.stop)
    distance[np.arange(len(own)), own] = -1.0
    return np.argsort(distance, 1, kind="stable")


def squared_distances(x: Floats, y: Floats) -> Floats:
    """Return squared Euclidean distances (N, M) of points (N, C) and (M, C)."""
    cross = (x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2.0 * (x @ y.T)
    result: Floats = np.maximum(cross, 0.0)
    return result


def _blocks(n: int, pairs: int = _BLOCK) -> list[slice]:
    size = max(1, pairs // max(1, n))
    return [slice(start, min(n, start + size)) for start in range(0, n, size)]


# ------------------------------------------------------------------------------ t-SNE

STEPS = 750
_EXAGGERATED = 250
_EXAGGERATION = 12.0
_LEAST_GAIN = 0.01


def usual_perplexity(symbols: int) -> float:
    """Return 30, or less for few symbols: a third of the others."""
    return max(1.0, min(30.0, (symbols - 1) / 3.0))


def neighbour_map(
    vectors_VC: ArrayLike, perplexity: float, seed: int, steps: int = STEPS
) -> Generator[tuple[float, Floats] | None, None, None]:
    """Lay vectors out so that neighbours stay neighbours: exact t-SNE.

    It starts from the principal axes, so that the coarse order stays that of the data; `seed`
    sets the little noise that parts equal vectors.

    Source: van der Maaten and Hinton 2008, with the start and the learning rate of Kobak and
    Berens 2019.

    Yields:
        None to be interrupted, or (share that is done, places (V, 2)) after every step.
    """
    x = np.asarray(vectors_VC, np.float64)
    n = len(x)
    p = np.zeros((n, n))
    for rows in _blocks(n, _HARD_BLOCK):
        p[rows] = similarities(x, rows, perplexity)
        yield None
    both = np.empty_like(p)
    for rows in _blocks(n):
        both[rows] = (p[rows] + p[:, rows].T) / (2.0 * n)
        yield None
    descent = _Descent(_start(x, seed))
    for step in range(steps):
        early = step < min(_EXAGGERATED, steps // 3)
        yield from descent.step(both, _EXAGGERATION if early else 1.0, 0.5 if early else 0.8)
        yield (step + 1) / steps, descent.y.copy()


def _start(x: Floats, seed: int) -> Floats:
    places = principal_axes(x).places
    spread = places[:, 0].std()
    noise = np.random.default_rng(seed).normal(size=places.shape)
    return 1e-4 * (places / spread if spread > 0 else places) + 1e-6 * noise


def similarities(x: Floats, rows: slice, perplexity: float) -> Floats:
    """Return p_{j|i} for rows i: Gaussian weights whose entropy is ln(perplexity) nats."""
    distance = squared_distances(x[rows], x)
    own = np.arange(rows.start, rows.stop)
    here = np.arange(len(own))
    distance[here, own] = np.inf
    distance = distance - distance.min(1, keepdims=True)  # the scale of weights cancels
    low, high = np.zeros(len(own)), np.full(len(own), np.inf)
    beta = 1.0 / np.maximum(np.mean(distance, 1, where=np.isfinite(distance)), 1e-300)
    finite = np.where(np.isfinite(distance), distance, 0.0)
    weight, total = np.zeros_like(distance), np.ones(len(own))
    for _ in range(64):
        weight = np.exp(-beta[:, None] * distance)
        total = weight.sum(1)
        entropy = np.log(total) + beta * (weight * finite).sum(1) / total
        flat = entropy > np.log(perplexity)
        low, high = np.where(flat, beta, low), np.where(flat, high, beta)
        beta = np.where(np.isinf(high), beta * 2.0, (low + high) / 2.0)
    result: Floats = weight / total[:, None]
    return result


class _Descent:
    """Gradient descent with momentum and gains on the divergence of the two similarities."""

    def __init__(self, start_V2: Floats) -> None:
        self.y = start_V2
        self._moved = np.zeros_like(start_V2)
        self._gain = np.ones_like(start_V2)
        self._rate = len(start_V2) / _EXAGGERATION  # more makes few points tumble

    def step(self, p: Floats, more: float, momentum: float) -> Generator[None, None, None]:
        y = self.y
        pull, push, total = np.empty_like(y), np.empty_like(y), 0.0
        for rows in _blocks(len(y)):
            weight = 1.0 / (1.0 + squared_distances(y[rows], y))
            inside = np.arange(rows.start, rows.stop)
            weight[inside - rows.start, inside] = 0.0
            total += float(weight.sum())
            near = p[rows] * weight
            pull[rows] = near.sum(1)[:, None] * y[rows] - near @ y
            weight *= weight
            push[rows] = weight.sum(1)[:, None] * y[rows] - weight @ y
            if rows.stop < len(y):
                yield
        slope = 4.0 * (more * pull - push / max(total, 1e-300))
        onward = np.sign(slope) != np.sign(self._moved)
        self._gain = np.maximum(np.where(onward, self._gain + 0.2, self._gain * 0.8), _LEAST_GAIN)
        self._moved = momentum * self._moved - self._rate * self._gain * slope
        moved = y + self._moved
        self.y = moved - moved.mean(0)
