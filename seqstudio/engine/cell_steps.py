"""One recurrent layer, taken apart: its weights, what it did, and the derivatives of every step.

The Jacobian J_t = dstate_t/dstate_{t-1} is never formed. `pull` multiplies a gradient by its
transpose, as the reverse recursion of `gradflow` does; `push` multiplies a change of the state by
it, as `jacobian` does. Both use the same factors, computed for all steps by two batched products.

Shape legend: B rows, T time steps, I input width, N units, K gradients side by side, G gates.
Sequences are batch first; factors inside this module are time first, so that one step is one block
of memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor, nn

Kind = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
_MODES: dict[str, Kind] = {m.upper(): m for m in get_args(Kind)}  # torch's names for them


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


class Cell(Protocol):
    """Local derivatives of all steps (T, B, .), and one step back or forward in time.

    Gradients may carry a leading axis, (K, B, N), and are broadcast against the factors.
    """

    def pull(self, s: int, dh: Tensor, dc: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Move the gradients of the states at step s to step s - 1."""
        ...

    def land(self, t: int, dh: Tensor, dc: Tensor | None) -> Tensor | None:
        """Return dc_t completed by the path c_t -> h_t; None where there is no c."""
        ...

    def push(self, t: int, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Move changes (K, B, N) of the states at step t - 1 to step t."""
        ...


def _times(dz: Tensor, w: Tensor) -> Tensor:
    """Return dz @ w as one product, whatever axes lead."""
    return (dz.flatten(0, -2) @ w).view(*dz.shape[:-1], w.shape[1])


def _by_gate(values: Tensor, gates: int) -> Tensor:
    """Return values (..., G N) as (..., G, N)."""
    return values.view(*values.shape[:-1], gates, -1)


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

    def push(self, t: int, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        del c
        return self.slope[t] * _times(h, self.w.T), None


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

    def push(self, t: int, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        assert c is not None
        by_gate = _by_gate(_times(h, self.w.T), 4) * self.by_gate[t]
        new_c = by_gate[..., :3, :].sum(-2).addcmul_(c, self.f[t])
        return by_gate[..., 3, :].addcmul(new_c, self.h_by_c[t]), new_c


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

    def push(self, t: int, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        del c
        by_gate = _by_gate(_times(h, self.w.T), 3) * self.by_gate[t]
        return by_gate.sum(-2).addcmul_(h, self.z[t]), None


def cell_of(w: CellWeights, run: LayerRun) -> Cell:
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


def keeping(w: CellWeights, run: LayerRun) -> Tensor | None:
    """Return the share of the state that every step keeps (B, T, N), None without such a gate.

    That is the forget gate of an LSTM, which multiplies c, and z of a GRU, which multiplies h.
    """
    cell = cell_of(w, run)
    if isinstance(cell, _Lstm):
        return cell.f.transpose(0, 1)
    return cell.z.transpose(0, 1) if isinstance(cell, _Gru) else None
