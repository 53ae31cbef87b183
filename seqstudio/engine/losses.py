"""The loss of every prediction, by pattern, and its mean over the predictions that are asked.

A target of -100 (whole numbers) or NaN (numbers) says that no prediction is asked: padding,
characters that were not masked. Nothing here waits for the device.

Shape legend: B rows, T steps, V symbols or classes, D numbers a step, K notes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from seqstudio.blocks.declaration import Pattern

NOT_ASKED = -100
LOG_SPREADS = (-7.0, 7.0)
"""Range of the logarithm of a forecast's spread: no finite series needs more."""


def prediction_losses(
    pattern: Pattern, outputs: Tensor, targets: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Return the loss of every prediction, 0 where none is asked.

    Args:
        pattern: What is predicted.
        outputs: What the head gives: logits (B, T, V) or (B, V); values (B, 1); means and
            log-spreads (B, T, 2 * D); logits of notes (B, T, K).
        targets: (B, T) or (B,) int64; (B, 1), (B, T, D) or (B, T, K) float.
        smoothing: Share of a token's or a class's target that is spread evenly over all of them;
            notes, values and forecasts have none.

    Returns:
        (B, T), or (B,) where a row has one prediction. Cross-entropy in nats for tokens, classes
        and notes (summed over the notes of a step); the negative log-density in nats for
        forecasts (summed over the numbers of a step); the squared error for values.
    """
    outputs = outputs.float()
    if pattern == "value":
        return _only_asked(outputs - targets, targets).square().flatten(1).mean(1)
    if pattern == "forecast":
        return _gaussian(outputs, targets)
    if pattern == "notes":
        return _notes(outputs, targets)
    flat = F.cross_entropy(
        outputs.flatten(0, -2), targets.flatten(), reduction="none", label_smoothing=smoothing
    )
    return flat.view(targets.shape)


def _only_asked(values: Tensor, targets: Tensor) -> Tensor:
    return torch.where(targets.isnan(), 0.0, values)


def _gaussian(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return -ln N(target; mean, spread²) summed over the numbers of a step (B, T)."""
    mean, log_spread = outputs.chunk(2, -1)
    log_spread = log_spread.clamp(*LOG_SPREADS)
    distance = _only_asked(targets - mean, targets) * (-log_spread).exp()
    density = 0.5 * distance.square() + log_spread + 0.5 * math.log(2 * math.pi)
    return _only_asked(density, targets).sum(-1)


def _notes(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of independent yes-or-no notes, summed over a step (B, T)."""
    known = targets.nan_to_num(0.0)
    each = F.binary_cross_entropy_with_logits(outputs, known, reduction="none")
    return _only_asked(each, targets).sum(-1)


def asked(targets: Tensor) -> Tensor:
    """Return where a prediction is asked: (B, T) or (B,), as the losses are shaped.

    Numbers that belong to one prediction are asked together or not at all.
    """
    if targets.is_floating_point():
        return ~targets[..., 0].isnan()
    return targets != NOT_ASKED


def mean_loss(losses: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over the predictions that are asked, 0 when there are none.

    Every prediction counts the same, whatever row it stands in.
    """
    return losses.sum() / asked(targets).sum().clamp(min=1)
