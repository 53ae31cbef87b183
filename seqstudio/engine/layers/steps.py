"""What layers share that know how long each row of a padded batch really is.

Shape legend: B rows, T time steps, C features; lengths (B,) are whole numbers of true steps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """Return (B, steps): True for the steps that are there, False for padding."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def step_at(x: Tensor, place: Tensor) -> Tensor:
    """Return one step of every row: x (B, T, C), place (B,) -> (B, C)."""
    return x[torch.arange(x.shape[0], device=x.device), place]


def from_end(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the steps of every row in reverse, x (B, T, C); padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    place = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - place
    return torch.take_along_dim(x, torch.where(mirrored >= 0, mirrored, place)[..., None], 1)
