"""One time step of a model at a time, quickly: what writing spends its time on.

A fused recurrent layer pays a large fixed cost a call; for one step, two matrix-vector products
and a few elementwise operations are several times quicker. Tests hold the steps equal to torch's
cells. Shape legend: B rows, I input features, H units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.engine.inputs import Inputs
from seqstudio.engine.layers import LSTMLayer, PeepholeLayer, Recurrent
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
    return module(*args, **named)


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
    w_x, w_h, *biases = cell.all_weights[0]
    bias_x, bias_h = biases or (None, None)
    return nn.functional.linear(x, w_x, bias_x), nn.functional.linear(h, w_h, bias_h)


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
