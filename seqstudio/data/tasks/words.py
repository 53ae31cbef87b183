"""Sequence to sequence: a word is read from the source and written again, letter by letter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import (
    BEGIN,
    END,
    NOT_ASKED,
    PAD,
    SIGNS,
    Batch,
    Task,
    check_length,
    hash_of,
    inside,
)
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from seqstudio.document.settings import DataSettings

ALPHABET = "abcdefghijkl"
SOURCE = Vocabulary((SIGNS[PAD], *ALPHABET))
TARGET = Vocabulary((*SIGNS, *ALPHABET))
SHORTEST = 4


@dataclass(frozen=True)
class WordsTask(Task):
    """Write a random word again, as it is or backwards.

    Source (B, S): a word of 4 to `longest` letters. Inputs (B, S + 1): the sign to begin, then
    the letters to be written. Targets (B, S + 1): the same letters one step earlier, then the
    sign to end.

    Source: Sutskever, Vinyals and Le 2014, "Sequence to sequence learning with neural networks";
    Bahdanau, Cho and Bengio 2015 for what attention does to it.
    """

    longest: int
    backwards: bool

    def __post_init__(self) -> None:
        check_length("words", self.longest, least=SHORTEST)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        steps = self.longest
        lengths = rng.integers(SHORTEST, steps + 1, rows)
        letters = rng.integers(0, len(ALPHABET), (rows, steps))
        order = np.arange(steps)[None].repeat(rows, 0)
        if self.backwards:
            order = np.maximum(lengths[:, None] - 1 - order, 0)
        written = np.take_along_axis(letters, order, 1)
        within = inside(lengths, steps)
        inputs = np.full((rows, steps + 1), BEGIN)
        inputs[:, 1:] = np.where(within, written + len(SIGNS), PAD)
        targets = np.full((rows, steps + 1), NOT_ASKED)
        targets[:, :-1] = np.where(within, inputs[:, 1:], NOT_ASKED)
        targets[np.arange(rows), lengths] = END
        return Batch(inputs, targets, lengths + 1, np.where(within, letters + 1, PAD), lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        assert batch.source is not None
        length = batch.lengths[row] - 1
        read = SOURCE.decode(batch.source[row, :length])
        return f"{read} → {TARGET.decode(batch.targets[row, :length])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # A word is worth ln 12 nats a letter and its length the logarithm of their number; that
        # is shared out among its letters and the sign to end.
        letters = (SHORTEST + self.longest) / 2
        lengths = self.longest - SHORTEST + 1
        nats = letters * math.log(len(ALPHABET)) + math.log(lengths)
        return "without reading the source", nats / (letters + 1)


def open_copy(settings: DataSettings, base: Path | None) -> Dataset:
    """Open words that are to be copied."""
    return _opened("copy", f"Words up to {settings.length} letters", settings)


def open_reverse(settings: DataSettings, base: Path | None) -> Dataset:
    """Open words that are to be written backwards."""
    return _opened("reverse", "Words written backwards", settings)


def _opened(kind: str, title: str, settings: DataSettings) -> Dataset:
    return Dataset(
        title=title,
        origin="Drawn while training: random letters, the simplest pairs of sequences there are.",
        pattern="next token",
        input="ids",
        vocabulary=TARGET,
        unit="nats per letter",
        token_name="letter",
        chance=math.log(len(TARGET)),
        content_hash=hash_of(f"{kind} {settings.length}"),
        task=WordsTask(settings.length, backwards=kind == "reverse"),
        source="ids",
        source_vocabulary=SOURCE,
        padded=True,
        writes=(BEGIN, END),
    )
