"""Recurrent layers on a processor with a backward pass written out by hand.

The layers of torch.nn compute a step and its gradient operation by operation. Here the input
product of all steps is one product, gates are overwritten in place, and the gradients of the
weights are one product over all steps; see the equations in `gradflow`. dL/dh_t of every step
falls out on the way: a `Watch` keeps it.

`quicken` changes the class of the layers in a module; everything else about them stays: weights,
names, hooks, results. Tests hold them equal to torch.nn in float64. Where the hand-written pass
does not apply (half precision, other devices, tracing), the layers do what torch.nn does.

Shape legend: B rows, T time steps, I input features, N units, G gates. Inside, time comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from typing_extensions import override

from seqstudio.engine.layers import LSTMLayer

aten = torch.ops.aten
Product = Callable[[Tensor], Tensor]


@dataclass
class Watch:
    """What the backward pass of one layer leaves behind.

    Attributes:
        total_h: dL/dh_t (T, B, N).
        total_c: dL/dc_t (T, B, N), LSTM only.
        initial_h: dL/dh_0 (B, N).
        initial_c: dL/dc_0 (B, N), LSTM only.
    """

    total_h: Tensor | None = None
    total_c: Tensor | None = None
    initial_h: Tensor | None = None
    initial_c: Tensor | None = None


def product_with(weight: Tensor, rows: int) -> Product:
    """Return x -> x @ weight.T for many x (rows, I): large matrices are packed once, for speed."""
    packed = weight.dtype == torch.float32 and weight.numel() >= _WORTH_PACKING
    if not (packed and _HAS_MKLDNN):
        turned = weight.t()
        return lambda x: x @ turned
    kept = _PACK(weight.contiguous(), rows)
    return lambda x: _MULTIPLY(x, kept, None, "none", [], "")


_WORTH_PACKING = 200_000
_HAS_MKLDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
_PACK = torch.ops.mkldnn._reorder_linear_weight  # noqa: SLF001  what torch's compiler calls too
_MULTIPLY = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001


def _time_first(x_BTC: Tensor) -> Tensor:
    return x_BTC.transpose(0, 1).contiguous()


def _own_time_first(x_BTC: Tensor) -> Tensor:
    """Return a copy to add to: the gradient that came in belongs to others."""
    return x_BTC.transpose(0, 1).clone(memory_format=torch.contiguous_format)


def _flat(x_TBC: Tensor) -> Tensor:
    return x_TBC.view(-1, x_TBC.shape[-1])


def _projected(x_TBI: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return W x + b of all steps, (T, B, G * N)."""
    return torch.addmm(bias, _flat(x_TBI), weight.t()).view(*x_TBI.shape[:2], -1)


def _weight_gradient(dz_TBG: Tensor, x_TBI: Tensor) -> Tensor:
    return _flat(dz_TBG).t() @ _flat(x_TBI)


def _input_gradient(dz_TBG: Tensor, weight: Tensor) -> Tensor:
    back = product_with(weight.t(), dz_TBG.shape[0] * dz_TBG.shape[1])(_flat(dz_TBG))
    return back.view(*dz_TBG.shape[:2], -1).transpose(0, 1)


def _before(start: Tensor, states_TBN: Tensor) -> Tensor:
    """Return the state that each step began with."""
    return torch.cat([start[None], states_TBN[:-1]])


def _gates(z_TBG: Tensor, count: int) -> list[tuple[Tensor, ...]]:
    """Return views of each gate at each step."""
    return [part.unbind(0) for part in z_TBG.chunk(count, -1)]


