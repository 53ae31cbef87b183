"""Numbers and marks set by hand: the sum that a model answers."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints


@dataclass(frozen=True)
class AddNumbers:
    """Ask for the sum of the two marked numbers.

    Attributes:
        values: The numbers, from 0 to 1, T of them.
        marks: Steps of the two marks.
    """

    values: tuple[float, ...]
    marks: tuple[int, ...]


@dataclass(frozen=True)
class Added:
    """The answer.

    Attributes:
        right: Sum of the marked numbers.
        answer: What the model answers.
        steps: (K,) numbers of steps after which it was asked as if the sequence ended there.
        running: (K,) what it answers then.
    """

    right: float
    answer: float
    steps: Ints
    running: Floats
