"""Exact gradient flow through the fused recurrent layers of torch.nn, without unrolling them.

`output.retain_grad()` on a fused layer yields the *direct* part e_t only: the gradient that
reaches h_t without passing through h_{t+1}. For a loss at the last step it is exactly zero at
every earlier step. What is missing is a linear reverse recursion over numbers that the layer
already exposes, its input x, output h_1..h_T and weights (g_T = e_T)::

    RNN   dz_t = dh_t * phi'(z_t)
          dh_{t-1} = e_{t-1} + W^T dz_t
    LSTM  dz_t = [dc*g*i(1-i), dc*c_{t-1}*f(1-f), dc*i*(1-g^2), dh*tanh(c)*o(1-o)]_t
          dh_{t-1} = e_{t-1} + W^T dz_t
          dc_{t-1} = f_t * dc_t + dh_{t-1} * o_{t-1} * (1 - tanh(c_{t-1})^2)
    GRU   dn = dh*(1-z)(1-n^2),  bn = W_hn h_{t-1} + b_hn
          db_t = [dn*bn*r(1-r), dh*(h_{t-1}-n)*z(1-z), dn*r]_t
          dh_{t-1} = e_{t-1} + dh_t * z_t + W^T db_t

All gates come from two batched products because h is known: no graph, no second backward pass.
Definitions and evidence: docs/diagnostics.md, sections 2 and 3.

Shape legend: B rows, T time steps, I input width, N units, K loss positions, G gates. Sequences
are batch first; factors inside this module are time first, so that one step is one block of
memory.

Limits:
    * One layer and one direction at a time, no projection. For a reverse direction flip time and
      copy the reverse weights; rows of unequal length have to be aligned first.
    * e must hold every use of the states: if anything reads the last h or c, pass its gradient.
    * `itemised_map` needs "loss k reads h_k only", true for the layer under a per-step head.
    * Under a gradient scaler divide e by its scale.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqstudio.engine.cell_steps import Cell, CellWeights, LayerRun, cell_of

__all__ = [
    "CellWeights",
    "DistanceCurve",
    "ItemisedMap",
    "LayerRun",
    "StateFlow",
    "TimeCurve",
    "distance_curve",
    "fit_horizon",
    "itemised_map",
    "itemised_sweep",
    "kept_curve",
    "norm64",
    "state_gradients",
    "time_curve",
]

_PAUSE = 8  # steps of a sweep between two pauses
_LEAST_GATE = 1e-30  # a gate shut in float32: its product shall stay a number


def norm64(values: Tensor) -> Tensor:
    """Return the Euclidean norm over the last axis, accumulated in float64.

    A float32 norm squares its entries in float32: it is wrong below about 1e-20 and 0.0 below
    3e-23, where gradients are still representable.
    """
    norm: Tensor = torch.linalg.vector_norm(values, dim=-1, dtype=torch.float64)
    return norm


def _direct(w: CellWeights, run: LayerRun, e: Tensor) -> Tensor:
    """Return e time first, (T, B, N)."""
    if e.shape != run.h.shape:
        raise ValueError(f"e must have the shape of h, got {tuple(e.shape)}")
    return w.like(e).transpose(0, 1).contiguous()


@dataclass(frozen=True)
class StateFlow:
    """Gradients of one scalar loss by the states of one layer.

    Attributes:
        direct_h: (B, T, N) e_t, what `output.retain_grad()` shows, and at the last step what
            arrives at the separately returned last state.
        total_h: (B, T, N) dL/dh_t.
        total_c: (B, T, N) dL/dc_t, LSTM only.
        initial_h: (B, N) dL/dh_0: what the edge of a truncation window cuts off.
        initial_c: (B, N) dL/dc_0, LSTM only.
        direct_c: (B, T, N) what reaches c_t without passing through step t + 1: by way of h_t, and
            at the last step what arrives at the returned last cell; LSTM only.
    """

    direct_h: Tensor
    total_h: Tensor
    total_c: Tensor | None
    initial_h: Tensor
    initial_c: Tensor | None
    direct_c: Tensor | None


@torch.no_grad()
def state_gradients(
    w: CellWeights,
    run: LayerRun,
    e: Tensor,
    *,
    e_last_h: Tensor | None = None,
    e_last_c: Tensor | None = None,
) -> StateFlow:
    """Return the total gradients of every state from the direct ones.

    Costs one product with the recurrent matrix a step; a few rows are enough for a plot.

    Args:
        w: Weights with which `run` was computed.
        run: What the layer did.
        e: Gradient of the loss by the layer's output tensor, (B, T, N).
        e_last_h: Gradient that arrives at the separately returned last state, (B, N).
        e_last_c: The same for the last cell state, (B, N).

    Raises:
        ValueError: Shapes disagree.
    """
    cell, e_TBN = cell_of(w, run), _direct(w, run, e)
    last = e_TBN.shape[0] - 1
    total_h = torch.empty_like(e_TBN)
    total_c = torch.empty_like(e_TBN) if w.kind == "lstm" else None
    direct_c = None if total_c is None else torch.empty_like(total_c)
    if e_last_h is not None:
        e_TBN = e_TBN.clone()
        e_TBN[last] += w.like(e_last_h)
    dh = e_TBN[last]
    end_c = None if e_last_c is None else w.like(e_last_c)
    dc = cell.land(last, dh, end_c)
    for t in range(last, -1, -1):
        if direct_c is not None:
            own = cell.land(t, e_TBN[t], end_c if t == last else None)
            direct_c[t] = own if own is not None else 0.0
        if t < last:
            dh, dc = cell.pull(t + 1, dh, dc)
            dh += e_TBN[t]
            dc = cell.land(t, dh, dc)
        total_h[t] = dh
        if total_c is not None and dc is not None:
            total_c[t] = dc
    initial_h, initial_c = cell.pull(0, dh, dc)
    return StateFlow(
        e_TBN.transpose(0, 1),
        total_h.transpose(0, 1),
        _rows_first(total_c),
        initial_h,
        initial_c,
        _rows_first(direct_c),
    )


def _rows_first(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.transpose(0, 1)


@dataclass(frozen=True)
class TimeCurve:
    """Norms by time step, float64.

    Attributes:
        mean_of_norms: (T,) m_t, mean over rows of the norm: signal present, the curve to plot.
        norm_of_mean: (T,) n_t, norm of the mean over rows: signal the rows agree on.
        coherence: (T,) n_t / m_t in 0..1; about 1/sqrt(B) for unrelated rows.
    """

    mean_of_norms: Tensor
    norm_of_mean: Tensor
    coherence: Tensor


@torch.no_grad()
def time_curve(gradient: Tensor, scale: float = 1.0) -> TimeCurve:
    """Summarise gradients (B, T, N) over the rows.

    Args:
        gradient: Gradients of a loss that is a mean.
        scale: Number of terms behind that mean (B*T for next tokens): without it the curve moves
            when the batch size changes.
    """
    mean_of_norms = norm64(gradient).mean(0) * scale
    norm_of_mean = norm64(gradient.double().mean(0)) * scale
    return TimeCurve(mean_of_norms, norm_of_mean, norm_of_mean / mean_of_norms)


@dataclass(frozen=True)
class ItemisedMap:
    """log10 of the norm of dl_k/dh_t for single losses: [b, j, t] with k = targets[j].

    Attributes:
        targets: Loss positions, rising.
        log10_h: (B, K, T) float64; NaN where t > k, -inf for an exact zero.
        log10_c: (B, K, T) the same for the cell state, LSTM only.
        sum_h: (B, T, N) float64, the sum of the vectors over the losses: dL/dh_t of their sum.
    """

    targets: tuple[int, ...]
    log10_h: Tensor
    log10_c: Tensor | None
    sum_h: Tensor


def itemised_map(
    w: CellWeights, run: LayerRun, e_local: Tensor, *, targets: Sequence[int] | None = None
) -> ItemisedMap:
    """Return the norms of the gradients of single losses, all in one reverse sweep.

    The gradients are rescaled at every step and the scale is kept in float64, so that float32
    input reaches far below the range of float32. Memory is O(B K T), time O(B K T N^2).

    Args:
        w: Weights with which `run` was computed.
        run: What the layer did.
        e_local: (B, T, N), at step k the gradient of the unweighted loss l_k by h_k. As l_k reads
            only h_k, one backward pass of the sum of all l_k down to the output gives them all.
        targets: Loss positions wanted, all by default; [T - 1] is a loss at the end.

    Raises:
        ValueError: Shapes disagree or a target lies outside the sequence.
    """
    sweep = itemised_sweep(w, run, e_local, targets=targets)
    while True:
        try:
            next(sweep)
        except StopIteration as end:
            found: ItemisedMap = end.value
            return found


@torch.no_grad()
def itemised_sweep(
    w: CellWeights, run: LayerRun, e_local: Tensor, *, targets: Sequence[int] | None = None
) -> Generator[None, None, ItemisedMap]:
    """Do what `itemised_map` does, with a pause after every few steps."""
    cell, e_TBN = cell_of(w, run), _direct(w, run, e_local)
    steps, rows, _ = e_TBN.shape
    ks = sorted(set(range(steps) if targets is None else targets))
    if not ks or ks[0] < 0 or ks[-1] >= steps:
        raise ValueError(f"targets must lie in 0..{steps - 1}")
    dh = e_TBN.new_zeros(len(ks), *e_TBN.shape[1:])
    dc = torch.zeros_like(dh) if w.kind == "lstm" else None
    size_h = torch.full((steps, len(ks), rows), math.nan, dtype=torch.float64, device=dh.device)
    size_c = torch.full_like(size_h, math.nan)
    divided = torch.ones_like(size_h)
    taken_out = size_h.new_ones(len(ks), rows, 1)  # what was divided out at later steps
    sum_h = torch.zeros_like(e_TBN, dtype=torch.float64)
    for t in range(ks[-1], -1, -1):
        first, moving = bisect_left(ks, t), bisect_right(ks, t)  # rows with k >= t, with k > t
        if moving < len(ks):
            _sweep(cell, t, dh[moving:], None if dc is None else dc[moving:])
        if first < moving:
            dh[first] = e_TBN[t]
            own = cell.land(t, e_TBN[t], None)
            if dc is not None and own is not None:
                dc[first] = own
        sum_h[t] = (dh[first:] * taken_out[first:]).sum(0)
        size_h[t, first:] = norm64(dh[first:])
        if dc is not None:
            size_c[t, first:] = norm64(dc[first:])
        largest = torch.fmax(size_h[t, first:], size_c[t, first:])
        divided[t, first:] = torch.where(largest > 0, largest, 1.0).to(dh.dtype)
        shrink = divided[t, first:].to(dh.dtype).unsqueeze(-1)
        dh[first:] /= shrink
        if dc is not None:
            dc[first:] /= shrink
        taken_out[first:] *= shrink
        if t % _PAUSE == 0:
            yield
    scale = divided.log10()
    scale = scale.flip(0).cumsum(0).flip(0) - scale  # of the later steps
    log_h, log_c = ((size.log10() + scale).permute(2, 1, 0) for size in (size_h, size_c))
    by_cell = None if dc is None else log_c
    return ItemisedMap(tuple(ks), log_h, by_cell, sum_h.transpose(0, 1))


def _sweep(cell: Cell, t: int, dh: Tensor, dc: Tensor | None) -> None:
    """Move gradients (K, B, N) from step t + 1 to t, in place."""
    new_h, new_c = cell.pull(t + 1, dh, dc)
    new_c = cell.land(t, new_h, new_c)
    dh.copy_(new_h)
    if dc is not None and new_c is not None:
        dc.copy_(new_c)


@dataclass(frozen=True)
class DistanceCurve:
    """log10 of gradient norms by distance d = k - t from the loss.

    Attributes:
        low: (T,) 10 % quantile over loss positions and rows.
        median: (T,).
        high: (T,) 90 % quantile.
        count: (T,) pairs behind each d; few at large d.
    """

    low: Tensor
    median: Tensor
    high: Tensor
    count: Tensor


@torch.no_grad()
def distance_curve(
    log10_norm: Tensor, targets: Sequence[int], *, normalise: bool = True
) -> DistanceCurve:
    """Summarise a map (B, K, T) of log10 norms by distance from the loss.

    With `normalise` each row is relative to its own value at d = 0, and rows that are zero there
    (a masked loss) are left out.

    Raises:
        ValueError: There is not one target for every row of the map.
    """
    rows, lines, steps = log10_norm.shape
    if lines != len(targets):
        raise ValueError("one target a line is needed")
    by_distance = log10_norm.new_full((rows, lines, steps), math.nan)
    for line, k in enumerate(targets):
        by_distance[:, line, : k + 1] = log10_norm[:, line, : k + 1].flip(-1)
    start = by_distance[..., :1]
    by_distance = torch.where(start.isfinite(), by_distance, math.nan)
    if normalise:
        by_distance = by_distance - start
    flat = by_distance.flatten(0, 1)
    low, median, high = (
        torch.nanquantile(flat, q, dim=0, interpolation="nearest") for q in (0.1, 0.5, 0.9)
    )
    return DistanceCurve(low, median, high, (~flat.isnan()).sum(0))


@torch.no_grad()
def kept_curve(keep: Tensor, targets: Sequence[int]) -> Tensor:
    """Return log10 of the product of gates (B, T, N) over the steps back from a loss, (T,).

    Median over the units, then over loss positions and rows. It is the direct leak of the state,
    without the way through the other gates and h.
    """
    steps = keep.shape[1]
    sums = keep.double().clamp_min(_LEAST_GATE).log10().cumsum(1)
    products = sums.new_full((len(keep), len(targets), steps), math.nan)
    for line, k in enumerate(targets):
        back = sums[:, k : k + 1] - sums[:, : k + 1].flip(1)
        products[:, line, : k + 1] = back.median(-1).values
    return products.flatten(0, 1).nanquantile(0.5, dim=0, interpolation="nearest")


def fit_horizon(curve: Tensor, *, first: int = 5, floor: float = -12.0) -> tuple[float, float]:
    """Fit a line to a log10 distance curve (T,) by least squares.

    Uses distances from `first` on with values above `floor`.

    Returns:
        Slope in decades per step, and the horizon in steps per decade: -1/slope, infinite when
        the curve does not fall. Both NaN when fewer than three points remain.
    """
    distance = torch.arange(curve.numel(), dtype=torch.float64, device=curve.device)
    use = curve.isfinite() & (curve > floor) & (distance >= first)
    if int(use.sum()) < 3:
        return math.nan, math.nan
    d, r = distance[use], curve[use].double()
    d = d - d.mean()
    slope = float((d * (r - r.mean())).sum() / (d * d).sum())
    return slope, (-1.0 / slope if slope < 0 else math.inf)
