"""The memory of a recurrent cell that a person draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StateStep(nn.Module):
    """What a cell carries from one time step to the next, (B, width)."""

    def __init__(self, width: int, learned: bool = False) -> None:
        super().__init__()
        self.width = width
        self.start = nn.Parameter(torch.zeros(width)) if learned else None

    def begin(self, like: Tensor) -> Tensor:
        """Return the value before the first step, for the rows of `like` (B, ...)."""
        if self.start is None:
            numbers = like.dtype if like.is_floating_point() else None  # tokens are whole numbers
            return torch.zeros(like.shape[0], self.width, device=like.device, dtype=numbers)
        return self.start.expand(like.shape[0], -1)

    def forward(self, value: Tensor) -> Tensor:
        """Return an alias of the value: what the next step reads, apart from what this one did."""
        return value.view_as(value)
