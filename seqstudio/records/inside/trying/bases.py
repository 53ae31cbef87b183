"""Bases of DNA and what a model makes of each. Shape legend: T = bases."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints

MOST_BASES = 600


@dataclass(frozen=True)
class ReadBases:
    """Ask what a model of DNA makes of a stretch: the next base, or where islands lie.

    Attributes:
        example: Which stretch of the held-out part.
        letters: The person's own bases, "" for the held-out ones.
    """

    example: int = 0
    letters: str = ""


@dataclass(frozen=True)
class BasesRead:
    """The answer.

    Attributes:
        letters: What was read, T bases.
        p: (T, 4) chance of A, C, G and T at each place before it was read, or (T, 1) chance that
            the place lies in an island. NaN where nothing is told: the first base.
        best: (T,) the same chance of the letter, or of an island, by the process itself; empty
            where the process is not known.
        islands: (T,) 1 in an island, 0 outside; empty where that is not known.
    """

    letters: str
    p: Floats
    best: Floats
    islands: Ints
