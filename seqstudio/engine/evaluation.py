"""Measuring a model on held-out data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace

import torch
from torch import Tensor

from seqstudio.blocks.declaration import Pattern
from seqstudio.data.dataset import Dataset
from seqstudio.engine.batches import held_out
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.losses import asked
from seqstudio.engine.model import GraphModel

PART_TOKENS = 32_768


@dataclass
class Score:
    """Running means over the predictions that are asked.

    Attributes:
        total: Sum of losses.
        count: Predictions.
        right: Right answers.
        judged: Answers that can be right: for tokens and classes all; for notes those that sound
            in the prediction, in the data or in both; none for numbers.
        distance: Sum of absolute errors, for values and forecasts.
        numbers: Numbers behind it.
    """

    total: float = 0.0
    count: int = 0
    right: int = 0
    judged: int = 0
    distance: float = 0.0
    numbers: int = 0

    @property
    def loss(self) -> float:
        """Mean loss, NaN before the first prediction."""
        return self.total / self.count if self.count else math.nan

    @property
    def accuracy(self) -> float:
        """Share of right answers, NaN where there are none to judge.

        For notes TP / (TP + FP + FN) at probability 1/2: silence that is right does not count.

        Source:
            Bay, Ehmann and Downie 2009, "Evaluation of multiple-F0 estimation and tracking
            systems", where this is called accuracy.
        """
        return self.right / self.judged if self.judged else math.nan

    @property
    def error(self) -> float:
        """Mean absolute error of values and of the means of forecasts; NaN for other patterns."""
        return self.distance / self.numbers if self.numbers else math.nan

    def numbers_of(self) -> tuple[float, ...]:
        """Return the fields, all of which are sums."""
        return astuple(self)

    @classmethod
    def of_numbers(cls, numbers: Sequence[float]) -> Score:
        """Return a score from its fields."""
        total, count, right, judged, distance, errors = numbers
        return cls(total, int(count), int(right), int(judged), distance, int(errors))

    def add(self, pattern: Pattern, outputs: Tensor, targets: Tensor, losses: Tensor) -> None:
        """Take in one batch; all as `prediction_losses` takes and gives them."""
        known = asked(targets)
        self.total += float(losses.double().sum())
        self.count += int(known.sum())
        if pattern in {"value", "forecast"}:
            errors = (outputs[..., : targets.shape[-1]] - targets)[known].abs()
            self.distance += float(errors.double().sum())
            self.numbers += errors.numel()
        elif pattern == "notes":
            sounds, wanted = outputs[known] > 0, targets[known] > 0
            self.right += int((sounds & wanted).sum())
            self.judged += int((sounds | wanted).sum())
        else:
            self.right += int(((outputs.argmax(-1) == targets) & known).sum())
            self.judged += int(known.sum())


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
    model: GraphModel,
    dataset: Dataset,
    window: int,
    carry: bool,
    limit: int = 0,
    part: Callable[[int], slice] = slice,
) -> Iterator[Score]:
    """Measure window by window; yields the running score, the last one is the result.

    The state is carried from window to window when it was in training. Every token of the part
    is predicted once, except the first of each row.

    Args:
        model: What is measured.
        dataset: Whose held-out part.
        window: Steps of a window.
        carry: Whether the state was carried in training.
        limit: See `held_out`.
        part: Returns which of a number of rows are measured; all of them unless several
            processes share the work.
    """
    device = next(model.parameters()).device
    result, state = Score(), None
    for whole in held_out(dataset, window, device, limit):
        own = part(len(whole.targets))
        if own.start == own.stop:  # fewer rows than processes
            continue
        batch = replace(whole, inputs=rows_of(whole.inputs, own), targets=whole.targets[own])
        with measuring(model):
            outputs, after = model(batch.inputs, None if batch.restart else state)
            losses = model.losses(outputs, batch.targets)
            result.add(model.pattern, outputs, batch.targets, losses)
        state = after if carry else None
        yield result


def rows_of(given: Tensor | Inputs, own: slice) -> Tensor | Inputs:
    """Return some rows of the inputs of a batch."""
    return given.rows(own) if isinstance(given, Inputs) else given[own]


def complete_score(model: GraphModel, dataset: Dataset, window: int, carry: bool) -> Score:
    """Return the score on the whole held-out part."""
    result = Score()
    for result in score(model, dataset, window, carry):  # noqa: B007  the last one is the result
        pass
    return result
