"""Remembering over a distance: hello, the adding problem, recall, the order of two words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch, Task, check_length, equal_lengths, hash_of
from seqstudio.data.vocabulary import Vocabulary, WordVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seqstudio.document.settings import DataSettings

HELLO = Vocabulary(("h", "e", "l", "o"))
RECALL = Vocabulary(tuple("ABCDabcdefgh?"))
CUES = 4
DISTRACTORS = 8
QUERY = CUES + DISTRACTORS
ORDER = WordVocabulary(("dog", "man", "the", "a", "then", "and", "old", "big", "sees", "hears"))
NOUNS = 2


@dataclass(frozen=True)
class HelloTask(Task):
    """Four characters of "hello" and the next of each: h→e, he→l, hel→l, hell→o."""

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        ids = HELLO.encode("hello").astype(np.int64)
        inputs, targets = np.tile(ids[:-1], (rows, 1)), np.tile(ids[1:], (rows, 1))
        return Batch(inputs, targets, equal_lengths(rows, len(ids) - 1))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{HELLO.decode(batch.inputs[row])} → {HELLO.decode(batch.targets[row])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # h and e tell the next character; after an l it is l or o, half and half.
        return "no memory", math.log(2) / 2


@dataclass(frozen=True)
class AddingTask(Task):
    """Add the two marked numbers of a sequence (Hochreiter and Schmidhuber, 1997).

    Inputs (B, T, 2): a number from U(0, 1) and its mark, 0 or 1; one mark lies in each half.
    Targets (B, 1): the sum of the two marked numbers. Always to answer 1, the mean, costs
    the variance of that sum: 2/12 = 1/6.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("adding problem", self.length, least=2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        half, every = self.length // 2, np.arange(rows)
        inputs = np.zeros((rows, self.length, 2), np.float32)
        inputs[:, :, 0] = rng.random((rows, self.length), np.float32)
        inputs[every, rng.integers(0, half, rows), 1] = 1
        inputs[every, rng.integers(half, self.length, rows), 1] = 1
        targets = (inputs[:, :, 0] * inputs[:, :, 1]).sum(1, keepdims=True)
        return Batch(inputs, targets, equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        numbers = [
            f"[{value:.2f}]" if mark else f"{value:.2f}" for value, mark in batch.inputs[row]
        ]
        return f"{' '.join(numbers)} → {batch.targets[row, 0]:.2f}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "always guess 1", 1 / 6


@dataclass(frozen=True)
class RecallTask(Task):
    """Name, at the query in the last place, the cue that stood in the first one.

    Inputs (B, gap + 1): one of four cues, gap - 1 distractors out of eight, the query.
    Targets (B,): which cue it was.
    """

    gap: int

    def __post_init__(self) -> None:
        check_length("recall task", self.gap, least=1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        inputs = rng.integers(CUES, QUERY, (rows, self.gap + 1))
        inputs[:, 0] = rng.integers(0, CUES, rows)
        inputs[:, -1] = QUERY
        return Batch(inputs, inputs[:, 0].copy(), equal_lengths(rows, self.gap + 1))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{RECALL.decode(batch.inputs[row])} → {RECALL.symbols[batch.targets[row]]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "guess", math.log(CUES)


@dataclass(frozen=True)
class OrderTask(Task):
    """Tell which of two words comes first.

    Inputs (B, T): "dog" and "man" once each, at two random places among words that tell nothing.
    Targets (B,): 0 where the dog comes first, 1 where the man does. Whoever loses the order, by a
    mean over time or attention without positions, can only guess: both words are always there.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("order of two words", self.length, least=2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        inputs = rng.integers(NOUNS, len(ORDER), (rows, self.length))
        every = np.arange(rows)
        one = rng.integers(0, self.length, rows)
        other = (one + rng.integers(1, self.length, rows)) % self.length
        inputs[every, one], inputs[every, other] = 0, 1
        targets = (other < one).astype(np.int64)
        return Batch(inputs, targets, equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{ORDER.decode(batch.inputs[row])} → {ORDER.symbols[batch.targets[row]]} first"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "the words without their order", math.log(2)


def open_hello(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the word hello."""
    return Dataset(
        title="hello",
        origin="The word of the first character model in the lectures.",
        pattern="next token",
        input="ids",
        vocabulary=HELLO,
        unit="nats per character",
        token_name="character",
        chance=math.log(len(HELLO)),
        content_hash=hash_of("hello"),
        task=HelloTask(),
    )


def open_adding(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the adding problem."""
    task = AddingTask(settings.length)
    return Dataset(
        title=f"Adding problem, {settings.length} steps",
        origin="Drawn while training, after Hochreiter and Schmidhuber (1997).",
        pattern="value",
        input="vectors",
        vector_width=2,
        unit="mean squared error",
        token_name="step",
        chance=1 / 6,
        content_hash=hash_of(f"adding {settings.length}"),
        task=task,
    )


def open_recall(settings: DataSettings, base: Path | None) -> Dataset:
    """Open recall over a gap."""
    task = RecallTask(settings.length)
    return Dataset(
        title=f"Recall over a gap of {settings.length}",
        origin="Drawn while training: a cue, distractors, and the question what the cue was.",
        pattern="class",
        input="ids",
        vocabulary=RECALL,
        classes=RECALL.symbols[:CUES],
        unit="nats",
        token_name="symbol",
        chance=math.log(CUES),
        content_hash=hash_of(f"recall {settings.length}"),
        task=task,
    )


def open_order(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the order of two words."""
    return Dataset(
        title=f"Order, {settings.length} words",
        origin="Drawn while training: the same two words in every row, and their order decides.",
        pattern="class",
        input="ids",
        vocabulary=ORDER,
        classes=("dog first", "man first"),
        unit="nats",
        token_name="word",
        chance=math.log(2),
        content_hash=hash_of(f"order {settings.length}"),
        task=OrderTask(settings.length),
    )
