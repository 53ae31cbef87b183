"""What is wrong with a run, in words: named pathologies, each with its evidence and what helps.

`diagnose` reads what a run recorded up to a training step, and the project that it trained. It
computes nothing anew and knows neither torch nor Qt. A rule speaks only when its evidence held for
`PATIENCE` readings in a row: a model that has just begun is not ill. Thresholds and their
reasons: docs/diagnostics/health.md.
"""

from __future__ import annotations

from dataclasses import replace

from seqstudio.blocks import treating
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.project import Project
from seqstudio.runtime.diagnosis import gradients, learning, steps, units
from seqstudio.runtime.diagnosis.case import FIRST_STEPS, Case, Finding, Rule
from seqstudio.runtime.diagnosis.remedies import REMEDIES
from seqstudio.runtime.history import RunHistory

__all__ = ["RULES", "Finding", "diagnose"]

CAUSES = {"saturated": frozenset({"rate"}), "vanishing": frozenset({"rate"})}
"""What is not told by itself where one of its causes is."""
RULES: tuple[Rule, ...] = (
    gradients.vanishing,
    gradients.exploding,
    steps.fast,
    steps.small_updates,
    units.dead,
    units.saturated,
    gradients.walled,
    learning.overfitting,
)


def diagnose(
    history: RunHistory,
    project: Project,
    facts: DataFacts | None,
    step: int | None = None,
    treated: Project | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with a run, the worst first; nothing where nothing is.

    Args:
        history: What the run recorded.
        project: What it trains.
        facts: Facts of its data: treatments that would not fit them are left out.
        step: Judge the run as it was then; None for the newest step.
        treated: What the treatments change, None for `project`: it may have been edited since.
    """
    case = Case(history, project, facts, history.step if step is None else step)
    not_finite = steps.broken(case)
    found = [not_finite] if not_finite is not None else []
    if case.step >= FIRST_STEPS and case.rows:
        found += [finding for rule in RULES if (finding := rule(case)) is not None]
    if not found:
        late = learning.guessing(case)
        found = [late] if late is not None else []
    keys = {finding.key for finding in found}
    found = [each for each in found if not keys & CAUSES.get(each.key, frozenset())]
    return tuple(
        sorted(
            (_with_treatments(case, each, treated or project) for each in found),
            key=lambda f: not f.severe,
        )
    )


def _with_treatments(case: Case, finding: Finding, project: Project) -> Finding:
    makes = REMEDIES[finding.key]
    return replace(finding, treatments=treating.fitting(project, makes, case.facts))
