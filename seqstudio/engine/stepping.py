"""One time step of a model at a time, quickly: what writing spends its time on.

A fused recurrent layer pays a large fixed cost a call; for one step, two matrix-vector products
and a few elementwise operations are several times quicker. A transformer's step is many small
operations: here they are as few as can be, and the angles of a place are computed once for all
blocks. Tests hold the steps equal to torch's cells and to the blocks.

Shape legend: B rows, I input features, H units; in attention C features, D features of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqstudio.engine.inputs import Inputs
from seqstudio.engine.layers import (
    LSTMLayer,
    PeepholeLayer,
    Recurrent,
    Transformer,
    rotary_angles,
)
from seqstudio.engine.model import GraphModel, State
from seqstudio.engine.throughtime import QuickGRU, QuickLSTM, QuickRNN

CellState = Tensor | tuple[Tensor, Tensor] | None


def step_model(model: GraphModel, inputs: Tensor | Inputs, state: State) -> tuple[Tensor, State]:
    """Run one step (B, 1) or (B, 1, D) of the graph; like `GraphModel.forward` but quicker.

    The model has to be in evaluation mode, without gradients.
    """
    result, after, _ = model.trace(inputs, state, call=step_module)
    return result, after


def step_module(module: nn.Module, *args: Any, **named: Any) -> Any:
    """Run a module for one step: recurrent stacks by hand, all others as they are."""
    if isinstance(module, Recurrent) and not module.back and not set(named) - {"start"}:
        x, state = args
        return _step_stack(module, x, named.get("start") if state is None else state)
    if type(module) is Transformer and not named and _can_step(module, args[1]):
        return _step_transformer(module, *args)
    return module(*args, **named)


def _can_step(module: Transformer, state: list[Any] | None) -> bool:
    """Tell whether there are keys of a past, all of them seen, before a pre-norm block."""
    first = module.blocks[0]
    attention = first.attention
    plain = attention.causal and not attention.window and not first.post  # type: ignore[union-attr]
    return bool(plain and state and state[0])


def _step_transformer(stack: Transformer, x: Tensor, state: list[Any]) -> tuple[Tensor, list[Any]]:
    """Run one step x (B, 1, C) behind the keys and values of the past."""
    first: Any = stack.blocks[0].attention
    width = x.shape[-1] // first.heads
    turn = _turner(state[0][2], width, x) if first.rotary else None
    after = []
    for block, past in zip(stack.blocks, state, strict=True):
        x, end = _step_block(block, x, past, turn)
        after.append(end)
    return x, after


def _turner(start: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors (D,) of a vector and of its exchanged halves that turn it."""
    cos, sin = (part[0] for part in rotary_angles(start, 1, width, like))
    return torch.cat([cos, cos]), torch.cat([-sin, sin])


def _step_block(
    block: Any, x: Tensor, past: tuple[Tensor, Tensor, int], turn: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, tuple[Tensor, Tensor, int]]:
    attention = block.attention
    qkv = _linear(attention.qkv, _normed(block.norm1, x))
    qkv = qkv.view(x.shape[0], 3, attention.heads, 1, -1)
    both, v = qkv[:, :2], qkv[:, 2]
    if turn is not None:
        both = (both * turn[0]).addcmul_(both.roll(both.shape[-1] // 2, -1), turn[1])
    k, v = torch.cat([past[0], both[:, 1]], 2), torch.cat([past[1], v], 2)
    y = functional.scaled_dot_product_attention(both[:, 0], k, v)
    x = x + _linear(attention.out, y.view(x.shape))
    inner = functional.gelu(_linear(block.up, _normed(block.norm2, x)))
    return x + _linear(block.down, inner), (k, v, past[2] + 1)


def _linear(layer: Any, x: Tensor) -> Tensor:
    y: Tensor = functional.linear(x, layer.weight, layer.bias)
    return y


def _normed(norm: Any, x: Tensor) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _step_stack(
    stack: Recurrent, x: Tensor, state: list[CellState] | None
) -> tuple[Tensor, list[CellState]]:
    y, after = x[:, 0], list[CellState]()
    for number, cell in enumerate(stack.cells):
        new, end = step_cell(cell, y, None if state is None else state[number])
        y = y + new if stack.residual and number else new
        after.append(end)
    return y[:, None], after


def step_cell(cell: nn.Module, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    """Do one step of a single-layer cell.

    Args:
        cell: nn.RNN, nn.GRU, nn.LSTM or PeepholeLayer of one layer and one direction.
        x: Input (B, I).
        state: As the cell returns it, (1, B, H) or a pair; None for zeros.

    Returns:
        Output (B, H) and the state after it.
    """
    return _STEPS[type(cell)](cell, x, state)


def _inputs(cell: nn.RNNBase, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return what input and last state contribute to the gates, (B, G*H) each."""
    weights: Any = cell._flat_weights  # noqa: SLF001  `all_weights` builds lists anew
    w_x, w_h, *biases = weights
    bias_x, bias_h = biases or (None, None)
    return functional.linear(x, w_x, bias_x), functional.linear(h, w_h, bias_h)


def _zeros(cell: nn.RNNBase, x: Tensor) -> Tensor:
    return x.new_zeros(x.shape[0], cell.hidden_size)


def _step_rnn(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    h = state[0] if isinstance(state, Tensor) else _zeros(cell, x)
    from_x, from_h = _inputs(cell, x, h)
    total = from_x + from_h
    h = total.relu() if cell.mode == "RNN_RELU" else total.tanh()
    return h, h[None]


def _step_gru(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    h = state[0] if isinstance(state, Tensor) else _zeros(cell, x)
    (xr, xz, xn), (hr, hz, hn) = (part.chunk(3, -1) for part in _inputs(cell, x, h))
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = torch.addcmul(xn, r, hn).tanh()
    h = torch.lerp(n, h, z)
    return h, h[None]


def _step_lstm(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    if isinstance(state, (tuple, list)):
        h, c = state[0][0], state[1][0]
    else:
        h = c = _zeros(cell, x)
    from_x, from_h = _inputs(cell, x, h)
    i, f, g, o = (from_x + from_h).chunk(4, -1)
    c = torch.addcmul(f.sigmoid() * c, i.sigmoid(), g.tanh())
    h = o.sigmoid() * c.tanh()
    return h, (h[None], c[None])


def _step_peephole(cell: PeepholeLayer, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    if isinstance(state, (tuple, list)):
        h, c = state[0][0], state[1][0]
    else:
        h = c = x.new_zeros(x.shape[0], cell.hidden_size)
    h, c = cell.step(cell.contribution(x), h, c)
    return h, (h[None], c[None])


_STEPS: dict[type, Callable[[Any, Tensor, CellState], tuple[Tensor, CellState]]] = {
    nn.RNN: _step_rnn,
    nn.GRU: _step_gru,
    nn.LSTM: _step_lstm,
    LSTMLayer: _step_lstm,
    QuickRNN: _step_rnn,
    QuickGRU: _step_gru,
    QuickLSTM: _step_lstm,
    PeepholeLayer: _step_peephole,
}
