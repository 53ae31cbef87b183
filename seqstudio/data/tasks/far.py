"""Remembering over a long gap: copying symbols, the order of two marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch, Task, check_length, equal_lengths, hash_of
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seqstudio.document.settings import DataSettings

WORD = 10
"""Symbols to keep."""
SYMBOLS = 8
BLANK, GO = 0, SYMBOLS + 1
COPY = Vocabulary(("·", *"abcdefgh", "!"))
START, STOP, X, FILLERS = 0, 1, 2, 4
MARKS = Vocabulary(("E", "B", "X", "Y", *"abcd"))
ORDERS = ("X X", "X Y", "Y X", "Y Y")
SHORTEST = 10


@dataclass(frozen=True)
class CopyMemoryTask(Task):
    """Keep ten symbols over a gap and then write them down.

    Inputs (B, gap + 20): ten symbols out of eight, blanks, the sign to go, which is the last of
    `gap` steps, and ten blanks. Targets (B, gap + 20): blank up to the sign, then the ten symbols
    in their order. Who remembers nothing can be sure of the blanks and guesses the symbols:
    10 ln 8 / (gap + 20) nats a step.

    Source: Hochreiter and Schmidhuber (1997); as here Arjovsky, Shah and Bengio (2016).
    """

    gap: int

    def __post_init__(self) -> None:
        check_length("copying memory task", self.gap, least=1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        word = rng.integers(1, SYMBOLS + 1, (rows, WORD))
        steps = self.gap + 2 * WORD
        inputs, targets = np.full((2, rows, steps), BLANK, np.int64)
        inputs[:, :WORD], inputs[:, WORD + self.gap - 1] = word, GO
        targets[:, -WORD:] = word
        return Batch(inputs, targets, equal_lengths(rows, steps))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{COPY.decode(batch.inputs[row])} → {COPY.decode(batch.targets[row, -WORD:])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "blanks, then guess", WORD * math.log(SYMBOLS) / (self.gap + 2 * WORD)


@dataclass(frozen=True)
class TemporalOrderTask(Task):
    """Tell in which order two marks came that stand far apart.

    Inputs (B, T): E, then letters out of four that tell nothing, and B at the end; two of the
    letters are X or Y, one in the second tenth and one in the sixth tenth of the sequence.
    Targets (B,): X X, X Y, Y X or Y Y.

    Source: Hochreiter and Schmidhuber (1997), experiment 6a.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("temporal order task", self.length, least=SHORTEST)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        inputs = rng.integers(FILLERS, len(MARKS), (rows, self.length))
        inputs[:, 0], inputs[:, -1] = START, STOP
        marks, every, tenth = rng.integers(0, 2, (2, rows)), np.arange(rows), self.length / 10
        for mark, place in zip(marks, (1, 5), strict=True):
            first, last = round(place * tenth), round((place + 1) * tenth)
            inputs[every, rng.integers(first, max(last, first + 1), rows)] = X + mark
        return Batch(inputs, 2 * marks[0] + marks[1], equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{MARKS.decode(batch.inputs[row])} → {ORDERS[batch.targets[row]]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "guess", math.log(len(ORDERS))


def open_copy_memory(settings: DataSettings, base: Path | None) -> Dataset:
    """Open copying over a gap."""
    task = CopyMemoryTask(settings.length)
    return Dataset(
        title=f"Copying memory over a gap of {settings.length}",
        origin="Drawn while training, after Hochreiter and Schmidhuber (1997) and Arjovsky, Shah "
        "and Bengio (2016).",
        pattern="class per step",
        input="ids",
        vocabulary=COPY,
        classes=COPY.symbols[: SYMBOLS + 1],
        unit="nats per step",
        token_name="symbol",
        chance=math.log(SYMBOLS + 1),
        content_hash=hash_of(f"copying memory {settings.length}"),
        task=task,
    )


def open_temporal_order(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the order of two marks."""
    return Dataset(
        title=f"Temporal order, {settings.length} steps",
        origin="Drawn while training, after Hochreiter and Schmidhuber (1997), experiment 6a.",
        pattern="class",
        input="ids",
        vocabulary=MARKS,
        classes=ORDERS,
        unit="nats",
        token_name="symbol",
        chance=math.log(len(ORDERS)),
        content_hash=hash_of(f"temporal order {settings.length}"),
        task=TemporalOrderTask(settings.length),
    )
