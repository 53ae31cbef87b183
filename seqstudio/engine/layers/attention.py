"""Attention: of a sequence to itself and to another one, whole and in its parts.

Shape legend: B rows, T time steps, S steps of the other sequence, C features, H heads, D features
of a head. A padded key never gets weight.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.engine.layers.steps import valid_steps

State = tuple[Any, ...] | None


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


def seen_steps(queries: int, keys: int, causal: bool, window: int, device: torch.device) -> Tensor:
    """Return (queries, keys): True where a query may look; the last query stands at the last key.

    With a window a query sees that many steps to its side, and itself; 0 means all.
    """
    place = torch.arange(keys, device=device)
    back = place[keys - queries :, None] - place
    near = back.abs() <= (window or keys)
    return near & (back >= 0) if causal else near


class SelfAttention(nn.Module):
    """softmax(Q K^T / sqrt(D)) V in several heads, then an output projection."""

    def __init__(
        self,
        width: int,
        heads: int,
        causal: bool = True,
        rotary: bool = False,
        dropout: float = 0.0,
        window: int = 0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.rotary = rotary
        self.dropout = dropout
        self.window = window
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

    def forward(
        self, x: Tensor, state: State = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Attend within x (B, T, C); while writing, `state` keeps keys and values of the past.

        `state` is None in training, () at the start of a text, then (keys, values, steps seen).
        """
        start = state[2] if state else 0
        q, k, v = self.split(x, start)
        if state:
            k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
        share = self.dropout if self.training else 0.0
        mask = self.mask(q.shape[2], k.shape[2], x.device, lengths)
        triangle = self.causal and mask is None and bool(q.shape[2] > 1)
        y = F.scaled_dot_product_attention(q, k, v, mask, share, is_causal=triangle)
        kept = slice(-self.window, None)  # all of them without a window
        end = None if state is None else (k[:, :, kept], v[:, :, kept], start + x.shape[1])
        return self.out(y.transpose(1, 2).flatten(2)), end

    def mask(
        self, queries: int, keys: int, device: torch.device, lengths: Tensor | None
    ) -> Tensor | None:
        """Return where a query may look; None where all keys, or a plain triangle, are meant.

        Padding is behind every true step, where a causal query does not look anyway. A padded
        query sees itself, so that its softmax has something to choose from.
        """
        true = None if self.causal else lengths
        plain = not self.causal or queries in (1, keys)
        if plain and not self.window and true is None:
            return None
        seen = self.visible(queries, keys, device)
        if true is None:
            return seen
        itself = torch.eye(keys, dtype=torch.bool, device=device)
        return (seen & valid_steps(true, keys)[:, None, None]) | itself

    def visible(self, queries: int, keys: int, device: torch.device) -> Tensor:
        """Return (queries, keys): True where a query may look; the last query is the last key."""
        return seen_steps(queries, keys, self.causal, self.window, device)

    def weights(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the attention weights (B, H, T, T) for x; rows sum to 1."""
        q, k, _ = self.split(x)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        seen = self.visible(q.shape[2], k.shape[2], x.device)
        mask = self.mask(q.shape[2], k.shape[2], x.device, lengths)
        return scores.masked_fill(~(seen if mask is None else mask), float("-inf")).softmax(-1)


class CrossAttention(nn.Module):
    """Queries of one sequence, keys and values of another: softmax(Q K^T / sqrt(D)) V."""

    def __init__(self, width: int, memory_width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(memory_width, 2 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (B, H, T, D), keys and values (B, H, S, D)."""
        query = x[:, None] if x.dim() == 2 else x
        parts = (self.q(query), *self.kv(memory).chunk(2, -1))
        q, k, v = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in parts)
        return q, k, v

    def forward(self, x: Tensor, memory: Tensor, memory_lengths: Tensor | None = None) -> Tensor:
        """Attend from x (B, T, C) or (B, C) to memory (B, S, M); return the shape of x."""
        q, k, v = self.split(x, memory)
        share = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, self.mask(memory, memory_lengths), share)
        return self.out(y.transpose(1, 2).flatten(2)).view(x.shape)

    @staticmethod
    def mask(memory: Tensor, lengths: Tensor | None) -> Tensor | None:
        """Return (B, 1, 1, S): True for the true steps of memory, or None for all."""
        return None if lengths is None else valid_steps(lengths, memory.shape[1])[:, None, None]

    def weights(self, x: Tensor, memory: Tensor, memory_lengths: Tensor | None = None) -> Tensor:
        """Return the attention weights (B, H, T, S); rows sum to 1."""
        q, k, _ = self.split(x, memory)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        mask = self.mask(memory, memory_lengths)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(-1)


