"""A text with a tag for every token: read on both sides, and as far as the token alone."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

MOST_TOKENS = 200


@dataclass(frozen=True)
class TagText:
    """Ask which tag a model gives every token of the text that is looked at."""


@dataclass(frozen=True)
class TextTagged:
    """The answer.

    Attributes:
        tokens: What was read, T of them.
        classes: Names of the C tags.
        p: (T, C) probabilities, with the whole text read.
        so_far: (T, C) the same where the text ends with the token: nothing after it is known.
        skipped: Signs of the text that the model does not know and that were left out.
        rare: Words that are read as one sign for all that are not known.
        cut: Tokens left off at the end.
    """

    tokens: tuple[str, ...]
    classes: tuple[str, ...]
    p: Floats
    so_far: Floats
    skipped: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    cut: int = 0
