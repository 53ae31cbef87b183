"""Products with the Jacobians of a recurrent layer: what grows and what fades along its states.

J_t = dstate_t/dstate_{t-1} is taken at the states that the layer went through; the state of an
LSTM is (h, c). Definitions: docs/diagnostics.md, section 2.4, and docs/diagnostics/spectrum.md.

Shape legend: T time steps, S numbers of the state (N units, 2 N for an LSTM), K vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from seqstudio.engine.cell_steps import CellWeights, LayerRun, cell_of

_BLOCK = 8  # vectors of the power iteration: it converges by the ninth singular value
_ROUNDS = 400


class StateMaps(Protocol):
    """Jacobians of all steps as products; vectors are rows (K, S)."""

    @property
    def steps(self) -> int: ...
    @property
    def size(self) -> int: ...
    def push(self, t: int, v: Tensor) -> Tensor: ...
    def pull(self, t: int, u: Tensor) -> Tensor: ...
    def matrix(self, t: int) -> Tensor: ...
    def start(self, count: int) -> Tensor: ...


class Jacobians:
    """J_1 .. J_T of the first row of a run; vectors are rows (K, S).

    Attributes:
        steps: T.
        size: S.
    """

    def __init__(self, w: CellWeights, run: LayerRun) -> None:
        starts = [None if part is None else part[:1] for part in (run.h0, run.c0)]
        self._cell = cell_of(w, LayerRun(run.x[:1], run.h[:1], *starts))
        self._joint = w.kind == "lstm"
        self._like = w.w_hh
        self.steps = run.h.shape[1]
        self.size = w.hidden_size * (2 if self._joint else 1)

    def _apart(self, v: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return h and c of state vectors, (K, 1, N) each."""
        if not self._joint:
            return v[:, None], None
        h, c = v[:, None].chunk(2, -1)
        return h, c

    @staticmethod
    def _joined(h: Tensor, c: Tensor | None) -> Tensor:
        return (h if c is None else torch.cat([h, c], -1))[:, 0]

    def push(self, t: int, v: Tensor) -> Tensor:
        """Return J_t v for every row: the change at step t of a change v at t - 1; t from 0."""
        return self._joined(*self._cell.push(t, *self._apart(v)))

    def pull(self, t: int, u: Tensor) -> Tensor:
        """Return J_t^T u for every row: the gradient at t - 1 of a gradient u at t; t from 0."""
        h, c = self._apart(u)
        through = self._cell.land(t, h, None if c is None else c.clone())
        return self._joined(*self._cell.pull(t, h, through))

    def matrix(self, t: int) -> Tensor:
        """Return J_t (S, S)."""
        return self.push(t, torch.eye(self.size).to(self._like)).T

    def start(self, count: int) -> Tensor:
        """Return orthonormal columns (S, K), drawn at random."""
        return start_of(self.size, count).to(self._like)


def start_of(size: int, count: int, seed: int = 0) -> Tensor:
    """Return at most `count` orthonormal columns (S, K), without touching anyone's numbers."""
    own = torch.Generator().manual_seed(seed)
    drawn = torch.randn(size, min(count, size), generator=own, dtype=torch.float64)
    q: Tensor = torch.linalg.qr(drawn)[0]
    return q


def stretches(jacobians: StateMaps, count: int) -> Iterator[Tensor]:
    """Yield log |R_ii| (K,) of every step, with Q R = J_t Q; their means are the exponents.

    The greatest comes first once Q has turned towards the directions that grow most.
    """
    q = jacobians.start(count)
    for t in range(jacobians.steps):
        q, r = torch.linalg.qr(jacobians.push(t, q.T).T)
        yield r.diagonal().abs().log()


def greatest_stretch(
    jacobians: StateMaps, first: int, last: int, enough: float = 1e-12
) -> Iterator[Tensor]:
    """Yield estimates of the largest singular value of J_last ... J_first, better and better.

    Power iteration with a few vectors at once; the product is never formed. It ends when an
    estimate moves by less than a share `enough` of itself.
    """
    q, before = jacobians.start(_BLOCK), torch.zeros(())
    for _ in range(_ROUNDS):
        v = q.T
        for t in range(first, last + 1):
            v = jacobians.push(t, v)
        now = torch.linalg.svdvals(v)[0]
        yield now
        if bool((now - before).abs() <= enough * now):
            return
        for t in range(last, first - 1, -1):
            v = jacobians.pull(t, v / v.norm().clamp_min(1e-30))
        q, before = torch.linalg.qr(v.T)[0], now
