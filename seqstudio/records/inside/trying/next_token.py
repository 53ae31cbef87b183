"""What may come next after every token of a text."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats

MOST_TOKENS = 256


@dataclass(frozen=True)
class NextOf:
    """Ask what a model thinks comes next, after every token of the text that is looked at.

    Attributes:
        temperature: Divides the scores; 0 takes the likeliest.
        top_k: Only the k likeliest stay; 0 keeps all.
        top_p: Only the likeliest that together reach this probability stay.
        most: Candidates told after each token.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    most: int = 8


@dataclass(frozen=True)
class NextTokens:
    """The answer.

    Attributes:
        tokens: What was read, T of them: the end of the text.
        names: The K candidates after the first token, then after the second, ...
        p: (T, K) their probabilities, with temperature, top k and top p; 0 where one fell out.
        given: (T,) what the model gave the token that stands there, temperature 1; NaN at first.
        skipped: Signs of the text that the model does not know and that were left out.
        rare: Words that are read as one sign for all that are not known.
        cut: Tokens left off at the beginning.
    """

    tokens: tuple[str, ...]
    names: tuple[str, ...]
    p: Floats
    given: Floats
    skipped: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    cut: int = 0
