"""A sound goes on sample by sample. Shape legend: P samples before, M after, V levels."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.data.tasks.audio import Loudnesses, expanded
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.reading import read, streams
from seqstudio.engine.inside.subject import Answer, Subject
from seqstudio.engine.model import APART, State
from seqstudio.records.inside.trying.sound import (
    BEFORE_S,
    LONGEST_S,
    ContinueSound,
    SoundContinued,
)
from seqstudio.records.readings import freeze

_PAUSE = 32  # samples between two chances for the training to go on
_TELL_S = 0.5
_WINDOWED_S = 0.05  # a model that reads its window again for every sample goes on for less
_Reader = Generator[Tensor, int, None]


def continue_sound(subject: Subject, question: ContinueSound) -> Iterator[SoundContinued | None]:
    """Answer `ContinueSound`; what is there is told twice a second.

    Raises:
        RunError: The model does not read samples.
    """
    vocabulary = subject.dataset.vocabulary
    if not isinstance(vocabulary, Loudnesses):
        raise RunError(
            "This model does not read sound",
            f"it learns from {subject.dataset.title}",
            "Open a project such as Sound, sample by sample",
        )
    rate, held = vocabulary.rate, subject.dataset.valid.astype(np.int64)
    most = LONGEST_S if streams(subject.model) else _WINDOWED_S
    count = max(1, round(min(question.seconds, most) * rate))
    least = min(len(held) - 1, round(BEFORE_S * rate))
    at = max(least, round(min(max(question.place, 0.0), 1.0) * (len(held) - 1)))
    before, truth = held[at - least : at], held[at : at + count]
    told, surprise = np.zeros(count, np.int64), np.zeros(count)
    shown = time.monotonic()
    done = 0
    for done in _samples(subject, before, question, told, surprise):
        if time.monotonic() - shown > _TELL_S:
            shown = time.monotonic()
            yield _so_far(rate, before, truth, told, surprise, done)
        else:
            yield None
    yield _so_far(rate, before, truth, told, surprise, done)


def _so_far(
    rate: int, before: NDArray[np.int64], truth: NDArray[np.int64], told: NDArray[np.int64],
    surprise: NDArray[np.float64], done: int,
) -> SoundContinued:  # fmt: skip
    read, rest, own = (freeze(_heard(part)) for part in (before, truth, told[:done]))
    return SoundContinued(rate, read, rest, own, len(told), freeze(surprise[:done]))


def _heard(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    return expanded(levels).astype(np.float64)


def _samples(
    subject: Subject, before: NDArray[np.int64], question: ContinueSound,
    told: NDArray[np.int64], surprise: NDArray[np.float64],
) -> Iterator[int]:  # fmt: skip
    """Write samples and the surprise about them; yields how many there are."""
    rng = np.random.default_rng(question.seed)
    reader = _reader(subject, torch.from_numpy(before)[None])
    logits = next(reader)
    for at in range(len(told)):
        told[at], surprise[at] = _drawn(logits, question.temperature, rng)
        if at + 1 < len(told):
            logits = reader.send(int(told[at]))
        if at % _PAUSE == _PAUSE - 1:
            yield at + 1
    yield len(told)


def _drawn(logits: Tensor, temperature: float, rng: np.random.Generator) -> tuple[int, float]:
    """Return a level and its surprise in nats under the model itself."""
    log_p = logits.double().log_softmax(-1).numpy()
    if temperature <= 0:
        level = int(log_p.argmax())
    else:
        p = np.exp((log_p - log_p.max()) / temperature)
        level = min(int(np.searchsorted(np.cumsum(p / p.sum()), rng.random())), len(p) - 1)
    return level, -float(log_p[level])


def _reader(subject: Subject, before: Tensor) -> _Reader:
    """Read what was before, then one level at a time; yields the logits (V,) of the next."""
    model = subject.model
    if not streams(model):
        seen = before[:, -max(2, model.facts.window) :]
        while True:
            outputs, _ = model(Inputs(seen))
            level = yield outputs[0, -1]
            seen = torch.cat([seen[:, 1:], torch.tensor([[level]])], 1)
    state: State = {}
    outputs = before
    for piece in read(model, Inputs(before), whole=False):
        outputs, state = piece.outputs, piece.state
    state.pop(APART, None)
    while True:
        level = yield outputs[0, -1]
        outputs, state = model(Inputs(torch.tensor([[level]])), state)


ANSWERS: dict[type, Answer] = {ContinueSound: continue_sound}
