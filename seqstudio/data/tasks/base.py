"""What a task is, and the little that all of them share.

Shape legend: B = rows, T = steps of the main stream, S = steps of the source, W = numbers a step.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from seqstudio.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

LONGEST = 10_000
"""Most steps of a drawn sequence."""

NOT_ASKED = -100
"""Target where no prediction is asked; NaN among numbers."""

PAD, BEGIN, END = 0, 1, 2
"""Numbers of the signs that fill a row up, begin a sequence to be written and end it."""

SIGNS = ("·", "^", "$")
"""The same signs to look at."""


@dataclass(frozen=True)
class Batch:
    """Examples to learn from.

    Attributes:
        inputs: Numbers of symbols (B, T) int64, vectors (B, T, W) float32, or pictures
            (B, channels, height, width) float32.
        targets: Symbols or classes of every step (B, T) int64, classes (B,) int64, values (B, 1)
            float32, or the next vectors (B, T, W) float32. `NOT_ASKED`, or NaN among numbers,
            where no prediction is asked.
        lengths: True length of each row, (B,) int64; 1 for a picture.
        source: What is read beside the inputs: numbers of symbols (B, S) int64 or pictures.
        source_lengths: True length of each row of the source, (B,) int64; None for pictures.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    lengths: NDArray[np.int64]
    source: NDArray[Any] | None = None
    source_lengths: NDArray[np.int64] | None = None


Measure = Literal[
    "accuracy", "macro F1", "MAE", "RMSE", "MASE", "BLEU", "chrF", "CIDEr", "exact match"
]
"""Measures beside the loss; shares from 0 to 1, BLEU and chrF from 0 to 100."""


class KnownFloor(NamedTuple):
    """What an answer without learning reaches in a measure on the held-out part.

    Attributes:
        measure: Which one.
        name: How it answers, such as "the last value" or "the commonest class".
        value: In the unit of the measure; errors of a forecast in the unit of the series.
    """

    measure: Measure
    name: str
    value: float


class InUnit(NamedTuple):
    """How the numbers that a model of values or forecasts sees become those of the data.

    Attributes:
        mean: (D,) what was taken off; D = values of a target.
        spread: (D,) what was divided by: value = mean + spread * number.
        unit: Of the values, such as "passengers"; "" where it is not known.
        naive: Mean absolute error of the naive answer on the training part, in that unit:
            the scale of MASE. NaN where there is none.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    unit: str
    naive: float


class Task(Protocol):
    """A source of examples without end."""

    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        """Return `rows` new examples; the same generator state gives the same ones.

        All batches have the same number of steps: shorter rows are filled up.
        """
        ...

    def line(self, batch: Batch, row: int) -> str:
        """Return one example in words."""
        ...

    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        """Return how to answer without learning, and what that costs in the unit of the loss.

        Args:
            examples: The held-out examples, drawn only when they are looked at.
        """
        ...

    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        """Return what answers without learning reach in measures other than the loss.

        The commonest class is counted wherever classes are told; only others belong here.
        """
        del examples
        return ()

    def in_unit(self) -> InUnit | None:
        """Return the unit of values and forecasts; None where they are plain numbers."""
        return None

    def right_answers(self, batch: Batch, row: int) -> tuple[str, ...]:
        """Return every right sentence for a source; () where the targets are the only one."""
        del batch, row
        return ()


@dataclass(frozen=True, eq=False)
class Listed(ABC):
    """A task whose examples are a list: sentences of a file, pictures of a folder, whole pieces.

    Training draws from the list at random; measuring goes through it once, every example of it.
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def take(self, places: NDArray[np.int64]) -> Batch:
        """Return the examples at some places (B,), filled up to the same number of steps."""

    @abstractmethod
    def line(self, batch: Batch, row: int) -> str:
        """Return one example in words."""

    @abstractmethod
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        """Return how to answer without learning, and what that costs; see `Task.floor`."""

    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        """Return what answers without learning reach otherwise; see `Task.known_floors`."""
        del examples
        return ()

    def in_unit(self) -> InUnit | None:
        """Return the unit of values and forecasts; see `Task.in_unit`."""
        return None

    def right_answers(self, batch: Batch, row: int) -> tuple[str, ...]:
        """Return every right sentence for a source; see `Task.right_answers`."""
        del batch, row
        return ()

    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        """Return examples chosen at random, none twice while the list is long enough."""
        chosen = rng.choice(len(self), rows, replace=rows > len(self))
        return self.take(chosen.astype(np.int64))

    def whole(self, rows: int) -> Iterator[Batch]:
        """Yield every example once, in the order of the list, at most `rows` at a time."""
        for start in range(0, len(self), rows):
            yield self.take(np.arange(start, min(start + rows, len(self)), dtype=np.int64))


def equal_lengths(rows: int, length: int) -> NDArray[np.int64]:
    """Return the lengths (B,) of rows that are all equally long."""
    return np.full(rows, length, np.int64)


def inside(lengths: NDArray[np.int64], steps: int) -> NDArray[np.bool_]:
    """Return (B, T): whether a step belongs to its row."""
    return np.arange(steps) < lengths[:, None]


def asked_only(targets: NDArray[np.int64], asked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the targets with `NOT_ASKED` elsewhere."""
    return np.where(asked, targets, NOT_ASKED)


def check_length(task: str, length: int, least: int) -> None:
    """Refuse a length that a task cannot have.

    Raises:
        DataError: Below `least` or above `LONGEST`.
    """
    if not least <= length <= LONGEST:
        raise DataError(
            f"The {task} cannot have length {length:,}",
            f"it must lie between {least} and {LONGEST:,}",
            "Change the length in the data settings",
        )


def hash_of(name: str, *parts: NDArray[Any]) -> str:
    """Return the SHA-256, in hex, of a name and of arrays of small whole numbers."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass"))
    for part in parts:
        # The length keeps the border between the parts in the hash.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(part, "<u2").data)
    return digest.hexdigest()


def binary_entropy(p: float) -> float:
    """Return the entropy of a coin in nats."""
    return -sum(float(q * np.log(q)) for q in (p, 1 - p) if q > 0)
