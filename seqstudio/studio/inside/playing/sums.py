"""`Sums`: the parts of a gradient and their running sum, reduced for the eye."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqstudio.records.inside.player import Matrix, Played, factors, shares
from seqstudio.records.readings import Floats

MOST_CELLS = 64  # a side


@dataclass(frozen=True)
class Picture:
    """A matrix reduced for the eye: the largest number of each patch.

    Attributes:
        values: (rows, columns), at most `MOST_CELLS` each.
        patch: Numbers of the matrix behind one of them, down and across.
        norm: Frobenius norm of the whole matrix.
        rows: Rows of the whole matrix.
    """

    values: Floats
    patch: tuple[int, int]
    norm: float
    rows: int

    @property
    def largest(self) -> float:
        """Largest magnitude, 1 where all is zero."""
        return float(np.abs(self.values).max(initial=0.0)) or 1.0


def reduced(matrix: Floats, norm: float | None = None) -> Picture:
    """Return a matrix as a picture; `norm` spares its computation."""
    rows, columns = matrix.shape
    down, across = -(-rows // MOST_CELLS), -(-columns // MOST_CELLS)
    size = float(np.linalg.norm(matrix)) if norm is None else norm
    if down == across == 1:
        return Picture(matrix, (1, 1), size, rows)
    full = np.pad(matrix, ((0, -rows % down), (0, -columns % across)))
    patches = full.reshape(full.shape[0] // down, down, full.shape[1] // across, across)
    high, low = patches.max(axis=(1, 3)), patches.min(axis=(1, 3))
    return Picture(np.where(-low > high, low, high), (down, across), size, rows)


class Sums:
    """One gradient of a reading as the sum over its time steps.

    Attributes:
        matrix: Which one.
        shares: (T,) what each step adds, see `seqstudio.records.inside.player.shares`.
    """

    def __init__(self, played: Played, matrix: Matrix) -> None:
        self._played = played
        self.matrix = matrix
        self.shares = shares(played, matrix)
        self._left, self._right = factors(played, matrix)
        self._pictures: dict[int, Picture] = {}

    def part(self, t: int) -> Picture:
        """Return what time step t adds."""
        return reduced(np.outer(self._left[t], self._right[t]))

    def since(self, t: int) -> Picture:
        """Return the sum over t and all later steps; from 0 the whole gradient."""
        if t not in self._pictures:
            total = self._left[t:].T @ self._right[t:]
            self._pictures[t] = reduced(total, self._norm(t))
        return self._pictures[t]

    @cached_property
    def _products(self) -> Floats:
        """Inner products of the parts with each other, (T, T)."""
        found: Floats = (self._left @ self._left.T) * (self._right @ self._right.T)
        return found

    def _norm(self, t: int) -> float:
        return float(np.sqrt(max(0.0, self._products[t:, t:].sum())))

    def reached(self, t: int) -> float:
        """Return the share of the gradient that t and all later steps add up to."""
        return float(self.shares[t:].sum())

    @cached_property
    def weight(self) -> Picture | None:
        """The matrix itself, None for the bias."""
        weight = self._weight()
        return None if weight is None else reduced(weight)

    def product(self, t: int) -> Picture | None:
        """Return the numbers W_ij v_j whose rows add up to W v at step t, None for the bias."""
        weight = self._weight()
        return None if weight is None else reduced(weight * self._right[t])

    def product_sum(self, t: int) -> Picture | None:
        """Return W v at step t as a column, None for the bias."""
        weight = self._weight()
        return None if weight is None else reduced((weight @ self._right[t])[:, None])

    def _weight(self) -> Floats | None:
        played = self._played
        return {"w_hh": played.w_hh, "w_ih": played.w_ih, "b": None}[self.matrix]
