"""Where a model expects a thrown ball. Shape legend: T frames, F frames seen at once, R rows."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from seqstudio.core.errors import RunError
from seqstudio.data.tasks.ball import (
    BallTask,
    last_place,
    positions,
    straight_on,
    velocity_variance,
)
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.inside.trying.going_on import GoingOn
from seqstudio.engine.losses import LOG_SPREADS
from seqstudio.records.inside.trying.ball import AHEAD, GUESSES, BallFollowed, FollowBall
from seqstudio.records.readings import freeze

Floats = NDArray[np.float64]
_TRIALS = 256


def follow_ball(subject: Subject, question: FollowBall) -> Iterator[BallFollowed | None]:
    """Answer `FollowBall`.

    Raises:
        RunError: The model was not made for balls.
    """
    task = subject.dataset.task
    if not isinstance(task, BallTask):
        raise RunError(
            "This model does not follow a ball",
            f"it learns from {subject.dataset.title}",
            "Open a project such as Ball with an LSTM",
        )
    start, velocity = np.array(question.start), np.array(question.velocity)
    # The frames before the first one are not shown to anybody: models that see several at once
    # begin with them, as in training.
    times = np.arange(1 - task.seen, task.length + 1, dtype=np.float64)
    path = positions(start, velocity, times)
    batch = task.batch_of(path[None])
    mean, spread = _guessed(subject, batch.inputs)
    yield None
    seen = min(max(1, question.seen), task.length)
    guesses = np.empty((GUESSES, AHEAD, 2))
    for _ in _ways_on(subject, task, batch.inputs[:, :seen], guesses):
        yield None
    trial = subject.dataset.fixed_batches(_TRIALS, 1)[0]
    told, _ = _guessed(subject, trial.inputs)
    truth = trial.targets.astype(np.float64)
    straight = straight_on(trial)
    if task.seen < 2:
        straight[:, 0] = np.nan
    shown = path[task.seen - 1 :]
    nothing = np.full((1, 2), np.nan)
    yield BallFollowed(
        freeze(shown),
        freeze(np.concatenate([nothing, mean[0]])),
        freeze(np.concatenate([nothing, spread[0]])),
        seen,
        freeze(guesses),
        freeze(_errors(told, truth)),
        freeze(_errors(last_place(trial), truth)),
        freeze(_errors(straight, truth)),
        math.sqrt(velocity_variance()),
    )


def _guessed(subject: Subject, inputs: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return means and standard deviations (R, T, 2) of the position after each frame."""
    outputs, _ = subject.model(torch.from_numpy(np.array(inputs, np.float32)))
    mean, logs = np.split(outputs.double().numpy(), 2, -1)
    return mean, np.exp(logs.clip(*LOG_SPREADS))


def _errors(told: Floats, truth: Floats) -> Floats:
    """Return the root mean square error (T,) of a coordinate at each frame."""
    found: Floats = np.sqrt(np.square(told - truth).mean((0, 2)))
    return found


def _ways_on(
    subject: Subject, task: BallTask, context: NDArray[np.floating], guesses: Floats
) -> Iterator[None]:
    """Write sampled ways on (R, A, 2); each reads its own guesses."""
    frames = np.repeat(np.array(context[:, -1], np.float64), len(guesses), 0)
    going = GoingOn(subject.model, torch.from_numpy(np.array(context, np.float32)), len(guesses))
    rng = np.random.default_rng(0)
    for step in range(guesses.shape[1]):
        mean, spread = (each.double().numpy() for each in going.told())
        guesses[:, step] = mean + spread * rng.standard_normal(mean.shape)
        frames = np.concatenate([guesses[:, step], frames], 1)[:, : 2 * task.seen]
        going.read(torch.from_numpy(frames.astype(np.float32)))
        yield


ANSWERS: dict[type, Answer] = {FollowBall: follow_ball}
