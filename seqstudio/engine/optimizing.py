"""The optimizer of the settings, and its learning rate over a run."""

from __future__ import annotations

import math

import torch

from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.model import GraphModel


def make_optimizer(model: GraphModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer of the settings; only matrices decay, not biases or norms."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate = settings.learning_rate
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9)
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=rate, alpha=0.95)
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, settings.beta2), fused=True)


def rate_factor(step: int, progress: float, warmup: int, schedule: str) -> float:
    """Return the factor of the learning rate: a linear rise, then a cosine to 3 %, or constant.

    Args:
        step: Optimizer steps done.
        progress: Share of the budget that is spent, 0..1.
        warmup: Steps of the rise.
        schedule: "cosine" or "constant".
    """
    rise = min((step + 1) / warmup, 1.0) if warmup else 1.0
    if schedule == "constant":
        return rise
    return rise * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
