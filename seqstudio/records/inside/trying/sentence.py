"""A sentence read word by word: what a classifier thinks after each."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

MOST_TOKENS = 400


@dataclass(frozen=True)
class ReadSentence:
    """Ask what a model of labels thinks of the text that is looked at, token by token."""


@dataclass(frozen=True)
class SentenceRead:
    """The answer.

    Attributes:
        tokens: What was read, T of them.
        classes: Names of the C classes.
        p: (T, C) probabilities after the first token, the first two, ..., all of them.
        skipped: Tokens of the text that the model does not know.
        cut: Tokens left off at the end: the model reads no more.
    """

    tokens: tuple[str, ...]
    classes: tuple[str, ...]
    p: Floats
    skipped: tuple[str, ...] = ()
    cut: int = 0