class _Plain(torch.autograd.Function):
    """h_t = phi(W x_t + U h_{t-1} + b), phi tanh or ReLU."""

    @staticmethod
    @override
    def forward(
        ctx: Any, x: Tensor, h0: Tensor, relu: bool, watch: Watch | None, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        w_x, w_h, b_x, b_h = weights
        x_TBI, turned, h = _time_first(x), w_h.t(), h0
        y = _projected(x_TBI, w_x, b_x + b_h)
        for z in y.unbind(0):
            z.addmm_(h, turned)
            h = z.relu_() if relu else z.tanh_()
        ctx.save_for_backward(x_TBI, h0, w_x, w_h, y)
        ctx.relu, ctx.watch = relu, watch
        return y.transpose(0, 1), h[None].clone()

    @staticmethod
    @override
    @once_differentiable
    def backward(ctx: Any, d_y: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, w_x, w_h, y = ctx.saved_tensors
        total = _own_time_first(d_y)
        dz, wanted = torch.empty_like(y), ctx.needs_input_grad
        totals, d_steps, states = total.unbind(0), dz.unbind(0), y.unbind(0)
        totals[-1].add_(d_last[0])
        for t in range(len(states) - 1, -1, -1):
            if ctx.relu:
                aten.threshold_backward(totals[t], states[t], 0, grad_input=d_steps[t])
            else:
                aten.tanh_backward(totals[t], states[t], grad_input=d_steps[t])
            if t:
                totals[t - 1].addmm_(d_steps[t], w_h)
        d_h0 = d_steps[0] @ w_h
        if ctx.watch:
            ctx.watch.total_h, ctx.watch.initial_h = total, d_h0
        d_x = _input_gradient(dz, w_x) if wanted[0] else None
        if not any(wanted[4:]):
            return d_x, d_h0, None, None, None, None, None, None
        d_b = dz.sum((0, 1))
        d_w_h = _weight_gradient(dz, _before(h0, y))
        return d_x, d_h0, None, None, _weight_gradient(dz, x), d_w_h, d_b, d_b


class _Gru(torch.autograd.Function):
    """h_t = (1 - z) n + z h_{t-1}, n = tanh(W x + b + r (U h_{t-1} + b'))."""

    @staticmethod
    @override
    def forward(
        ctx: Any, x: Tensor, h0: Tensor, watch: Watch | None, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        w_x, w_h, b_x, b_h = weights
        x_TBI, units, h = _time_first(x), w_h.shape[1], h0
        bias = b_x.clone()
        bias[: 2 * units] += b_h[: 2 * units]
        gates = _projected(x_TBI, w_x, bias)
        y = gates.new_empty(*gates.shape[:2], units)
        from_h = torch.empty_like(y)  # U h_{t-1} + b' of the candidate
        both = gates[..., : 2 * units].unbind(0)
        r, z, n = _gates(gates, 3)
        u_gates, u_n, b_n = w_h[: 2 * units].t(), w_h[2 * units :].t(), b_h[2 * units :]
        for t, (out, part) in enumerate(zip(y.unbind(0), from_h.unbind(0), strict=True)):
            both[t].addmm_(h, u_gates).sigmoid_()
            torch.addmm(b_n, h, u_n, out=part)
            n[t].addcmul_(r[t], part).tanh_()
            h = torch.lerp(n[t], h, z[t], out=out)
        ctx.save_for_backward(x_TBI, h0, w_x, w_h, gates, y, from_h)
        ctx.watch = watch
        return y.transpose(0, 1), h[None].clone()

    @staticmethod
    @override
    @once_differentiable
    def backward(ctx: Any, d_y: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:
        x, h0, w_x, w_h, gates, y, from_h = ctx.saved_tensors
        total = _own_time_first(d_y)
        by_x, by_h, wanted = torch.empty_like(gates), torch.empty_like(gates), ctx.needs_input_grad
        before = _before(h0, y)
        d_h0, spare = torch.empty_like(h0), torch.empty_like(h0)
        totals, old, parts = total.unbind(0), before.unbind(0), from_h.unbind(0)
        (r, z, n), d_n = _gates(gates, 3), _gates(by_x, 3)[2]
        d_r, d_z, d_part = _gates(by_h, 3)
        d_gates = by_h.unbind(0)
        totals[-1].add_(d_last[0])
        for t in range(len(totals) - 1, -1, -1):
            d_h = totals[t]
            torch.sub(old[t], n[t], out=spare).mul_(d_h)
            aten.sigmoid_backward(spare, z[t], grad_input=d_z[t])
            kept = torch.mul(d_h, z[t])
            aten.tanh_backward(torch.sub(d_h, kept, out=spare), n[t], grad_input=d_n[t])
            torch.mul(d_n[t], r[t], out=d_part[t])
            torch.mul(d_n[t], parts[t], out=spare)
            aten.sigmoid_backward(spare, r[t], grad_input=d_r[t])
            back = totals[t - 1].add_(kept) if t else d_h0.copy_(kept)
            back.addmm_(d_gates[t], w_h)
        if ctx.watch:
            ctx.watch.total_h, ctx.watch.initial_h = total, d_h0
        two = 2 * y.shape[-1]
        by_x[..., :two] = by_h[..., :two]
        d_x = _input_gradient(by_x, w_x) if wanted[0] else None
        if not any(wanted[3:]):
            return d_x, d_h0, None, None, None, None, None
        d_w = (_weight_gradient(by_x, x), _weight_gradient(by_h, before))
        return d_x, d_h0, None, *d_w, by_x.sum((0, 1)), by_h.sum((0, 1))


class _Lstm(torch.autograd.Function):
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t); the gates lie side by side: i, f, g, o."""

    @staticmethod
    @override
    def forward(
        ctx: Any, x: Tensor, h0: Tensor, c0: Tensor, watch: Watch, *weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        w_x, w_h, b_x, b_h = weights
        x_TBI, units, h = _time_first(x), w_h.shape[1], h0
        gates = _projected(x_TBI, w_x, b_x + b_h)
        y, bent, cells = gates.new_empty(3, *gates.shape[:2], units)
        from_h = product_with(w_h, len(h0))
        (i, f, g, o), open_ = _gates(gates, 4), gates[..., : 2 * units].unbind(0)
        c, outs, bents, after = c0, y.unbind(0), bent.unbind(0), cells.unbind(0)
        for t, z in enumerate(gates.unbind(0)):
            z.add_(from_h(h))
            open_[t].sigmoid_()
            g[t].tanh_()
            o[t].sigmoid_()
            c = torch.mul(f[t], c, out=after[t]).addcmul_(i[t], g[t])
            torch.tanh(c, out=bents[t])
            h = torch.mul(o[t], bents[t], out=outs[t])
        ctx.save_for_backward(x_TBI, h0, c0, w_x, w_h, gates, y, bent, cells)
        ctx.watch = watch
        return y.transpose(0, 1), h[None].clone(), c[None].clone()

    @staticmethod
    @override
    @once_differentiable
    def backward(
        ctx: Any, d_y: Tensor, d_last: Tensor, d_last_c: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, h0, c0, w_x, w_h, gates, y, bent, cells = ctx.saved_tensors
        total, wanted = _own_time_first(d_y), ctx.needs_input_grad
        total_c, dz, spare = torch.empty_like(y), torch.empty_like(gates), torch.empty_like(h0)
        totals, totals_c, bents = total.unbind(0), total_c.unbind(0), bent.unbind(0)
        old_c, d_steps = (c0, *cells.unbind(0)), dz.unbind(0)
        (i, f, g, o), (d_i, d_f, d_g, d_o) = _gates(gates, 4), _gates(dz, 4)
        to_h = product_with(w_h.t(), len(h0))
        totals[-1].add_(d_last[0])
        past_c, d_h0 = d_last_c[0], h0  # what reaches c_t from later steps
        by_sigmoid, by_tanh, times = aten.sigmoid_backward, aten.tanh_backward, torch.mul
        for t in range(len(totals) - 1, -1, -1):
            d_h, d_c = totals[t], totals_c[t]
            by_sigmoid(times(d_h, bents[t], out=spare), o[t], grad_input=d_o[t])
            by_tanh(times(d_h, o[t], out=spare), bents[t], grad_input=d_c).add_(past_c)
            by_sigmoid(times(d_c, g[t], out=spare), i[t], grad_input=d_i[t])
            by_sigmoid(times(d_c, old_c[t], out=spare), f[t], grad_input=d_f[t])
            by_tanh(times(d_c, i[t], out=spare), g[t], grad_input=d_g[t])
            past_c = d_c * f[t]
            d_h0 = to_h(d_steps[t])
            if t:
                totals[t - 1].add_(d_h0)
        watch = ctx.watch
        watch.total_h, watch.total_c, watch.initial_h, watch.initial_c = (
            total, total_c, d_h0, past_c
        )  # fmt: skip
        d_x = _input_gradient(dz, w_x) if wanted[0] else None
        if not any(wanted[4:]):
            return d_x, d_h0, past_c, None, None, None, None, None
        d_b = dz.sum((0, 1))
        d_w = (_weight_gradient(dz, x), _weight_gradient(dz, _before(h0, y)))
        return d_x, d_h0, past_c, None, *d_w, d_b, d_b


def _run(function: type[torch.autograd.Function], *args: Any) -> Any:
    return function.apply(*args)  # type: ignore[no-untyped-call]


class QuickRNN(nn.RNN):
    """nn.RNN of one layer.

    Attributes:
        watch: Set it to keep dL/dh_t of the next backward pass.
    """

    watch: Watch | None = None

    @override
    def forward(  # type: ignore[override]
        self, x: Tensor, start: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As nn.RNN."""
        if not _applies(self, x):
            return super().forward(x, start)
        relu, before = self.nonlinearity == "relu", _start(self, x, start)
        y, last = _run(_Plain, x, before, relu, self.watch, *self.all_weights[0])
        return y, last


class QuickGRU(nn.GRU):
    """nn.GRU of one layer.

    Attributes:
        watch: Set it to keep dL/dh_t of the next backward pass.
    """

    watch: Watch | None = None

    @override
    def forward(  # type: ignore[override]
        self, x: Tensor, start: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As nn.GRU."""
        if not _applies(self, x):
            return super().forward(x, start)
        y, last = _run(_Gru, x, _start(self, x, start), self.watch, *self.all_weights[0])
        return y, last


class QuickLSTM(LSTMLayer):
    """`LSTMLayer`; the fused kernel is quicker, so the hand-written pass is for watching only.

    Attributes:
        watch: Set it to keep dL/dh_t and dL/dc_t of the next backward pass.
    """

    watch: Watch | None = None

    @override
    def forward(  # type: ignore[override]
        self, x: Tensor, start: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As `LSTMLayer`."""
        if self.watch is None or lengths is not None or not _applies(self, x):
            return super().forward(x, start, lengths)
        h0, c0 = (_start(self, x, part) for part in (start or (None, None)))
        y, h, c = _run(_Lstm, x, h0, c0, self.watch, *self.all_weights[0])
        return y, (h, c)


Quick = QuickRNN | QuickGRU | QuickLSTM
_QUICK: dict[type, type[nn.RNNBase]] = {
    nn.RNN: QuickRNN,
    nn.GRU: QuickGRU,
    LSTMLayer: QuickLSTM,
}


def quicken(module: nn.Module) -> nn.Module:
    """Let the recurrent layers inside use the pass written by hand; return the same module."""
    for part in module.modules():
        if isinstance(part, nn.RNNBase) and type(part) in _QUICK and _is_simple(part):
            part.__class__ = _QUICK[type(part)]
    return module


def _is_simple(cell: nn.RNNBase) -> bool:
    return (
        cell.num_layers == 1
        and cell.batch_first
        and cell.bias
        and not cell.bidirectional
        and not cell.proj_size
    )


def _applies(cell: nn.RNNBase, x: Tensor) -> bool:
    """Tell whether a gradient may follow, in full precision on a processor."""
    return (
        torch.is_grad_enabled()
        and x.dim() == 3
        and x.device.type == "cpu"
        and x.dtype == cell.weight_hh_l0.dtype
        and x.dtype in {torch.float32, torch.float64}
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
        and not torch.compiler.is_compiling()
    )


def _start(cell: nn.RNNBase, x: Tensor, start: Tensor | None) -> Tensor:
    """Return the state before the first step (B, N)."""
    return x.new_zeros(x.shape[0], cell.hidden_size) if start is None else start[0]
