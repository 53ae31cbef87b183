"""Recurrent layers: stacks of single-layer cells, and the gate that all cells are made of.

Nothing here knows that it is watched: probes observe through forward hooks (fused cells are
single-layer modules called as cell(x, start) -> (y, last)).

Shape legend: B rows, T time steps, C features, N units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqstudio.engine.layers.dense import FUNCTIONS
from seqstudio.engine.layers.steps import from_end, step_at


def start_recurrent(cell: nn.Module, init: str, radius: float) -> None:
    """Initialise the recurrent matrix of a single-layer cell, gate by gate.

    "identity" also zeroes the biases and draws small input weights, as Le, Jaitly and Hinton
    (2015) do: sigma 0.001 for ReLU, 0.1 otherwise.
    """
    if init == "default":
        return
    recurrent = cell.get_parameter("weight_hh_l0")
    with torch.no_grad():
        for block in torch.split(recurrent, recurrent.shape[1]):
            start_square(block, init, radius)
        if init == "identity":
            nn.init.normal_(
                cell.get_parameter("weight_ih_l0"), std=0.001 if cell.mode == "RNN_RELU" else 0.1
            )
            cell.get_parameter("bias_ih_l0").zero_()
            cell.get_parameter("bias_hh_l0").zero_()


def start_square(matrix: Tensor, init: str, radius: float) -> None:
    """Make a matrix the identity, orthogonal, or ("scaled") orthogonal times `radius`."""
    if init == "identity":
        nn.init.eye_(matrix)
    else:
        nn.init.orthogonal_(matrix, radius if init == "scaled" else 1.0)


class LSTMLayer(nn.LSTM):
    """One LSTM layer, batch first, that stops at the true end of every row."""

    def forward(
        self, x: Tensor, start: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return h of every step (B, T, N), 0 in padding, and (h, c) at the end, (1, B, N)."""
        if lengths is None:
            return super().forward(x, start)
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        y, last = super().forward(packed, start)
        padded, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return padded, last


