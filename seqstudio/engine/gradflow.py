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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor, nn

Kind = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
_MODES: dict[str, Kind] = {m.upper(): m for m in get_args(Kind)}  # torch's names for them


def norm64(values: Tensor) -> Tensor:
    """Return the Euclidean norm over the last axis, accumulated in float64.

    A float32 norm squares its entries in float32: it is wrong below about 1e-20 and 0.0 below
    3e-23, where gradients are still representable.
    """
    norm: Tensor = torch.linalg.vector_norm(values, dim=-1, dtype=torch.float64)
    return norm


@dataclass(frozen=True)
class CellWeights:
    """A detached copy of one direction of one recurrent layer, in torch's gate order.

    Attributes:
        kind: Which recursion it follows.
        w_ih: (G*N, I); gates of an LSTM i, f, g, o; of a GRU r, z, n.
        w_hh: (G*N, N).
        b_ih: (G*N,), zeros without bias.
        b_hh: (G*N,).
    """

    kind: Kind
    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor

    @classmethod
    @torch.no_grad()
    def from_module(
        cls,
        module: nn.RNNBase,
        *,
        reverse: bool = False,
        device: torch.device | str | None = None,
    ) -> CellWeights:
        """Copy the weights of `module`, to `device`; half precision becomes float32.

        Take the copy before the optimizer's step: the recursion needs the weights that computed h.

        Raises:
            ValueError: The module has several layers, a projection, or no reverse direction.
        """
        if module.num_layers != 1:
            raise ValueError("stack single-layer modules: a deep one hides its inner states")
        if module.proj_size:
            raise ValueError("a layer with a projection is not supported")
        if reverse and not module.bidirectional:
            raise ValueError("the module has no reverse direction")
        suffix = "_l0_reverse" if reverse else "_l0"

        def copy(name: str) -> Tensor:
            values = module.get_parameter(name + suffix).detach()
            dtype = torch.promote_types(values.dtype, torch.float32)
            return values.to(device=device, dtype=dtype, copy=True)

        w_ih, w_hh = copy("weight_ih"), copy("weight_hh")
        if module.bias:
            return cls(_MODES[module.mode], w_ih, w_hh, copy("bias_ih"), copy("bias_hh"))
        zero = w_ih.new_zeros(w_ih.shape[0])
        return cls(_MODES[module.mode], w_ih, w_hh, zero, zero)

    @property
    def hidden_size(self) -> int:
        """Units N."""
        return int(self.w_hh.shape[1])

    def like(self, values: Tensor) -> Tensor:
        """Return `values` detached, on the device and in the dtype of the weights."""
        return values.detach().to(self.w_hh)


@dataclass(frozen=True)
class LayerRun:
    """What one layer did with one batch.

    Attributes:
        x: Input (B, T, I).
        h: Output (B, T, N).
        h0: State before the first step (B, N); None for zeros.
        c0: Cell state before the first step (B, N), LSTM only; None for zeros.
    """

    x: Tensor
    h: Tensor
    h0: Tensor | None = None
    c0: Tensor | None = None


