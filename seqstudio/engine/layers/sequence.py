"""Layers that move, add or take away steps of a sequence, and know where a row truly ends.

Shape legend: B rows, T time steps, C features.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that torch's own documentation uses

from seqstudio.engine.layers.steps import from_end, step_at, valid_steps

State = tuple[Any, ...] | None


class Positions(nn.Module):
    """Adds a vector for the place of each step, fixed waves or learned."""

    def __init__(self, width: int, kind: str = "sinusoidal", length: int = 128) -> None:
        super().__init__()
        self.width = width
        self.kind = kind
        self.learned = nn.Embedding(length, width) if kind == "learned" else None

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return x + P; `state` counts the steps that went before (while writing)."""
        start = state[0] if state else 0
        place = torch.arange(start, start + x.shape[1], device=x.device)
        end = None if state is None else (start + x.shape[1],)
        if self.kind == "none":
            return x, end
        if self.learned is not None:
            return x + self.learned(place), end
        return x + self.waves(place, x.dtype), end

    def waves(self, place: Tensor, dtype: torch.dtype) -> Tensor:
        """Return sine in even and cosine in odd features, (T, C)."""
        even = torch.arange(0, self.width, 2, device=place.device)
        angle = place[:, None] * torch.exp(even * (-math.log(10000.0) / self.width))
        waves = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
        return waves[:, : self.width].to(dtype)


class LastStep(nn.Module):
    """The last true step of every row: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return x at the end of each row."""
        return x[:, -1] if lengths is None else step_at(x, lengths - 1)


class FirstStep(nn.Module):
    """The first step of every row: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x[:, 0]."""
        return x[:, 0]


class MeanOverTime(nn.Module):
    """The mean of all true steps: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the mean over time."""
        if lengths is None:
            return x.mean(1)
        padding = ~valid_steps(lengths, x.shape[1])[..., None]
        return x.masked_fill(padding, 0.0).sum(1) / lengths[:, None]


class MaxOverTime(nn.Module):
    """The largest value of each feature over all true steps: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the maximum over time."""
        if lengths is not None:
            padding = ~valid_steps(lengths, x.shape[1])[..., None]
            x = x.masked_fill(padding, float("-inf"))
        return x.amax(1)


class FlattenTime(nn.Module):
    """All steps of a row side by side: (B, T, C) -> (B, steps * C); missing steps are 0."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the vectors; raises ValueError for a sequence longer than `steps`."""
        missing = self.steps - x.shape[1]
        if missing < 0:
            raise ValueError(
                f"{x.shape[1]} steps arrive, the dense net has inputs for {self.steps}"
            )
        if lengths is not None:
            x = x.masked_fill(~valid_steps(lengths, x.shape[1])[..., None], 0.0)
        return F.pad(x, (0, 0, 0, missing)).flatten(1)


class Reverse(nn.Module):
    """The steps from the true end of each row to its start; padding stays behind."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return (B, T, C)."""
        return from_end(x, lengths)


class Repeat(nn.Module):
    """The same vector at every step: (B, C) -> (B, T, C)."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        """Return as many steps as `like` has, else `steps`."""
        steps = self.steps if like is None else like.shape[1]
        return x[:, None].expand(-1, steps, -1)


class Shift(nn.Module):
    """Every step one later; the first is 0."""

    def forward(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return (B, T, C); while writing, `state` keeps the step that went before."""
        before = state[0] if state else torch.zeros_like(x[:, :1])
        end = None if state is None else (x[:, -1:],)
        return torch.cat([before, x[:, :-1]], 1), end


class ClassToken(nn.Module):
    """A learned vector in front of every row: (B, T, C) -> (B, 1 + T, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(width).normal_(std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sequence with one more step, the first."""
        return torch.cat([self.token.expand(x.shape[0], 1, -1), x], 1)
