"""The layers that graphs are built from, besides those of torch.nn.

This file is also what an exported model consists of: every class stands on its own, needs only
torch, and reads like its equation. Nothing in it knows that it is watched; probes observe through
forward hooks (recurrent cells are single-layer modules called as cell(x, start) -> (y, last)).

Shape legend: B rows, T time steps, C features, H heads, D features of a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

State = tuple[Any, ...] | None


def start_recurrent(cell: nn.RNNBase, init: str, radius: float) -> None:
    """Initialise the recurrent matrix of a single-layer cell, gate by gate.

    "identity" also zeroes the biases and draws small input weights, as Le, Jaitly and Hinton
    (2015) do: sigma 0.001 for ReLU, 0.1 otherwise.
    """
    if init == "default":
        return
    hidden = cell.hidden_size
    with torch.no_grad():
        for block in cell.weight_hh_l0.split(hidden):
            if init == "identity":
                nn.init.eye_(block)
            else:
                nn.init.orthogonal_(block, radius if init == "scaled" else 1.0)
        if init == "identity":
            nn.init.normal_(
                cell.get_parameter("weight_ih_l0"), std=0.001 if cell.mode == "RNN_RELU" else 0.1
            )
            cell.bias_ih_l0.zero_()
            cell.bias_hh_l0.zero_()


class Recurrent(nn.Module):
    """A stack of single-layer recurrent cells, batch first, with dropout between the layers."""

    def __init__(
        self, cells: Sequence[nn.RNNBase], init: str, radius: float, dropout: float
    ) -> None:
        super().__init__()
        self.cells = nn.ModuleList(cells)
        self.dropout = nn.Dropout(dropout)
        for cell in cells:
            start_recurrent(cell, init, radius)

    def forward(self, x: Tensor, state: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """Run over x (B, T, C) from `state` (one entry a layer); return output and last state."""
        last = []
        for number, cell in enumerate(self.cells):
            if number:
                x = self.dropout(x)
            x, end = cell(x, None if state is None else state[number])
            last.append(end)
        return x, last


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
    ) -> None:
        sizes = [input_size] + [hidden_size] * (layers - 1)
        cells = [
            nn.RNN(size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
            for size in sizes
        ]
        super().__init__(cells, init, radius, dropout)


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
    ) -> None:
        sizes = [input_size] + [hidden_size] * (layers - 1)
        cells = [nn.GRU(size, hidden_size, batch_first=True) for size in sizes]
        super().__init__(cells, init, radius, dropout)


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
    ) -> None:
        sizes = [input_size] + [hidden_size] * (layers - 1)
        cells = [nn.LSTM(size, hidden_size, batch_first=True) for size in sizes]
        super().__init__(cells, init, radius, dropout)
        for cell in cells:  # torch adds two biases: put the value in one, zero the other
            with torch.no_grad():
                cell.bias_ih_l0[hidden_size : 2 * hidden_size] = forget_bias
                cell.bias_hh_l0[hidden_size : 2 * hidden_size] = 0.0


class OneHot(nn.Module):
    """Vectors that are 1 at the place of their symbol: ids (B, T) -> (B, T, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, ids: Tensor) -> Tensor:
        """Return float vectors."""
        return F.one_hot(ids, self.size).float()


