"""Symbols typed by hand: what a model of little languages answers after each of them."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints

MOST_SYMBOLS = 400


@dataclass(frozen=True)
class ReadSymbols:
    """Ask what a model answers after every symbol of the text that is looked at."""


@dataclass(frozen=True)
class SymbolsRead:
    """The answer; T symbols, C classes.

    Attributes:
        tokens: What was read.
        classes: Names of the classes.
        p: (T, C) probabilities after every symbol.
        right: (T,) the right class, -100 where nothing is asked.
        memory: (T,) what a program that answers all of it keeps, such as the open brackets.
        noun: What that number is.
        unit: Name of the unit that follows it best, "" where the model has none.
        state: (T,) what that unit does; () without one.
        likeness: Correlation of the two, NaN without one.
        problem: Why the text is none of the language, "" where it is.
        skipped: Characters that the model does not know.
        cut: Symbols left off at the end.
    """

    tokens: tuple[str, ...]
    classes: tuple[str, ...]
    p: Floats
    right: Ints
    memory: Ints
    noun: str
    unit: str
    state: Floats
    likeness: float
    problem: str = ""
    skipped: tuple[str, ...] = ()
    cut: int = 0
