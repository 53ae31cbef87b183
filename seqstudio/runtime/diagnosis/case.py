"""What the rules see of a run, what they answer, and how they put numbers into words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from seqstudio.blocks.check import title_of
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.treating import Treatment
from seqstudio.document.project import Project
from seqstudio.records.health import HealthReading
from seqstudio.records.readings import Floats, GradientReading, Horizon, Ints
from seqstudio.runtime import vitals
from seqstudio.runtime.history import RunHistory

PATIENCE = 3
"""Readings in a row that have to say the same."""
FIRST_STEPS = 40
"""No rule speaks before this step."""
SETTLED_STEPS = 300
"""Steps after which a model of text has to have opened its memory."""
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
LEARNED, KNOWN = 0.5, 0.25
"""Share of the loss of a guess below which a task counts as learned, and a text as known."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        key: Its name: "vanishing".
        title: In words.
        evidence: What was measured, with numbers and steps.
        why: What it means.
        source: Lecture or paper.
        vital: Number that shows whether it got better, a key of `vitals.VITALS`.
        since: Step of the oldest reading behind the evidence.
        severe: It keeps the model from learning.
        treatments: What helps, the likeliest first.
        block: Id of the block concerned, "" for the whole model.
    """

    key: str
    title: str
    evidence: str
    why: str
    source: str
    vital: str
    since: int
    severe: bool = False
    treatments: tuple[Treatment, ...] = ()
    block: str = ""


@dataclass
class Case:
    """A run up to a training step, as the rules see it."""

    history: RunHistory
    project: Project
    facts: DataFacts | None
    step: int

    @cached_property
    def rows(self) -> int:
        return vitals.rows_up_to(self.history, self.step)

    @cached_property
    def losses(self) -> tuple[Ints, Floats]:
        """Steps and running medians of the training loss."""
        curves = self.history.curves
        return vitals.medians(curves.steps[: self.rows], curves.loss[: self.rows])

    @property
    def loss(self) -> Floats:
        return self.losses[1]

    @cached_property
    def norms(self) -> Floats:
        return self.history.curves.grad_norm[: self.rows]

    @cached_property
    def health(self) -> list[HealthReading]:
        return vitals.up_to(self.history.health, self.step, PATIENCE)

    @cached_property
    def horizons(self) -> list[tuple[GradientReading, Horizon]]:
        """The newest readings of the probe text, with the curve of the state."""
        found = []
        for reading in vitals.up_to(self.history.horizons, self.step, PATIENCE):
            horizon = vitals.memory_horizon(reading)
            if horizon is not None:
                found.append((reading, horizon))
        return found

    @cached_property
    def chance(self) -> float:
        facts = self.history.facts
        return facts.chance if facts is not None and facts.chance > 0 else math.nan

    @property
    def unit(self) -> str:
        return self.history.facts.unit if self.history.facts else ""

    @property
    def share_of_chance(self) -> float:
        """The loss now as a share of that of a guess; NaN where either is unknown."""
        return float(self.loss[-1]) / self.chance if self.rows else math.nan

    @property
    def guessing(self) -> bool:
        """Whether the loss is nearer to that of a guess than to nothing."""
        return self.share_of_chance > LEARNED

    @property
    def learned(self) -> bool:
        """Whether a task is on the way to be solved, or a text nearly known by heart."""
        return self.share_of_chance < (KNOWN if self.project.data.cut else LEARNED)

    def title(self, block: str) -> str:
        found = self.project.graph.blocks.get(block)
        return title_of(found) if found is not None else block


Rule = Callable[[Case], Finding | None]


def held(answers: list[bool]) -> bool:
    """Tell whether enough readings were there, and all of them said yes."""
    return len(answers) >= PATIENCE and all(answers)


def percent(share: float) -> str:
    """Return a share in words: "62 %"."""
    return f"{100 * share:.0f} %"


def small(value: float) -> str:
    """Return a small number in words: "1.2e−05"."""
    return f"{value:.1e}".replace("-", "−")


def power(log10: float) -> str:
    """Return a number by its logarithm: "10⁻¹³"."""
    return "10" + str(round(log10)).translate(_RAISED)


def state_of(horizon: Horizon) -> str:
    """Return whose gradient a horizon is of."""
    return {"dl/dc": "the cell c", "dl/dh": "the state h"}.get(horizon.quantity, "the input")


def and_guess(case: Case) -> str:
    """Return that the loss is that of a guess, "" where it is not."""
    if not case.share_of_chance > 0.9:
        return ""
    return f", and the loss is {float(case.loss[-1]):.3g}, that of a guess ({case.chance:.3g})"
