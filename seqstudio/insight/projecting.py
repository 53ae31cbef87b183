"""States in a plane: principal components that stay put while a model learns. Plain numpy.

Shape legend: T points, N numbers of each, A axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Axes:
    """A plane through a cloud of points.

    Attributes:
        mean: (N,) its origin.
        axes: (A, N) orthonormal directions.
        share: (A,) part of the variance that lies along each, for the points it was fitted to.
    """

    mean: Values
    axes: Values
    share: Values

    def place(self, points_TN: ArrayLike) -> Values:
        """Return where points lie in the plane, (T, A)."""
        placed: Values = (np.asarray(points_TN, np.float64) - self.mean) @ self.axes.T
        return placed

    def share_of(self, points_TN: ArrayLike) -> Values:
        """Return the part of the variance of other points that lies along each axis, (A,)."""
        points = np.asarray(points_TN, np.float64)
        total = points.var(0).sum()
        along: Values = (points @ self.axes.T).var(0)
        return along / total if total > 0 else np.zeros_like(along)


def principal_axes(points_TN: ArrayLike, count: int = 2) -> Axes:
    """Return the `count` directions of greatest variance.

    Points of fewer numbers than that get axes of zeros. The largest entry of each axis is
    positive, so that the same points always give the same picture.
    """
    points = np.asarray(points_TN, np.float64)
    mean = points.mean(0)
    centred = points - mean
    variances, directions = np.linalg.eigh(centred.T @ centred)
    total = variances.clip(0).sum()
    axes, share = np.zeros((count, points.shape[1])), np.zeros(count)
    for place in range(min(count, points.shape[1])):
        axis = directions[:, -1 - place]
        axes[place] = axis * (np.sign(axis[np.abs(axis).argmax()]) or 1.0)
        share[place] = max(variances[-1 - place], 0.0) / total if total > 0 else 0.0
    return Axes(mean, axes, share)


def aligned(axes: Axes, points_TN: ArrayLike, before_TA: ArrayLike) -> Axes:
    """Turn axes within their plane so that points come as near as can be to where they were.

    The orthogonal Procrustes problem: rotation and mirroring of the plane, no stretching. The
    shares are those of the turned axes.

    Args:
        axes: New axes.
        points_TN: The points, for the new axes.
        before_TA: Where the same points lay in the plane before.
    """
    points, before = np.asarray(points_TN, np.float64), np.asarray(before_TA, np.float64)
    placed = axes.place(points)
    left, _, right = np.linalg.svd((before - before.mean(0)).T @ placed)
    turned = Axes(axes.mean, left @ right @ axes.axes, axes.share)
    return Axes(turned.mean, turned.axes, turned.share_of(points))


TOKEN_CLASSES = ("vowel", "consonant", "digit", "blank", "line break", "sign", "word")


def token_class(token: str) -> str:
    """Return which of `TOKEN_CLASSES` a token belongs to; letters by their base form."""
    if len(token) > 1:
        return "digit" if token.lstrip("-").isdigit() else "word"
    if token in "\n\r":
        return "line break"
    if token.isspace():
        return "blank"
    if token.isdigit():
        return "digit"
    if token.isalpha():
        return "vowel" if token.lower() in "aeiouyäöüàáâèéêëìíîïòóôùúû" else "consonant"
    return "sign"