class AdditiveAttention(nn.Module):
    """softmax(v^T tanh(W q + U k)) K: a small net scores each key (Bahdanau et al. 2015)."""

    def __init__(self, width: int, memory_width: int, hidden: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, hidden)
        self.key = nn.Linear(memory_width, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def weights(self, x: Tensor, memory: Tensor, memory_lengths: Tensor | None = None) -> Tensor:
        """Return (B, T, S) for x (B, T, C), or (B, 1, S) for x (B, C); rows sum to 1."""
        query = x[:, None] if x.dim() == 2 else x
        scores = self.score(torch.tanh(self.query(query)[:, :, None] + self.key(memory)[:, None]))
        scores = scores.squeeze(-1)
        if memory_lengths is not None:
            padding = ~valid_steps(memory_lengths, memory.shape[1])[:, None]
            scores = scores.masked_fill(padding, float("-inf"))
        return scores.softmax(-1)

    def forward(self, x: Tensor, memory: Tensor, memory_lengths: Tensor | None = None) -> Tensor:
        """Return the mix of memory (B, S, M) that each query asks for, (B, T, M) or (B, M)."""
        context = self.weights(x, memory, memory_lengths) @ memory
        return context[:, 0] if x.dim() == 2 else context


class HardAttention(AdditiveAttention):
    """Reads one place only: drawn from the weights in training, the likeliest otherwise.

    The gradient passes as if the weights themselves had been used (straight-through).
    """

    def forward(self, x: Tensor, memory: Tensor, memory_lengths: Tensor | None = None) -> Tensor:
        """Return the chosen step of memory (B, S, M) for each query, (B, T, M) or (B, M)."""
        weights = self.weights(x, memory, memory_lengths)
        if self.training:
            place = torch.multinomial(weights.flatten(0, 1), 1).view(weights.shape[:2])
        else:
            place = weights.argmax(-1)
        chosen = F.one_hot(place, memory.shape[1]).to(weights.dtype)
        context = (chosen + weights - weights.detach()) @ memory
        return context[:, 0] if x.dim() == 2 else context


class Rotary(nn.Module):
    """Turns pairs of features by an angle that grows with the place: (B, H, T, D)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x turned, of the same size."""
        cos, sin = rotary_angles(0, x.shape[-2], x.shape[-1], x)
        return rotate(x, cos, sin)


class SplitHeads(nn.Module):
    """(B, T, H * D) -> (B, H, T, D)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """Return the heads apart."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class MergeHeads(nn.Module):
    """(B, H, T, D) -> (B, T, H * D)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the heads side by side."""
        return x.transpose(1, 2).flatten(2)


class MatrixProduct(nn.Module):
    """A B, or A B^T: the product of the last two dimensions of two inputs."""

    def __init__(self, transposed: bool = False) -> None:
        super().__init__()
        self.transposed = transposed

    def forward(self, x: Tensor, other: Tensor, other_lengths: Tensor | None = None) -> Tensor:
        """Return the product; padded steps of `other` add nothing to a sum over steps."""
        if self.transposed:
            return x @ other.transpose(-1, -2)
        if other_lengths is not None:
            valid = valid_steps(other_lengths, other.shape[-2])
            shape = (-1, *[1] * (other.dim() - 3), other.shape[-2], 1)
            other = other.masked_fill(~valid.view(shape), 0.0)
        return x @ other


class ScoreMask(nn.Module):
    """Sets scores (B, ..., queries, keys) to minus infinity where a query must not look.

    `own`: queries and keys are steps of the same sequence.
    """

    def __init__(self, causal: bool = True, window: int = 0, own: bool = True) -> None:
        super().__init__()
        self.causal = causal
        self.window = window
        self.own = own

    def forward(
        self,
        scores: Tensor,
        memory: Tensor | None = None,
        lengths: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the scores; `memory` is the sequence of the keys where it is another one."""
        queries, keys = scores.shape[-2:]
        true = lengths if self.own else memory_lengths
        if self.own:
            seen = seen_steps(queries, keys, self.causal, self.window, scores.device)
            scores = scores.masked_fill(~seen, float("-inf"))
        if true is None:
            return scores
        valid = valid_steps(true, keys).view(-1, *[1] * (scores.dim() - 2), keys)
        if self.own:  # a padded query keeps itself, so that softmax has something to choose from
            valid = valid | torch.eye(keys, dtype=torch.bool, device=scores.device)
        return scores.masked_fill(~valid, float("-inf"))


class Softmax(nn.Module):
    """Positive numbers that sum to 1 over the last dimension.

    `steps`: the last dimension is the sequence whose lengths are told; padding gets 0.
    """

    def __init__(self, steps: bool = False) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return exp(x) / sum exp(x)."""
        if lengths is not None and self.steps:
            valid = valid_steps(lengths, x.shape[-1]).view(-1, *[1] * (x.dim() - 2), x.shape[-1])
            x = x.masked_fill(~valid, float("-inf"))
        return x.softmax(-1)
