"""A short text with every number on its way: input, hidden values, scores, as on a slide."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints

MOST_COLUMNS = 8
MOST_SYMBOLS = 12
MOST_HIDDEN = 16


@dataclass(frozen=True)
class ColumnsOf:
    """Ask for the numbers of the first steps of an example, or of the text that is looked at.

    Attributes:
        columns: Steps at most.
    """

    columns: int = 4


@dataclass(frozen=True)
class Columns:
    """The answer.

    Attributes:
        symbols: The V symbols.
        ids: (T,) what is read.
        targets: (T,) what has to come next.
        hidden: (T, H) what the head reads; at most the first 16 numbers.
        width: How many numbers the head reads.
        scores: (T, V) logits.
        loss: (T,) -log p of the target, in nats.
        title: What gives the hidden numbers, in words.
    """

    symbols: tuple[str, ...]
    ids: Ints
    targets: Ints
    hidden: Floats
    width: int
    scores: Floats
    loss: Floats
    title: str = ""
