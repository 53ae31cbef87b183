"""Everything that can be measured on the whole held-out part, beside what needs no learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqstudio.records.readings import Floats, Ints

SENTENCES = 1000
"""Held-out sentences that are written and compared while a person waits."""

Form = Literal["number", "share"]


@dataclass(frozen=True)
class MeasureHeldOut:
    """Ask for all measures on the held-out part.

    Attributes:
        sentences: Most sentences to write where a model writes from a source; 0 for all.
        beams: Beginnings that are kept while one is written; 1 is greedy.
    """

    sentences: int = SENTENCES
    beams: int = 1


@dataclass(frozen=True)
class Figure:
    """One measure.

    Attributes:
        name: Such as "accuracy".
        value: NaN where it is not defined.
        form: Whether it is a share from 0 to 1, told in percent.
        unit: Such as "nats per character"; "" without.
        floor: What an answer without learning reaches, NaN where none is known.
        floor_name: How that answers.
        rises: Whether more is better.
    """

    name: str
    value: float
    form: Form = "number"
    unit: str = ""
    floor: float = float("nan")
    floor_name: str = ""
    rises: bool = True

    @property
    def beats(self) -> bool | None:
        """Whether the floor is beaten; None where one of the two is not known."""
        if self.value != self.value or self.floor != self.floor:
            return None
        return self.value > self.floor if self.rises else self.value < self.floor


@dataclass(frozen=True)
class ClassTable:
    """How C classes were told.

    Attributes:
        names: (C,) of the classes.
        confusion: (C, C) answers; rows are true classes, columns told ones.
        precision: (C,) share of right ones among the answers that name a class.
        recall: (C,) share of a class that was found.
        f1: (C,) of both.
        reliability: (bins, 3): mean confidence, share of right answers, number of answers.
        examples: (E,) examples in words.
        cells: (E, 2) true and told class of each.
        example_p: (E,) probability of the class that was told.
    """

    names: tuple[str, ...]
    confusion: Ints
    precision: Floats
    recall: Floats
    f1: Floats
    reliability: Floats
    examples: tuple[str, ...]
    cells: Ints
    example_p: Floats


@dataclass(frozen=True)
class SeriesTable:
    """How values were told ahead.

    Attributes:
        levels: (L,) shares that the bands of a forecast promise to hold.
        covered: (L,) share of the values that lay inside; (0,) where no spread is told.
        mae: (D,) mean absolute error of each number of a step.
        names: (D,) of the numbers.
    """

    levels: Floats
    covered: Floats
    mae: Floats
    names: tuple[str, ...]


@dataclass(frozen=True)
class SentenceTable:
    """Sentences that were written from held-out sources, N of them.

    Attributes:
        lengths: (N,) steps of each source; 1 for pictures.
        chrf: (N,) of each sentence, 0 to 100.
        exact: (N,) 1 where it is a right one, letter by letter.
        sources: (M,) the first sources in words, M at most N.
        told: (M,) what was written for them.
        right: (M,) the first right sentence for each.
        available: Held-out sentences there are.
    """

    lengths: Ints
    chrf: Floats
    exact: Floats
    sources: tuple[str, ...]
    told: tuple[str, ...]
    right: tuple[str, ...]
    available: int


@dataclass(frozen=True)
class Measures:
    """The answer; while `share` is below 1 only the figures are there, of what is done so far.

    Attributes:
        pattern: What is predicted.
        count: Predictions measured.
        share: Share of the work that is done.
        figures: The measures, the loss first.
        chance: Loss of an answer that looks at nothing.
        classes: Where classes are told, 64 at most.
        series: Where numbers are told.
        sentences: Where sentences are written from a source.
    """

    pattern: str
    count: int
    share: float
    figures: tuple[Figure, ...]
    chance: float
    classes: ClassTable | None = None
    series: SeriesTable | None = None
    sentences: SentenceTable | None = None

    def figure(self, name: str) -> Figure | None:
        """Return a measure by its name, None where there is none."""
        return next((each for each in self.figures if each.name == name), None)
