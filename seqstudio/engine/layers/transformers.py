"""Transformer blocks in a row: encoders, decoders, and models that write.

Shape legend: B rows, T time steps, S steps of the other sequence, C features.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.engine.layers.attention import CrossAttention, SelfAttention

State = tuple[Any, ...] | None


def start_residual(module: nn.Module, sums: int) -> None:
    """Start matrices with sigma 0.02, those that write into a residual sum with 0.02 / sqrt(n).

    For `sums` = n additions the sum then keeps its size with depth (Radford et al. 2019).
    """
    for name, parameter in module.named_parameters():
        if name.endswith("weight") and parameter.dim() == 2:
            into_sum = name.endswith(("out.weight", "down.weight"))
            nn.init.normal_(parameter, std=0.02 / math.sqrt(sums) if into_sum else 0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward net, each added to what came in.

    "pre" norm: X + f(LN(X)). "post" norm: LN(X + f(X)), as in the first transformer.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        expansion: int,
        causal: bool,
        rotary: bool,
        dropout: float,
        norm: str = "pre",
        window: int = 0,
    ) -> None:
        super().__init__()
        self.post = norm == "post"
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal, rotary, dropout, window)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)

    def feed_forward(self, x: Tensor) -> Tensor:
        """Return the net applied to each step."""
        return self.down(F.gelu(self.up(x)))

    def forward(
        self, x: Tensor, state: State = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return (B, T, C) and the attention's state."""
        if self.post:
            y, state = self.attention(x, state, lengths)
            x = self.norm1(x + self.dropout(y))
            return self.norm2(x + self.dropout(self.feed_forward(x))), state
        y, state = self.attention(self.norm1(x), state, lengths)
        x = x + self.dropout(y)
        return x + self.dropout(self.feed_forward(self.norm2(x))), state


class Transformer(nn.Module):
    """Transformer blocks in a row."""

    def __init__(
        self,
        width: int,
        layers: int = 1,
        heads: int = 4,
        expansion: int = 4,
        causal: bool = True,
        rotary: bool = True,
        dropout: float = 0.0,
        norm: str = "pre",
        window: int = 0,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, expansion, causal, rotary, dropout, norm, window)
            for _ in range(layers)
        )
        start_residual(self, 2 * layers)

    def forward(
        self, x: Tensor, state: list[Any] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Any] | None]:
        """Return (B, T, C) and the state of every block (None in training)."""
        last = []
        for number, block in enumerate(self.blocks):
            past = None if state is None else state[number] if state else ()
            x, end = block(x, past, lengths)
            last.append(end)
        return x, None if state is None else last


class Encoder(Transformer):
    """Transformer blocks in which every step sees the whole sequence."""

    def __init__(
        self,
        width: int,
        layers: int = 1,
        heads: int = 4,
        expansion: int = 4,
        rotary: bool = True,
        dropout: float = 0.0,
        norm: str = "pre",
        window: int = 0,
    ) -> None:
        super().__init__(width, layers, heads, expansion, False, rotary, dropout, norm, window)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return (B, T, C)."""
        return super().forward(x, None, lengths)[0]


class DecoderBlock(nn.Module):
    """Causal self-attention, attention to an encoded sequence, feed-forward net; each added.

    "pre" norm: X + f(LN(X)). "post" norm: LN(X + f(X)), as in the first transformer.
    """

    def __init__(
        self,
        width: int,
        memory_width: int,
        heads: int,
        expansion: int,
        rotary: bool,
        dropout: float,
        norm: str = "pre",
        window: int = 0,
    ) -> None:
        super().__init__()
        self.post = norm == "post"
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, True, rotary, dropout, window)
        self.norm2 = nn.LayerNorm(width)
        self.cross = CrossAttention(width, memory_width, heads, dropout)
        self.norm3 = nn.LayerNorm(width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)

    def feed_forward(self, x: Tensor) -> Tensor:
        """Return the net applied to each step."""
        return self.down(F.gelu(self.up(x)))

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        state: State = None,
        memory_lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Return (B, T, C) and the state of the self-attention."""
        if self.post:
            y, state = self.attention(x, state)
            x = self.norm1(x + self.dropout(y))
            x = self.norm2(x + self.dropout(self.cross(x, memory, memory_lengths)))
            return self.norm3(x + self.dropout(self.feed_forward(x))), state
        y, state = self.attention(self.norm1(x), state)
        x = x + self.dropout(y)
        x = x + self.dropout(self.cross(self.norm2(x), memory, memory_lengths))
        return x + self.dropout(self.feed_forward(self.norm3(x))), state


class Decoder(nn.Module):
    """Decoder blocks in a row, all reading the same encoded sequence."""

    def __init__(
        self,
        width: int,
        memory_width: int,
        layers: int = 1,
        heads: int = 4,
        expansion: int = 4,
        rotary: bool = True,
        dropout: float = 0.0,
        norm: str = "pre",
        window: int = 0,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            DecoderBlock(width, memory_width, heads, expansion, rotary, dropout, norm, window)
            for _ in range(layers)
        )
        start_residual(self, 3 * layers)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        state: list[Any] | None = None,
        memory_lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[Any] | None]:
        """Return (B, T, C) for x (B, T, C) and memory (B, S, M), and the state of every block."""
        last = []
        for number, block in enumerate(self.blocks):
            past = None if state is None else state[number] if state else ()
            x, end = block(x, memory, past, memory_lengths)
            last.append(end)
        return x, None if state is None else last
