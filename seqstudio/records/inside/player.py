"""One time step forward, one step back: every vector of a recurrent layer on one text.

Shape legend: T time steps, I inputs of the layer, N units, G gates (1, or 4 in the order i, f, g,
o of an LSTM, or 3 in the order r, z, n of a GRU).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqstudio.records.readings import Floats, Ints

Matrix = Literal["w_hh", "w_ih", "b"]
MATRICES: tuple[Matrix, ...] = ("w_hh", "w_ih", "b")
STEPS = 64


@dataclass(frozen=True)
class PlayOf:
    """Ask what a layer computes at every time step, forward and backward.

    Attributes:
        block: Id of the recurrent block, "" for the layer nearest to the head.
        layer: Number of the layer in the block, from 0.
        back: Of a layer that reads both ways, the half that reads from the end.
        steps: Longest part of the text to read.
    """

    block: str = ""
    layer: int = 0
    back: bool = False
    steps: int = STEPS


@dataclass(frozen=True)
class PlayLayer:
    """A layer that can be played.

    Attributes:
        block: Id of its block.
        layer: Number in the block, from 0.
        back: It reads from the end to the start.
        title: What a person calls it.
    """

    block: str
    layer: int
    back: bool
    title: str


@dataclass(frozen=True)
class Outcome:
    """What the model said at one time step and what was asked.

    Attributes:
        loss: In the unit of the task, NaN where no loss stands.
        target: What was asked, "" for nothing.
        likely: The likeliest answers with their probabilities, best first; () for numbers.
        target_p: Probability of the target, NaN where answers have none.
        said: The answer in words where it is a number, else "".
    """

    loss: float
    target: str
    likely: tuple[tuple[str, float], ...]
    target_p: float
    said: str = ""


@dataclass(frozen=True)
class Played:
    """One layer on one text, in float64, for L = the sum of the losses.

    Rows are in the order in which the layer reads. The parameter gradients are sums over these
    rows: dL/dW_hh = sum_t dz_h[t] h_{t-1}^T, dL/dW_ih = sum_t dz[t] x_t^T, dL/db = sum_t dz[t].

    Attributes:
        layer: Which one; its block, number and direction.
        choices: Every layer of the model that can be played.
        kind: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        tokens: (T,) what the model reads; numbers of the steps where it reads vectors.
        symbolic: Whether tokens are symbols.
        places: (T,) where in the text, from 0.
        outcomes: (T,) what came out.
        unit: Unit of the losses.
        skipped: Characters that the model does not know and that were left out.
        cut: Steps that were left off at the end.
        notes: What else a person has to know, sentences.
        w_ih: (G*N, I) float32.
        w_hh: (G*N, N) float32.
        b_ih: (G*N,).
        b_hh: (G*N,).
        x: (T, I) input.
        h0: (N,) state before the first step.
        c0: (N,) cell state before the first step, None unless LSTM.
        from_x: (T, G*N) W_ih x_t.
        from_h: (T, G*N) W_hh h_{t-1}.
        gates: (T, G*N) after the squashing functions; of a plain RNN the same as h.
        c: (T, N) cell state, None unless LSTM.
        h: (T, N) state.
        direct: (T, N) e_t, what reaches h_t without passing through h_{t+1}; at the last step also
            what reads the last state.
        back: (T, N) what comes back from step t+1: W_hh^T dz_{t+1}; in a GRU also through z. 0 at
            the last step.
        total: (T, N) dL/dh_t = e_t + back.
        back_c: (T, N) f_{t+1} dc_{t+1}, at the last step what reads the last cell; None unless
            LSTM.
        total_c: (T, N) dL/dc_t, None unless LSTM.
        dz: (T, G*N) dL by the pre-activations.
        dz_h: (T, G*N) dL by W_hh h_{t-1} + b_hh; differs from dz in a GRU, None elsewhere.
        before: (N,) dL/dh_0: what the edge of the window cuts off.
        gap: Largest relative difference of the sums to the gradients of autograd.
    """

    layer: PlayLayer
    choices: tuple[PlayLayer, ...]
    kind: str
    tokens: tuple[str, ...]
    symbolic: bool
    places: Ints
    outcomes: tuple[Outcome, ...]
    unit: str
    skipped: tuple[str, ...]
    cut: int
    notes: tuple[str, ...]
    w_ih: Floats
    w_hh: Floats
    b_ih: Floats
    b_hh: Floats
    x: Floats
    h0: Floats
    c0: Floats | None
    from_x: Floats
    from_h: Floats
    gates: Floats
    c: Floats | None
    h: Floats
    direct: Floats
    back: Floats
    total: Floats
    back_c: Floats | None
    total_c: Floats | None
    dz: Floats
    dz_h: Floats | None
    before: Floats
    gap: float

    @property
    def steps(self) -> int:
        """Time steps T."""
        return len(self.tokens)

    @property
    def units(self) -> int:
        """Units N."""
        return int(self.h.shape[1])


def factors(played: Played, matrix: Matrix) -> tuple[Floats, Floats]:
    """Return the factors of the parts of a gradient: part t is left[t] right[t]^T."""
    if matrix == "w_hh":
        left = played.dz if played.dz_h is None else played.dz_h
        return left, np.concatenate([played.h0[None], played.h[:-1]])
    right = played.x if matrix == "w_ih" else np.ones((played.steps, 1))
    return played.dz, right


def part(played: Played, matrix: Matrix, t: int) -> Floats:
    """Return what time step t adds to a gradient: (G*N, N), (G*N, I) or (G*N, 1)."""
    left, right = factors(played, matrix)
    return np.outer(left[t], right[t])


def sum_from(played: Played, matrix: Matrix, t: int) -> Floats:
    """Return the sum of the parts of t and all later steps; from 0 it is the whole gradient."""
    left, right = factors(played, matrix)
    return left[t:].T @ right[t:]


def shares(played: Played, matrix: Matrix) -> Floats:
    """Return what each step adds to a gradient G, (T,): <part_t, G> / |G|^2, which sum to 1.

    A part that points against the gradient has a share below 0. NaN where G is zero.
    """
    left, right = factors(played, matrix)
    whole = left.T @ right
    size = float((whole * whole).sum())
    if size == 0:
        return np.full(len(left), np.nan)
    found: Floats = np.einsum("tg,gr,tr->t", left, whole, right, optimize=True) / size
    return found


def part_norms(played: Played, matrix: Matrix) -> Floats:
    """Return the Frobenius norm of every part, (T,): |left| |right|."""
    left, right = factors(played, matrix)
    norms: Floats = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return norms
