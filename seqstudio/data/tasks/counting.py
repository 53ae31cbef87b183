"""Counting: after n times a come n times b, and then, if it is asked for, n times c."""

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
    hash_of,
    inside,
)
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

ABC = Vocabulary((SIGNS[PAD], *"abc"))
NEXT = ("b", "c", "end")
_RAISED = "ⁿ"


@dataclass(frozen=True)
class CountingTask(Task):
    """Predict what follows in aⁿbⁿ or aⁿbⁿcⁿ from the first b on.

    Inputs (B, T): n times a, n times b, and with three letters n times c; n is drawn evenly from
    what `length` has room for. Targets (B, T): the next letter, or the end, after each b and c.
    Nothing is asked after an a: nobody can know how many come. From the first b on all is certain
    for whoever has counted.

    Source: Gers and Schmidhuber (2001), "LSTM recurrent networks learn simple context-free and
    context-sensitive languages".

    Attributes:
        length: Most symbols of a string.
        letters: 2 for aⁿbⁿ, 3 for aⁿbⁿcⁿ.
        least: Fewest symbols of a string.
    """

    length: int
    letters: int = 2
    least: int = 2

    def __post_init__(self) -> None:
        check_length("counting task", self.length, least=self.letters)

    @property
    def counts(self) -> NDArray[np.int64]:
        """What n can be."""
        most = self.length // self.letters
        return np.arange(min(max(1, -(-self.least // self.letters)), most), most + 1)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        counts, letters = self.counts, self.letters
        n = rng.choice(counts, rows)[:, None]
        lengths, steps = letters * n[:, 0], letters * int(counts[-1])
        places = np.arange(steps + 1)
        which = places // n  # 0 for a, 1 for b, 2 for c; `letters` or more after the end
        inputs = np.where(which < letters, which + 1, PAD)[:, :-1]
        follows = np.minimum(which, letters)[:, 1:]
        answers = np.where(follows == letters, len(NEXT) - 1, follows - 1)
        asked = inside(lengths, steps) & (which[:, :-1] > 0)
        return Batch(inputs, asked_only(answers, asked), lengths)

    @override
    def line(self, batch: Batch, row: int) -> str:
        length = int(batch.lengths[row])
        n = length // self.letters
        shown = "".join("bc$"[answer] for answer in batch.targets[row, n:length])
        return f"{ABC.decode(batch.inputs[row, :length])} → {'.' * n}{shown}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # Of all answers after one letter as many say that its turn is over as there are strings.
        counts = self.counts
        return "the last letter alone", binary_entropy(len(counts) / float(counts.sum()))


def open_anbn(settings: DataSettings, base: Path | None) -> Dataset:
    """Open aⁿbⁿ."""
    return _counting(settings, 2)


def open_anbncn(settings: DataSettings, base: Path | None) -> Dataset:
    """Open aⁿbⁿcⁿ."""
    return _counting(settings, 3)


def _counting(settings: DataSettings, letters: int) -> Dataset:
    name = "".join(letter + _RAISED for letter in "abc"[:letters])
    task = CountingTask(settings.length, letters)
    return Dataset(
        title=f"{name}, n up to {settings.length // letters}",
        origin="Drawn while training, after Gers and Schmidhuber (2001).",
        pattern="class per step",
        input="ids",
        vocabulary=ABC,
        classes=NEXT,
        unit="nats per step",
        token_name="letter",
        chance=math.log(len(NEXT)),
        content_hash=hash_of(f"counting {letters} {settings.length}"),
        task=task,
        padded=True,
    )
