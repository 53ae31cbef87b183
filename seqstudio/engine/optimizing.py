"""The optimizer of the settings, and its learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.model import GraphModel

_Make = Callable[..., torch.optim.Optimizer]

RMS_MEMORY = 0.95
RISE_SHARE, START_SHARE, END_SHARE = 0.3, 1 / 25, 1 / 25e4
"""One cycle: share of the run that rises; the rate at its start and at its end."""
FUSED = {
    "cpu": {"adamw", "adam", "sgd", "adagrad"},
    "cuda": {"adamw", "adam", "sgd"},
    "mps": {"adamw", "adam", "sgd"},
}
"""Optimizers that torch runs as one kernel for all weights, by kind of device."""


def make_optimizer(model: GraphModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer of the settings; only matrices decay, not biases or norms."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    name = settings.optimizer
    kind, options = _kind(settings)
    if parameters and name in FUSED.get(parameters[0].device.type, ()):
        options["fused"] = True
    return kind(groups, lr=settings.learning_rate, **options)


def _kind(settings: TrainingSettings) -> tuple[_Make, dict[str, Any]]:
    betas = {"betas": (0.9, settings.beta2)}
    kinds: Mapping[str, tuple[_Make, dict[str, Any]]] = {
        "adamw": (torch.optim.AdamW, betas),
        "adam": (torch.optim.Adam, betas),
        "sgd": (torch.optim.SGD, {"momentum": settings.momentum}),
        "rmsprop": (torch.optim.RMSprop, {"alpha": RMS_MEMORY}),
        "adagrad": (torch.optim.Adagrad, {}),
    }
    return kinds[settings.optimizer]


# ------------------------------------------------------------------------------------ the schedule


def rate_factor(
    step: int, progress: float, settings: TrainingSettings, fallen: float = 1.0
) -> float:
    """Return what the learning rate of a step is multiplied by: warm-up × schedule.

    Args:
        step: Optimizer steps done.
        progress: Share of the budget that is spent, 0..1.
        settings: Which schedule, and its numbers.
        fallen: Factor that the validations so far have left, see `Plateau`.
    """
    share = min(progress, 1.0)
    schedules = {
        "constant": lambda: 1.0,
        "cosine": lambda: cosine(share, settings.final_share),
        "step": lambda: staircase(step, settings.decay_every, settings.decay_factor),
        "onecycle": lambda: one_cycle(share),
        "plateau": lambda: fallen,
    }
    return rise(step, settings.warmup) * schedules[settings.schedule]()


def rise(step: int, warmup: int) -> float:
    """Return the linear warm-up: (step + 1) / warmup, 1 from there on."""
    return min((step + 1) / warmup, 1.0) if warmup else 1.0


def cosine(progress: float, final: float) -> float:
    """Return half a cosine from 1 at the start to `final` at the end.

    Source:
        Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts.
    """
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


def staircase(step: int, every: int, factor: float) -> float:
    """Return factor to the power of the falls so far, one every `every` steps."""
    return float(factor ** (step // every))


def one_cycle(progress: float) -> float:
    """Return one cycle: by half a cosine up to 1, then by another down to almost nothing.

    Source:
        Smith and Topin 2018, "Super-convergence", with the shares of torch's OneCycleLR.
    """
    if progress < RISE_SHARE:
        return cosine(1 - progress / RISE_SHARE, START_SHARE)
    return cosine((progress - RISE_SHARE) / (1 - RISE_SHARE), END_SHARE)


@dataclass(frozen=True)
class Plateau:
    """What the validations so far mean for the learning rate.

    Attributes:
        best: Lowest held-out loss so far.
        waited: Validations since then, or since the last fall.
        factor: What the learning rate is multiplied by.
    """

    best: float = math.inf
    waited: int = 0
    factor: float = 1.0

    def after(self, loss: float, settings: TrainingSettings) -> Plateau:
        """Return it after one more validation: it falls after more than `decay_patience`."""
        if loss < self.best:
            return Plateau(loss, 0, self.factor)
        if self.waited < settings.decay_patience:
            return replace(self, waited=self.waited + 1)
        return Plateau(self.best, 0, self.factor * settings.decay_factor)
