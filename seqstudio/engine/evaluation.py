"""Measuring a model on held-out data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.model import GraphModel

PART_TOKENS = 32_768


@dataclass
class Score:
    """A running mean.

    Attributes:
        total: Sum of losses.
        right: Right answers.
        count: Predictions.
        counts_right: Whether right answers mean something (not for values).
    """

    total: float = 0.0
    right: int = 0
    count: int = 0
    counts_right: bool = True

    @property
    def loss(self) -> float:
        """Mean loss, NaN before the first prediction."""
        return self.total / self.count if self.count else math.nan

    @property
    def accuracy(self) -> float:
        """Share of right answers, NaN where there are none to count."""
        return self.right / self.count if self.count and self.counts_right else math.nan


@contextmanager
def measuring(model: torch.nn.Module) -> Iterator[None]:
    """Switch dropout off and gradients too, and put everything back afterwards."""
    was = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was)


def score(
    model: GraphModel, dataset: Dataset, window: int, carry: bool, limit: int = 0
) -> Iterator[Score]:
    """Measure window by window; yields the running score, the last one is the result.

    The state is carried from window to window when it was in training. Every token of the part
    is predicted once, except the first of each row.
    """
    device = next(model.parameters()).device
    result, state = Score(counts_right=model.pattern != "value"), None
    for batch in held_out(dataset, window, device, limit):
        with measuring(model):
            outputs, after = model(batch.inputs, None if batch.restart else state)
            losses = model.losses(outputs, batch.targets)
            result.total += float(losses.double().sum())
            result.count += losses.numel()
            if result.counts_right:
                result.right += int((outputs.argmax(-1) == batch.targets).sum())
        state = after if carry else None
        yield result


def complete_score(model: GraphModel, dataset: Dataset, window: int, carry: bool) -> Score:
    """Return the score on the whole held-out part."""
    result = Score()
    for result in score(model, dataset, window, carry):  # noqa: B007  the last one is the result
        pass
    return result
