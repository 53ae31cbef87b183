"""A text written with the weights that a run had at some step."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.messages import Constraints
from seqstudio.records.readings import Sample


@dataclass(frozen=True)
class WriteOf:
    """Ask for a text; the same question to other weights shows what training has changed.

    Attributes:
        prompt: What is continued.
        length: Most tokens to write.
        temperature: See `SamplingSettings`, as the next two.
        top_k: Of the likeliest.
        top_p: Of the likeliest.
        seed: Start of the random numbers of the choice.
        constraints: For tunes.
    """

    prompt: str = ""
    length: int = 200
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    constraints: Constraints = Constraints()  # noqa: RUF009  frozen


@dataclass(frozen=True)
class Written:
    """The text, `sample.done` once it is whole."""

    sample: Sample
