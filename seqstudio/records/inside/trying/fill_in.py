"""A sentence with masks, and what a masked model would fill in."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class FillIn:
    """Ask what stands behind the masks of the text that is looked at.

    Attributes:
        masked: Places of the tokens that are masked; those beyond the text count for nothing.
        most: Candidates told for each.
    """

    masked: tuple[int, ...] = ()
    most: int = 8


@dataclass(frozen=True)
class FilledIn:
    """The answer.

    Attributes:
        tokens: What was read, T tokens, the masked ones as they were typed.
        masked: The M places that were masked.
        names: K candidates for the first mask, then for the second, ...
        p: (M, K) their probabilities.
        given: (M,) what the model gave the token that was typed there.
        skipped: Signs of the text that the model does not know and that were left out.
        rare: Words that are read as one sign for all that are not known.
        cut: Tokens left off at the end.
    """

    tokens: tuple[str, ...]
    masked: tuple[int, ...]
    names: tuple[str, ...]
    p: Floats
    given: Floats
    skipped: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    cut: int = 0