class PeepholeLayer(nn.Module):
    """One LSTM layer whose gates see the cell c too (Gers and Schmidhuber 2000), step by step.

    The forget and input gates see c before the step, the output gate sees c after it. The weights
    of the peepholes start at 0, which is the LSTM without them.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.mode = "LSTM"
        bound = 1 / math.sqrt(hidden_size)

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.weight_ih_l0 = uniform(4 * hidden_size, input_size)
        self.weight_hh_l0 = uniform(4 * hidden_size, hidden_size)
        self.bias_ih_l0 = uniform(4 * hidden_size)
        self.bias_hh_l0 = uniform(4 * hidden_size)
        self.peep_i = nn.Parameter(torch.zeros(hidden_size))
        self.peep_f = nn.Parameter(torch.zeros(hidden_size))
        self.peep_o = nn.Parameter(torch.zeros(hidden_size))

    def contribution(self, x: Tensor) -> Tensor:
        """Return what the input says to all gates, W x + b, (..., 4 N)."""
        return x @ self.weight_ih_l0.T + self.bias_ih_l0 + self.bias_hh_l0

    def step(self, from_x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c (B, N) after one step; from_x (B, 4 N) is W x + b."""
        from_h = h @ self.weight_hh_l0.T
        i, f, g, o = (from_x + from_h).chunk(4, -1)
        i = torch.sigmoid(i + self.peep_i * c)
        f = torch.sigmoid(f + self.peep_f * c)
        c = f * c + i * torch.tanh(g)
        o = torch.sigmoid(o + self.peep_o * c)
        return o * torch.tanh(c), c

    def forward(
        self, x: Tensor, start: Any = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return h of every step (B, T, N) and (h, c) at the true end, (1, B, N) each."""
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        h, c = (zeros, zeros) if start is None else (start[0][0], start[1][0])
        from_x = self.contribution(x)
        steps = []
        for t in range(x.shape[1]):
            new_h, new_c = self.step(from_x[:, t], h, c)
            if lengths is not None:  # a row that has ended keeps its state
                going = (t < lengths)[:, None]
                new_h, new_c = torch.where(going, new_h, h), torch.where(going, new_c, c)
            h, c = new_h, new_c
            steps.append(h)
        return torch.stack(steps, 1), (h[None], c[None])


class Recurrent(nn.Module):
    """A stack of single-layer recurrent cells, batch first, with dropout between the layers.

    `cells` read forward. `back`, where there are any, read every row from its true end to its
    start, always from zeros; both outputs lie side by side. With `residual`, each layer but the
    first adds its output to what it reads.
    """

    def __init__(
        self,
        cells: Sequence[nn.Module],
        init: str,
        radius: float,
        dropout: float,
        back: Sequence[nn.Module] = (),
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.back = nn.ModuleList(back)
        self.dropout = nn.Dropout(dropout)
        self.residual = residual
        for cell in (*cells, *back):
            start_recurrent(cell, init, radius)

    def forward(
        self,
        x: Tensor,
        state: list[Any] | None = None,
        start: list[Any] | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[Any]]:
        """Run over x (B, T, C); return the output and the last state of `cells`, one a layer.

        A carried `state` goes before `start`. With `lengths` the last state is the one at the
        true end of each row.
        """
        before = start if state is None else state
        last = []
        for number, cell in enumerate(self.cells):
            read = self.dropout(x) if number else x
            y, end = self.run(cell, read, None if before is None else before[number], lengths)
            if self.back:
                reverse, _ = self.run(self.back[number], from_end(read, lengths), None, lengths)
                y = torch.cat([y, from_end(reverse, lengths)], -1)
            x = x + y if self.residual and number else y
            last.append(end)
        return x, last

    @staticmethod
    def run(cell: nn.Module, x: Tensor, start: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
        """Run one cell; its last state is the one at the true end of each row."""
        if lengths is None:
            return cell(x, start)
        if isinstance(cell, (LSTMLayer, PeepholeLayer)):
            return cell(x, start, lengths)
        y, _ = cell(x, start)
        return y, step_at(y, lengths - 1)[None]


def layer_sizes(input_size: int, hidden_size: int, layers: int, bidirectional: bool) -> list[int]:
    """Return what each layer of a stack reads."""
    return [input_size] + [hidden_size * (2 if bidirectional else 1)] * (layers - 1)


class RNN(Recurrent):
    """h_t = tanh(W_xh x_t + W_hh h_{t-1} + b), or ReLU in the place of tanh."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        nonlinearity: str = "tanh",
        init: str = "default",
        radius: float = 1.0,
        dropout: float = 0.0,
        residual: bool = False,
        bidirectional: bool = False,
    ) -> None:
        sizes = layer_sizes(input_size, hidden_size, layers, bidirectional)

        def stack() -> list[nn.RNN]:
            return [
                nn.RNN(size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
                for size in sizes
            ]

        back = stack() if bidirectional else []
        super().__init__(stack(), init, radius, dropout, back, residual)


class GRU(Recurrent):
    """Gated recurrent unit in torch's form: h_t = (1 - z) n + z h_{t-1}."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        init: str = "default",
        radius: float = 1.0,
        dropout: float = 0.0,
        residual: bool = False,
        bidirectional: bool = False,
    ) -> None:
        sizes = layer_sizes(input_size, hidden_size, layers, bidirectional)

        def stack() -> list[nn.GRU]:
            return [nn.GRU(size, hidden_size, batch_first=True) for size in sizes]

        back = stack() if bidirectional else []
        super().__init__(stack(), init, radius, dropout, back, residual)


class LSTM(Recurrent):
    """Long short-term memory; the forget gate starts at sigmoid(forget_bias)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        forget_bias: float = 1.0,
        init: str = "default",
        radius: float = 1.0,
        dropout: float = 0.0,
        residual: bool = False,
        bidirectional: bool = False,
        peepholes: bool = False,
    ) -> None:
        sizes = layer_sizes(input_size, hidden_size, layers, bidirectional)

        def stack() -> list[nn.Module]:
            if peepholes:
                return [PeepholeLayer(size, hidden_size) for size in sizes]
            return [LSTMLayer(size, hidden_size, batch_first=True) for size in sizes]

        back = stack() if bidirectional else []
        super().__init__(stack(), init, radius, dropout, back, residual)
        for cell in (
            *self.cells,
            *self.back,
        ):  # two biases are added: value in one, 0 in the other
            with torch.no_grad():
                cell.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size] = forget_bias
                cell.get_parameter("bias_hh_l0")[hidden_size : 2 * hidden_size] = 0.0


class StartState(nn.Module):
    """The state that a recurrent stack starts from, made of a vector: tanh(W x + b)."""

    def __init__(self, width: int, layers: int, hidden: int, cell: bool) -> None:
        super().__init__()
        self.layers = layers
        self.parts = 2 if cell else 1
        self.linear = nn.Linear(width, layers * self.parts * hidden)

    def forward(self, x: Tensor) -> list[Any]:
        """Return h, or (h, c) where there is a `cell`, (1, B, N) each, for every layer."""
        values = torch.tanh(self.linear(x)).view(x.shape[0], self.layers, self.parts, -1)
        state = []
        for layer in range(self.layers):
            parts = [values[None, :, layer, part].contiguous() for part in range(self.parts)]
            state.append(tuple(parts) if self.parts == 2 else parts[0])
        return state


class Gate(nn.Module):
    """phi(W x + U h + b): what all recurrent cells are made of."""

    def __init__(
        self,
        input_size: int,
        state_size: int,
        width: int,
        function: str = "sigmoid",
        bias: float = 0.0,
        init: str = "default",
        radius: float = 1.0,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(input_size, width)
        self.state = nn.Linear(state_size, width, bias=False)
        self.function = FUNCTIONS[function]()
        bound = 1 / math.sqrt(width)
        nn.init.uniform_(self.input.weight, -bound, bound)
        nn.init.constant_(self.input.bias, bias)
        if init == "default":
            nn.init.uniform_(self.state.weight, -bound, bound)
        else:
            start_square(self.state.weight, init, radius)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Return (..., width) for x (..., C) and h (..., N)."""
        return self.function(self.input(x) + self.state(h))
