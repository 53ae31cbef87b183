"""A class at every step: running parity, open brackets, tags that hang on what comes later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import (
    PAD,
    SIGNS,
    Batch,
    Task,
    asked_only,
    binary_entropy,
    check_length,
    equal_lengths,
    hash_of,
    inside,
)
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

BITS = Vocabulary(("0", "1"))
BRACKETS = Vocabulary((SIGNS[PAD], *"([{", *")]}"))
KINDS = 3
OPEN_NOW = ("none", "round", "square", "curly")
DEEPEST = 6
"""Most brackets open at once."""
LETTERS = Vocabulary((SIGNS[PAD], *"+-", *"abcdefgh"))
PLUS, MINUS, FIRST_LETTER = 1, 2, 3
TAGS = ("+ +", "+ -", "- +", "- -")
"""The mark before a word, and the one that ends it."""
MARKED = 0.25
"""Share of the symbols that are marks, the last one of each row left out."""
LEAST = 4


@dataclass(frozen=True)
class ParityTask(Task):
    """Say at every step whether an odd number of ones has been read.

    Inputs (B, T): random bits. Targets (B, T): the sum of the bits so far, modulo 2. The smallest
    state machine there is, but every single bit counts at every later step.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("running parity", self.length, least=1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        inputs = rng.integers(0, 2, (rows, self.length))
        return Batch(inputs, inputs.cumsum(1) % 2, equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{BITS.decode(batch.inputs[row])} → {BITS.decode(batch.targets[row])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # The parity is the bit itself at the first step and a fair coin at all others.
        return "the last bit alone", binary_entropy(0.5 + 0.5 / self.length)


@dataclass(frozen=True)
class BracketsTask(Task):
    """Say at every step which kind of bracket is open and has to be closed next.

    Inputs (B, T): well-formed strings of three kinds of brackets, nested `DEEPEST` deep at most,
    of random even length. Targets (B, T): the kind of the innermost open bracket after the
    symbol, or none. It takes a stack: a counter of depth is not enough.

    Source: Hewitt et al. 2020, "RNNs can generate bounded hierarchical languages with optimal
    memory" (the languages Dyck-(k, m)).

    Attributes:
        length: Most symbols of a string.
        least: Fewest symbols of a string.
    """

    length: int
    least: int = LEAST

    def __post_init__(self) -> None:
        check_length("strings of brackets", self.length, least=LEAST)

    @property
    def halves(self) -> NDArray[np.int64]:
        """Numbers of pairs that a string can have."""
        return np.arange(self.least // 2, self.length // 2 + 1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        steps = self.length - self.length % 2
        lengths = 2 * rng.choice(self.halves, rows)
        opens, kinds = rng.random((rows, steps)) < 0.5, rng.integers(1, KINDS + 1, (rows, steps))
        every, depth = np.arange(rows), np.zeros(rows, np.int64)
        stack = np.zeros((rows, DEEPEST + 1), np.int64)
        inputs, targets = np.zeros((2, rows, steps), np.int64)
        for t in range(steps):
            left = lengths - t
            opening = (opens[:, t] | (depth == 0)) & (depth < left) & (depth < DEEPEST)
            closed = stack[every, depth]
            depth = np.where(opening, depth + 1, np.maximum(depth - 1, 0))
            stack[every[opening], depth[opening]] = kinds[opening, t]
            inputs[:, t] = np.where(opening, kinds[:, t], closed + KINDS)
            targets[:, t] = stack[every, depth]
        within = inside(lengths, steps)
        return Batch(np.where(within, inputs, PAD), asked_only(targets, within), lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        length = batch.lengths[row]
        shown = "".join(".([{"[kind] for kind in batch.targets[row, :length])
        return f"{BRACKETS.decode(batch.inputs[row, :length])} → {shown}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # An opening bracket is itself the answer. After a closing one nothing is open with the
        # share of the returns to depth 0; else it is one of three kinds, all alike.
        returns, pairs = sum(map(_returns, self.halves)), int(self.halves.sum())
        empty = returns / pairs
        loss = binary_entropy(empty) + (1 - empty) * math.log(KINDS)
        return "the last bracket alone", loss / 2


def _returns(pairs: int) -> float:
    """Return how often a string is expected to have nothing open after a closing bracket."""
    chance = np.zeros(DEEPEST + 2)
    chance[0], total = 1.0, 0.0
    for left in range(2 * pairs, 0, -1):
        depth = np.arange(DEEPEST + 2)
        up = np.where(depth == 0, 1.0, np.where((depth >= left) | (depth >= DEEPEST), 0.0, 0.5))
        rise, fall = chance * up, chance * (1 - up)
        total += fall[1]
        chance = np.roll(rise, 1) + np.roll(fall, -1)
    return float(total)


@dataclass(frozen=True)
class TaggingTask(Task):
    """Tag every symbol by marks that stand before and after it.

    Inputs (B, T): words of random letters, each ended by a mark, + or -; rows of random length.
    Targets (B, T): which mark ended the word before the symbol's own ("+" before the first), and
    which one ends its own: four tags. The past tells the one, but leaves the other an even bet
    for every letter, so a model that reads forward only cannot get below the floor; one that
    reads both ways can be perfect. As in language, where the end of a sentence settles what its
    words meant.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("tagging task", self.length, least=LEAST)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        lengths = rng.integers(LEAST, self.length + 1, rows)
        shape = (rows, self.length)
        marks = rng.random(shape) < MARKED
        marks[np.arange(rows), lengths - 1] = True
        signs = rng.integers(PLUS, MINUS + 1, shape)
        inputs = np.where(marks, signs, rng.integers(FIRST_LETTER, len(LETTERS), shape))
        own, before = _next_mark(inputs, marks), _mark_before(inputs, marks)
        within = inside(lengths, self.length)
        targets = asked_only(2 * (before - PLUS) + own - PLUS, within)
        return Batch(np.where(within, inputs, PAD), targets, lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        length = batch.lengths[row]
        shown = " ".join(TAGS[tag].replace(" ", "") for tag in batch.targets[row, :length])
        return f"{LETTERS.decode(batch.inputs[row, :length])} → {shown}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # All but the last symbol are letters with the same chance; a mark is known when read.
        lengths = np.arange(LEAST, self.length + 1)
        letters = (1 - MARKED) * float((lengths - 1).sum()) / float(lengths.sum())
        return "the best that reading forward allows", letters * math.log(2)


def _next_mark(inputs: NDArray[np.int64], marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the mark at or after each step (B, T); anything where none follows."""
    steps = inputs.shape[1]
    places = np.where(marks, np.arange(steps), steps - 1)
    following = np.minimum.accumulate(places[:, ::-1], 1)[:, ::-1]
    return np.take_along_axis(inputs, following, 1)


def _mark_before(inputs: NDArray[np.int64], marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the mark that ended the word before the one of each step (B, T), + without one."""
    places = np.where(marks, np.arange(inputs.shape[1]), -1)
    last = np.maximum.accumulate(places, 1)
    last = np.concatenate([np.full((len(inputs), 1), -1), last[:, :-1]], 1)
    found = np.take_along_axis(inputs, np.maximum(last, 0), 1)
    return np.where(last < 0, PLUS, found)


def open_parity(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the running parity of bits."""
    return Dataset(
        title=f"Parity of {settings.length} bits",
        origin="Drawn while training: random bits, and whether the ones so far are odd in number.",
        pattern="class per step",
        input="ids",
        vocabulary=BITS,
        classes=("even", "odd"),
        unit="nats per step",
        token_name="bit",
        chance=math.log(2),
        content_hash=hash_of(f"parity {settings.length}"),
        task=ParityTask(settings.length),
    )


def open_brackets(settings: DataSettings, base: Path | None) -> Dataset:
    """Open strings of brackets."""
    return Dataset(
        title=f"Brackets, up to {settings.length - settings.length % 2} steps",
        origin="Drawn while training: well-formed brackets of three kinds, after Hewitt et al. "
        "(2020).",
        pattern="class per step",
        input="ids",
        vocabulary=BRACKETS,
        classes=OPEN_NOW,
        unit="nats per step",
        token_name="bracket",
        chance=math.log(len(OPEN_NOW)),
        content_hash=hash_of(f"brackets {settings.length}"),
        task=BracketsTask(settings.length),
        padded=True,
    )


def open_tagging(settings: DataSettings, base: Path | None) -> Dataset:
    """Open words that are tagged by the marks around them."""
    return Dataset(
        title=f"Tags, up to {settings.length} steps",
        origin="Drawn while training: words that end in a mark, tagged by that mark and the one "
        "before.",
        pattern="class per step",
        input="ids",
        vocabulary=LETTERS,
        classes=TAGS,
        unit="nats per step",
        token_name="symbol",
        chance=math.log(len(TAGS)),
        content_hash=hash_of(f"tagging marks {settings.length}"),
        task=TaggingTask(settings.length),
        padded=True,
    )