class Positions(nn.Module):
    """Adds a vector for the place of each step, fixed waves or learned."""

    def __init__(self, width: int, kind: str = "sinusoidal", length: int = 128) -> None:
        super().__init__()
        self.width = width
        self.learned = nn.Embedding(length, width) if kind == "learned" else None

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return x + P; `state` counts the steps that went before (while writing)."""
        start = state[0] if state else 0
        place = torch.arange(start, start + x.shape[1], device=x.device)
        end = None if state is None else (start + x.shape[1],)
        if self.learned is not None:
            return x + self.learned(place), end
        return x + self.waves(place, x.dtype), end

    def waves(self, place: Tensor, dtype: torch.dtype) -> Tensor:
        """Return sine in even and cosine in odd features, (T, C)."""
        even = torch.arange(0, self.width, 2, device=place.device)
        angle = place[:, None] * torch.exp(even * (-math.log(10000.0) / self.width))
        waves = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        return waves[:, : self.width].to(dtype)


def rotary_angles(start: int, steps: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (T, D/2) of the angles that turn pairs of features by their place."""
    place = torch.arange(start, start + steps, device=like.device, dtype=torch.float32)
    speed = 10000.0 ** (-torch.arange(0, width, 2, device=like.device) / width)
    angle = place[:, None] * speed
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def rotate(x_BHTD: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn pairs of features by an angle that grows with the place (rotary positions)."""
    first, second = x_BHTD.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(D)) V in several heads, then an output projection."""

    def __init__(
        self,
        width: int,
        heads: int,
        causal: bool = True,
        rotary: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.rotary = rotary
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, H, T, D)."""
        rows, steps, width = x.shape
        qkv = self.qkv(x).view(rows, steps, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if not self.rotary:
            return q, k, v
        cos, sin = rotary_angles(start, steps, q.shape[-1], q)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Attend within x (B, T, C); while writing, `state` keeps keys and values of the past.

        `state` is None in training, () at the start of a text, then (keys, values, steps seen).
        """
        start = state[2] if state else 0
        q, k, v = self.split(x, start)
        if state:
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
        share = self.dropout if self.training else 0.0
        if self.causal and q.shape[2] not in (1, k.shape[2]):
            mask = self.visible(q.shape[2], k.shape[2], x.device)
            y = F.scaled_dot_product_attention(q, k, v, mask, share)
        else:
            whole = self.causal and q.shape[2] > 1
            y = F.scaled_dot_product_attention(q, k, v, None, share, is_causal=whole)
        end = None if state is None else (k, v, start + x.shape[1])
        return self.out(y.transpose(1, 2).flatten(2)), end

    @staticmethod
    def visible(queries: int, keys: int, device: torch.device) -> Tensor:
        """Return (queries, keys): True where a query may look; the last query sees all keys."""
        return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention weights (B, H, T, T) for x; rows sum to 1."""
        q, k, _ = self.split(x)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if self.causal:
            seen = self.visible(q.shape[2], k.shape[2], x.device)
            scores = scores.masked_fill(~seen, float("-inf"))
        return scores.softmax(-1)


class TransformerBlock(nn.Module):
    """X + MHA(LN(X)), then X + FFN(LN(X)): pre-norm."""

    def __init__(
        self, width: int, heads: int, expansion: int, causal: bool, rotary: bool, dropout: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal, rotary, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return (B, T, C) and the attention's state."""
        y, state = self.attention(self.norm1(x), state)
        x = x + self.dropout(y)
        return x + self.dropout(self.down(F.gelu(self.up(self.norm2(x))))), state


class Transformer(nn.Module):
    """Transformer blocks in a row.

    Matrices start with sigma 0.02, those that write into the residual sum with 0.02 / sqrt(2n)
    for n blocks, so that the sum keeps its size with depth (Radford et al. 2019).
    """

    def __init__(
        self,
        width: int,
        layers: int = 1,
        heads: int = 4,
        expansion: int = 4,
        causal: bool = True,
        rotary: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, expansion, causal, rotary, dropout)
            for _ in range(layers)
        )
        for name, parameter in self.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:
                into_sum = name.endswith(("attention.out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if into_sum else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(
        self, x: Tensor, state: list[Any] | None = None
    ) -> tuple[Tensor, list[Any] | None]:
        """Return (B, T, C) and the state of every block (None in training)."""
        last = []
        for number, block in enumerate(self.blocks):
            past = None if state is None else state[number] if state else ()
            x, end = block(x, past)
            last.append(end)
        return x, None if state is None else last


class Add(nn.Module):
    """The sum of two paths."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        """Return x + other."""
        return x + other


class LastStep(nn.Module):
    """The last step of every row: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x[:, -1]."""
        return x[:, -1]


class MeanOverTime(nn.Module):
    """The mean of all steps: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean over time."""
        return x.mean(1)


class NextToken(nn.Module):
    """Scores every symbol as the next one: (B, T, C) -> logits (B, T, V)."""

    def __init__(self, width: int, vocabulary: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(width, vocabulary, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.linear(x)


class ClassHead(nn.Module):
    """Scores the classes of a row: (B, C) -> logits (B, classes)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.linear(x)


class ValueHead(nn.Module):
    """One number for a row: (B, C) -> (B, 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction."""
        return self.linear(x)
