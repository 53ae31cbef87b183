"""A sentence written from a source: greedily and by beam search, with its alignment.

Shape legend: S source tokens, T written tokens with the sign to end, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.inside.attention import Weights
from seqstudio.records.inside.predictions import BeamTree

MOST_TOKENS = 200
"""Longest source that is read, and longest sentence that is written."""


@dataclass(frozen=True)
class Translate:
    """Ask what a model writes for the text that is looked at.

    Attributes:
        width: Beams.
        right: Sentences that would be right, () where nobody knows.
    """

    width: int = 4
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aligned:
    """Where one place of attention looked in the source.

    Attributes:
        name: Of the place.
        weights: (H, T, S), each row sums to 1.
    """

    name: str
    weights: Weights


@dataclass(frozen=True)
class WrittenFor:
    """One sentence that was written.

    Attributes:
        text: Without the sign to end.
        tokens: (T,) with it, if it was written.
        log_p: Natural logarithm of its probability.
        score: What the beams are compared by.
        chrf: Against the right sentences, 0 to 100; NaN without any.
        exact: Whether it is one of them.
        aligned: Every place that looks at the source; () for a fixed vector.
    """

    text: str
    tokens: tuple[str, ...]
    log_p: float
    score: float
    chrf: float
    exact: bool
    aligned: tuple[Aligned, ...]


@dataclass(frozen=True)
class Translated:
    """The answer.

    Attributes:
        source: (S,) tokens as the model reads them.
        greedy: Always the likeliest token next.
        beam: The best of a beam search.
        tree: All that the search kept.
        width: Its beams.
        skipped: What the model does not know of the source.
        cut: Tokens left off at the end.
    """

    source: tuple[str, ...]
    greedy: WrittenFor
    beam: WrittenFor
    tree: BeamTree
    width: int
    skipped: tuple[str, ...] = ()
    cut: int = 0
