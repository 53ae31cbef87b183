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
    NextToken,
    PeepholeLayer,
    Recurrent,
    Transformer,
    rotary_angles,
)
from seqstudio.engine.model import KEPT_FOR_STEPS, GraphModel, State
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
    plain = _PLAIN.get(type(module))
    if plain is not None and not named and not module._forward_hooks:  # noqa: SLF001
        return plain(module, *args)
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


_PLAIN: dict[type, Callable[..., Tensor]] = {
    nn.Embedding: lambda module, ids: functional.embedding(ids, module.weight),
    NextToken: lambda module, x: _linear(module.linear, x),
    nn.Dropout: lambda _, x: x,
    nn.Linear: _linear,
}
"""Modules that do one thing: called without the ceremony of `nn.Module`, they cost half."""


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


def _weights(cell: Any) -> list[Tensor]:
    weights: list[Tensor] = cell._flat_weights  # noqa: SLF001  `all_weights` builds lists anew
    return weights


def _zeros(cell: nn.RNNBase, x: Tensor) -> Tensor:
    return x.new_zeros(x.shape[0], cell.hidden_size)


def _step_rnn(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    h = state[0] if isinstance(state, Tensor) else _zeros(cell, x)
    step = torch.rnn_relu_cell if cell.mode == "RNN_RELU" else torch.rnn_tanh_cell
    h = step(x, h, *_weights(cell))
    return h, h[None]


def _step_gru(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    h = state[0] if isinstance(state, Tensor) else _zeros(cell, x)
    h = torch.gru_cell(x, h, *_weights(cell))
    return h, h[None]


def _step_lstm(cell: nn.RNNBase, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
    if isinstance(state, (tuple, list)):
        h, c = state[0][0], state[1][0]
    else:
        h = c = _zeros(cell, x)
    weight, bias = _side_by_side(cell)
    gates, units = torch.addmm(bias, torch.cat([x, h], 1), weight), cell.hidden_size
    i, f, o = gates[:, : 3 * units].sigmoid_().chunk(3, 1)
    c = (f * c).addcmul_(i, gates[:, 3 * units :].tanh_())
    h = o * c.tanh()
    return h, (h[None], c[None])


def _side_by_side(cell: Any) -> tuple[Tensor, Tensor]:
    """Return both weights of an LSTM as one, (I + H, 4 H) in the order i, f, o, g, and the bias.

    They are kept with the cell until somebody trains, see `GraphModel.train`, or loads weights.
    """
    weights = _weights(cell)
    key = tuple((weight._version, weight.data_ptr()) for weight in weights)  # noqa: SLF001
    kept = cell.__dict__.get(KEPT_FOR_STEPS)
    if kept is None or kept[0] != key:
        units = cell.hidden_size
        order = torch.tensor([0, 1, 3, 2]).repeat_interleave(units) * units
        order = (order + torch.arange(units).repeat(4)).to(weights[0].device)
        weight = torch.cat(weights[:2], 1)[order].t().contiguous()
        both = weights[2] + weights[3] if cell.bias else weight.new_zeros(4 * units)
        kept = cell.__dict__[KEPT_FOR_STEPS] = (key, weight, both[order])
    return kept[1], kept[2]


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
