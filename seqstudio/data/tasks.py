"""Tasks whose examples are drawn while training: hello, the adding problem, recall over a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELLO = Vocabulary(("h", "e", "l", "o"))
RECALL = Vocabulary(tuple("ABCDabcdefgh?"))
CUES = 4
DISTRACTORS = 8
QUERY = CUES + DISTRACTORS
LONGEST = 10_000


@dataclass(frozen=True)
class Batch:
    """Examples to learn from.

    Attributes:
        inputs: Numbers of symbols (B, T) int64, or vectors (B, T, W) float32.
        targets: Next symbols (B, T) int64, values (B, 1) float32 or classes (B,) int64.
        lengths: True length of each row, (B,) int64.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    lengths: NDArray[np.int64]


class Task(Protocol):
    """A source of examples without end."""

    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        """Return `rows` new examples; the same generator state gives the same ones."""
        ...

    def line(self, batch: Batch, row: int) -> str:
        """Return one example in words."""
        ...


@dataclass(frozen=True)
class HelloTask(Task):
    """Four characters of "hello" and the next of each: h→e, he→l, hel→l, hell→o."""

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        ids = HELLO.encode("hello").astype(np.int64)
        inputs, targets = np.tile(ids[:-1], (rows, 1)), np.tile(ids[1:], (rows, 1))
        return Batch(inputs, targets, _lengths(rows, len(ids) - 1))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{HELLO.decode(batch.inputs[row])} → {HELLO.decode(batch.targets[row])}"


@dataclass(frozen=True)
class AddingTask(Task):
    """Add the two marked numbers of a sequence (Hochreiter and Schmidhuber, 1997).

    Inputs (B, T, 2): a number from U(0, 1) and its mark, 0 or 1; one mark lies in each half.
    Targets (B, 1): the sum of the two marked numbers. Always to answer 1, the mean, costs
    the variance of that sum: 2/12 = 1/6.
    """

    length: int

    def __post_init__(self) -> None:
        _check_length("adding problem", self.length, least=2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        half, every = self.length // 2, np.arange(rows)
        inputs = np.zeros((rows, self.length, 2), np.float32)
        inputs[:, :, 0] = rng.random((rows, self.length), np.float32)
        inputs[every, rng.integers(0, half, rows), 1] = 1
        inputs[every, rng.integers(half, self.length, rows), 1] = 1
        targets = (inputs[:, :, 0] * inputs[:, :, 1]).sum(1, keepdims=True)
        return Batch(inputs, targets, _lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        numbers = [
            f"[{value:.2f}]" if mark else f"{value:.2f}" for value, mark in batch.inputs[row]
        ]
        return f"{' '.join(numbers)} → {batch.targets[row, 0]:.2f}"


@dataclass(frozen=True)
class RecallTask(Task):
    """Name, at the query in the last place, the cue that stood in the first one.

    Inputs (B, gap + 1): one of four cues, gap - 1 distractors out of eight, the query.
    Targets (B,): which cue it was.
    """

    gap: int

    def __post_init__(self) -> None:
        _check_length("recall task", self.gap, least=1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        inputs = rng.integers(CUES, QUERY, (rows, self.gap + 1))
        inputs[:, 0] = rng.integers(0, CUES, rows)
        inputs[:, -1] = QUERY
        return Batch(inputs, inputs[:, 0].copy(), _lengths(rows, self.gap + 1))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{RECALL.decode(batch.inputs[row])} → {RECALL.symbols[batch.targets[row]]}"


def _lengths(rows: int, length: int) -> NDArray[np.int64]:
    return np.full(rows, length, np.int64)


def _check_length(task: str, length: int, least: int) -> None:
    if not least <= length <= LONGEST:
        raise DataError(
            f"The {task} cannot have length {length:,}",
            f"it must lie between {least} and {LONGEST:,}",
            "Change the length in the data settings",
        )
