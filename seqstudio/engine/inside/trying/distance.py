"""How far a memory reaches. Shape legend: B rows, T steps, C features, K distances."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqstudio.core.errors import RunError
from seqstudio.data.tasks.base import Batch, Task
from seqstudio.data.tasks.distance import (
    MOST,
    NEAR_ENOUGH,
    Reach,
    at_distance,
    cues,
    reach_of,
    telling,
)
from seqstudio.data.tasks.far import CopyMemoryTask
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.losses import asked, mean_loss
from seqstudio.engine.model import GraphModel
from seqstudio.records.inside.trying.distance import DistanceOf, Distances
from seqstudio.records.readings import freeze

_SEED = 0x0D15_7A2C
_MOST_EXAMPLES = 512
_GRADIENT_ROWS = 8
_STEPS_AT_ONCE = 16_384


class _At(NamedTuple):
    """What was found at one distance, as in `Distances`."""

    distance: int
    right: float
    whole: float
    loss: float
    gradient: float


def distances(subject: Subject, question: DistanceOf) -> Iterator[Distances | None]:
    """Answer `DistanceOf`: a better reading with every distance.

    Raises:
        RunError: The data have no distance.
    """
    task = subject.dataset.task
    reach = reach_of(task)
    if task is None or reach is None:
        raise RunError(
            "There is no distance to change here",
            f"{subject.dataset.title} has none",
            "Open a memory task, such as Recall a cue",
        )
    found: list[_At] = []
    for distance in _wanted(question, reach):
        yield None
        try:
            found.append(_measured(subject, at_distance(task, distance), distance, question))
        except (IndexError, RuntimeError) as error:  # learned places end somewhere
            why = f"beyond {found[-1].distance if found else 0}: {error}".partition("\n")[0]
            yield _reading(subject, task, reach, found, why)
            return
        yield _reading(subject, task, reach, found, "")


def _wanted(question: DistanceOf, reach: Reach) -> list[int]:
    given = question.distances or reach.usual()
    return sorted({reach.fitted(min(max(1, each), MOST)) for each in given})


def _reading(
    subject: Subject, task: Task, reach: Reach, found: list[_At], refused: str
) -> Distances:
    columns = np.array(found, np.float64).reshape(-1, len(_At._fields)).T
    at, right, whole, loss, gradient = (freeze(column) for column in columns)
    classes = len(subject.dataset.classes)
    if isinstance(task, CopyMemoryTask):  # nobody guesses a blank there
        classes -= 1
    chance, floor = 1 / classes if classes else math.nan, task.floor(())[1]
    unit, places = subject.dataset.unit, freeze(at.astype(np.int64))
    return Distances(
        reach.noun, places, right, whole, loss, gradient, reach.trained, chance, floor, unit,
        refused,
    )  # fmt: skip


def _measured(subject: Subject, task: Task, distance: int, question: DistanceOf) -> _At:
    rng = np.random.default_rng((_SEED, distance))
    examples = min(max(1, question.examples), _MOST_EXAMPLES)
    batch = task.draw(rng, examples)
    at_once = max(1, _STEPS_AT_ONCE // batch.inputs.shape[1])
    parts = [slice(first, first + at_once) for first in range(0, examples, at_once)]
    outputs = torch.cat([subject.model(_inputs(subject, batch, part))[0] for part in parts])
    targets = torch.from_numpy(batch.targets)
    loss = mean_loss(subject.model.losses(outputs, targets), targets)
    right = _right(outputs, targets).numpy()
    counts = telling(task, batch).reshape(right.shape)
    whole = (right | ~counts).reshape(examples, -1).all(1)
    gradient = _gradient(subject, task, batch) if question.gradients else math.nan
    return _At(distance, float(right[counts].mean()), float(whole.mean()), float(loss), gradient)


def _right(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return ((outputs - targets).abs() <= NEAR_ENOUGH).all(-1)
    return outputs.argmax(-1) == targets


def _inputs(subject: Subject, batch: Batch, part: slice) -> Inputs:
    lengths = torch.from_numpy(batch.lengths[part]) if subject.dataset.padded else None
    return Inputs(torch.from_numpy(batch.inputs[part]), lengths=lengths)


def _gradient(subject: Subject, task: Task, batch: Batch) -> float:
    """Return the mean over rows of |dL_T/dx_t|: L_T the last loss, x_t what is read at the cue."""
    rows = slice(min(_GRADIENT_ROWS, len(batch.inputs)))
    given, targets = _inputs(subject, batch, rows), torch.from_numpy(batch.targets[rows])
    with torch.enable_grad(), _leaves(subject.model) as leaves:
        outputs, _ = subject.model(given)
        losses = subject.model.losses(outputs, targets)
        if losses.dim() == 2:
            last = (asked(targets) * torch.arange(1, targets.shape[1] + 1)).argmax(1)
            losses = losses[torch.arange(len(losses)), last]
        losses.sum().backward()  # type: ignore[no-untyped-call]
    if not leaves or leaves[0].grad is None:
        return math.nan
    at = torch.from_numpy(cues(task, batch)[rows])
    return float(leaves[0].grad[torch.arange(len(at)), at].double().norm(dim=-1).mean())


@contextmanager
def _leaves(model: GraphModel) -> Iterator[list[Tensor]]:
    """Make what enters the model, vectors or embedded symbols (B, T, C), ask for a gradient."""
    leaves: list[Tensor] = []

    def begin(_module: nn.Module, _args: Any, out: Any) -> Any:
        if leaves or not isinstance(out, Tensor) or not out.is_floating_point():
            return out
        leaves.append(out.detach().requires_grad_())
        return leaves[0]

    hooks = [model.blocks[node.name].register_forward_hook(begin) for node in model.nodes]
    try:
        yield leaves
    finally:
        for hook in hooks:
            hook.remove()


ANSWERS: dict[type, Answer] = {DistanceOf: distances}
