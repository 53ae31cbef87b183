"""Units over a text: what every unit of a layer does, and which of them follow a pattern.

Definitions: docs/diagnostics/cells.md. Shape legend: T tokens, U units in sight, K units listed.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.records.readings import Floats, Ints

PAGE = 32
"""Units whose values come with an answer beside the ones that were found."""
LISTED = 24
"""Most units in a list."""


@dataclass(frozen=True)
class CellsOf:
    """Ask what units do over a text, and which follow a pattern.

    Attributes:
        steps: Most tokens to read, at most 10,000.
        block: Id of the block, "" for the first that has units over time.
        layer: Its layer, from 0.
        state: Which numbers of it: "h", "c", a gate ...; "" for the one worth seeing first.
        page: Which units come along: those from `page * PAGE` on.
        pattern: Name of a pattern to rank the units by; "" finds the best unit of every one.
        first: First token of a brushed phrase, -1 without.
        last: Its last token.
    """

    steps: int = 2000
    block: str = ""
    layer: int = 0
    state: str = ""
    page: int = 0
    pattern: str = ""
    first: int = -1
    last: int = -1


@dataclass(frozen=True)
class UnitPlace:
    """A layer with units over time.

    Attributes:
        block: Id of its block in the graph.
        layer: Its number in the block, from 0.
        title: What a person reads.
        states: Names of the numbers that it has, the one worth seeing first in front.
    """

    block: str
    layer: int
    title: str
    states: tuple[str, ...]


@dataclass(frozen=True)
class UnitScore:
    """How well one unit follows the pattern of a ranking.

    Attributes:
        unit: Its number.
        score: Score on the search part, with its sign.
        held: Score on the check part, above 0 for the same sign; NaN when nothing could be
            checked.
    """

    unit: int
    score: float
    held: float


@dataclass(frozen=True)
class PatternScore:
    """The best unit of one pattern.

    Attributes:
        name: Name of the pattern, see `seqstudio.insight.features`.
        title: What a person reads.
        unit: The unit that follows it best on the search part.
        score: Its score there, with its sign.
        held: Its score on the check part.
        baseline: 99 % quantile of that for shuffled patterns.
        p: Share of shuffled patterns that reach it.
        linear: What all units together tell, by ridge, on the check part: R squared of a graded
            pattern, balanced accuracy of a binary one; NaN for classes.
        kind: "binary", "graded" or "class".
    """

    name: str
    title: str
    unit: int
    score: float
    held: float
    baseline: float
    p: float
    linear: float
    kind: str


@dataclass(frozen=True)
class Ranking:
    """Units by how well they follow one pattern.

    Attributes:
        title: The pattern, or the brushed phrase.
        measure: "correlation", "contrast" or "ratio".
        units: The best, at most `LISTED`, the first in front.
        baseline: See `PatternScore`; of the search part where nothing could be checked.
        p: The same.
        checked: Whether there was another part to check on.
        count: How often a brushed phrase stands in the text; 0 for a built-in pattern.
        like: Title of a built-in pattern that the brush looks like, "" for none.
    """

    title: str
    measure: str
    units: tuple[UnitScore, ...]
    baseline: float
    p: float
    checked: bool
    count: int = 0
    like: str = ""


@dataclass(frozen=True)
class Cells:
    """Units over a text.

    Attributes:
        places: Every layer that has units over time.
        place: Which of them is in view.
        state: Which of its numbers.
        total: How many units it has.
        tokens: (T,) what was read.
        rows: First token of every example, (0,) for a running text.
        units: (U,) the units whose values are here.
        values: (U, T) float32, NaN where it is not read yet.
        limit: Fixed end of the scale, -limit to limit or 0 to limit; 0 where there is no bound.
        signed: Whether the numbers have a sign.
        pattern: (T,) the pattern of a ranking, NaN where it is not defined; empty without.
        search: Tokens of the search part: it begins at 0, or ends at the end.
        search_first: Whether the search part comes first.
        best: The best unit of every pattern that can be asked of this text.
        ranking: Units by the pattern that was asked for, None without.
        read: Tokens that have been read so far.
        skipped: Characters that the model does not know and that were left out.
        cut: Tokens that were left off at the end of the text.
        window: Tokens that a unit can see at once, 0 where the state is carried on.
    """

    places: tuple[UnitPlace, ...]
    place: int
    state: str
    total: int
    tokens: tuple[str, ...]
    rows: tuple[int, ...]
    units: Ints
    values: Floats
    limit: float
    signed: bool
    pattern: Floats
    search: int
    search_first: bool
    best: tuple[PatternScore, ...]
    ranking: Ranking | None
    read: int
    skipped: tuple[str, ...]
    cut: int
    window: int = 0