class _Cell(Protocol):
    """Local derivatives of all steps (T, B, .), and one step back in time.

    Gradients may carry a leading axis, (K, B, N), and are broadcast against the factors.
    """

    def pull(self, s: int, dh: Tensor, dc: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Move the gradients of the states at step s to step s - 1."""
        ...

    def land(self, t: int, dh: Tensor, dc: Tensor | None) -> Tensor | None:
        """Return dc_t completed by the path c_t -> h_t; None where there is no c."""
        ...


def _times(dz: Tensor, w: Tensor) -> Tensor:
    """Return dz @ w as one product, whatever axes lead."""
    return (dz.flatten(0, -2) @ w).view(*dz.shape[:-1], w.shape[1])


class _Plain:
    """tanh or ReLU RNN."""

    def __init__(self, w: CellWeights, h: Tensor) -> None:
        self.w = w.w_hh
        self.slope = (1 - h * h) if w.kind == "rnn_tanh" else (h > 0).to(h.dtype)

    def pull(self, s: int, dh: Tensor, dc: Tensor | None) -> tuple[Tensor, Tensor | None]:
        del dc
        return _times(dh * self.slope[s], self.w), None

    def land(self, t: int, dh: Tensor, dc: Tensor | None) -> Tensor | None:
        del t, dh, dc
        return None


class _Lstm:
    """Long short-term memory. The factors of all four gates lie side by side, (T, B, 4, N)."""

    def __init__(self, w: CellWeights, x: Tensor, h_before: Tensor, c0: Tensor) -> None:
        self.w = w.w_hh
        z = x @ w.w_ih.T
        z += h_before @ w.w_hh.T
        z += w.b_ih + w.b_hh
        i, f, g, o = z.chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = self._cells(i * g, f, c0)
        c_before = torch.cat([c0[None], c[:-1]])
        tanh_c = c.tanh()
        self.f = f
        self.h_by_c = o * (1 - tanh_c * tanh_c)
        self.by_gate = torch.stack(
            [g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], 2
        )

    @staticmethod
    def _cells(new: Tensor, f: Tensor, c0: Tensor) -> Tensor:
        c, c_t = torch.empty_like(new), c0
        for t in range(new.shape[0]):  # elementwise: the products are all done
            torch.addcmul(new[t], f[t], c_t, out=c[t])
            c_t = c[t]
        return c

    def pull(self, s: int, dh: Tensor, dc: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert dc is not None
        factor = self.by_gate[s]
        dz = dh.new_empty(*dh.shape[:-1], 4, dh.shape[-1])
        torch.mul(dc.unsqueeze(-2), factor[:, :3], out=dz[..., :3, :])
        torch.mul(dh, factor[:, 3], out=dz[..., 3, :])
        return _times(dz.flatten(-2), self.w), dc * self.f[s]

    def land(self, t: int, dh: Tensor, dc: Tensor | None) -> Tensor | None:
        own = dh * self.h_by_c[t]
        return own if dc is None else own.add_(dc)


class _Gru:
    """Gated recurrent unit: z near 1 keeps, r multiplies the state's part of the candidate."""

    def __init__(self, w: CellWeights, x: Tensor, h_before: Tensor) -> None:
        self.w = w.w_hh
        ar, az, an = (x @ w.w_ih.T + w.b_ih).chunk(3, -1)
        br, bz, bn = (h_before @ w.w_hh.T + w.b_hh).chunk(3, -1)
        r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
        n = (an + r * bn).tanh()
        self.z = z
        by_n = (1 - z) * (1 - n * n)
        self.by_gate = torch.stack(
            [by_n * bn * r * (1 - r), (h_before - n) * z * (1 - z), by_n * r], 2
        )

    def pull(self, s: int, dh: Tensor, dc: Tensor | None) -> tuple[Tensor, Tensor | None]:
        del dc
        db = dh.unsqueeze(-2) * self.by_gate[s]
        back = _times(db.flatten(-2), self.w)
        return back.addcmul_(dh, self.z[s]), None

    def land(self, t: int, dh: Tensor, dc: Tensor | None) -> Tensor | None:
        del t, dh, dc
        return None


def _cell(w: CellWeights, run: LayerRun) -> _Cell:
    """Compute the local derivatives of every step of a layer."""
    if run.h.dim() != 3 or run.h.shape[2] != w.hidden_size:
        raise ValueError(f"h must be (B, T, {w.hidden_size}), got {tuple(run.h.shape)}")
    if run.x.shape[:2] != run.h.shape[:2]:
        raise ValueError("x and h must agree in rows and time")
    h = w.like(run.h).transpose(0, 1).contiguous()
    if w.kind in {"rnn_tanh", "rnn_relu"}:
        return _Plain(w, h)
    x = w.like(run.x).transpose(0, 1)
    start = torch.zeros_like(h[0]) if run.h0 is None else w.like(run.h0)
    h_before = torch.cat([start[None], h[:-1]])
    if w.kind == "gru":
        return _Gru(w, x, h_before)
    c0 = torch.zeros_like(h[0]) if run.c0 is None else w.like(run.c0)
    return _Lstm(w, x, h_before, c0)


def _direct(w: CellWeights, run: LayerRun, e: Tensor) -> Tensor:
    """Return e time first, (T, B, N)."""
    if e.shape != run.h.shape:
        raise ValueError(f"e must have the shape of h, got {tuple(e.shape)}")
    return w.like(e).transpose(0, 1).contiguous()


@dataclass(frozen=True)
class StateFlow:
    """Gradients of one scalar loss by the states of one layer.

    Attributes:
        direct_h: (B, T, N) e_t, what `output.retain_grad()` shows.
        total_h: (B, T, N) dL/dh_t.
        total_c: (B, T, N) dL/dc_t, LSTM only.
        initial_h: (B, N) dL/dh_0: what the edge of a truncation window cuts off.
        initial_c: (B, N) dL/dc_0, LSTM only.
    """

    direct_h: Tensor
    total_h: Tensor
    total_c: Tensor | None
    initial_h: Tensor
    initial_c: Tensor | None


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
    cell, e_TBN = _cell(w, run), _direct(w, run, e)
    last = e_TBN.shape[0] - 1
    total_h = torch.empty_like(e_TBN)
    total_c = torch.empty_like(e_TBN) if w.kind == "lstm" else None
    dh = e_TBN[last] if e_last_h is None else e_TBN[last] + w.like(e_last_h)
    dc = cell.land(last, dh, None if e_last_c is None else w.like(e_last_c))
    for t in range(last, -1, -1):
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
        None if total_c is None else total_c.transpose(0, 1),
        initial_h,
        initial_c,
    )


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
    """

    targets: tuple[int, ...]
    log10_h: Tensor
    log10_c: Tensor | None


@torch.no_grad()
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
    cell, e_TBN = _cell(w, run), _direct(w, run, e_local)
    steps, rows, _ = e_TBN.shape
    ks = sorted(set(range(steps) if targets is None else targets))
    if not ks or ks[0] < 0 or ks[-1] >= steps:
        raise ValueError(f"targets must lie in 0..{steps - 1}")
    dh = e_TBN.new_zeros(len(ks), *e_TBN.shape[1:])
    dc = torch.zeros_like(dh) if w.kind == "lstm" else None
    size_h = torch.full((steps, len(ks), rows), math.nan, dtype=torch.float64, device=dh.device)
    size_c = torch.full_like(size_h, math.nan)
    divided = torch.ones_like(size_h)
    for t in range(ks[-1], -1, -1):
        first, moving = bisect_left(ks, t), bisect_right(ks, t)  # rows with k >= t, with k > t
        if moving < len(ks):
            _sweep(cell, t, dh[moving:], None if dc is None else dc[moving:])
        if first < moving:
            dh[first] = e_TBN[t]
            own = cell.land(t, e_TBN[t], None)
            if dc is not None and own is not None:
                dc[first] = own
        size_h[t, first:] = norm64(dh[first:])
        if dc is not None:
            size_c[t, first:] = norm64(dc[first:])
        largest = torch.fmax(size_h[t, first:], size_c[t, first:])
        divided[t, first:] = torch.where(largest > 0, largest, 1.0).to(dh.dtype)
        shrink = divided[t, first:].to(dh.dtype).unsqueeze(-1)
        dh[first:] /= shrink
        if dc is not None:
            dc[first:] /= shrink
    scale = divided.log10()
    scale = scale.flip(0).cumsum(0).flip(0) - scale  # what was divided out at later steps
    log_h, log_c = ((size.log10() + scale).permute(2, 1, 0) for size in (size_h, size_c))
    return ItemisedMap(tuple(ks), log_h, log_c if dc is not None else None)


def _sweep(cell: _Cell, t: int, dh: Tensor, dc: Tensor | None) -> None:
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
