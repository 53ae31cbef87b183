"""What is learned: nothing yet, or by heart."""

from __future__ import annotations

import math

import numpy as np

from seqstudio.runtime.diagnosis.case import (
    PATIENCE,
    Case,
    Finding,
)

GUESSING_STEPS = 1000
RISE = 1.03


def guessing(case: Case) -> Finding | None:
    """The loss is that of a guess, and nothing else says why."""
    steps = int(case.history.curves.steps[case.rows - 1]) if case.rows else 0
    if steps < GUESSING_STEPS or not case.share_of_chance > 0.97:
        return None
    if float(case.loss.min()) < 0.9 * case.chance:
        return None
    return Finding(
        key="guessing",
        title="The model still guesses",
        evidence=f"The loss is {float(case.loss[-1]):.3g} {case.unit} after {steps:,} steps; a "
        f"guess that knows nothing has {case.chance:.3g}.",
        why="Some tasks are learned after a long flat stretch, so waiting may do. Else the model "
        "does not see what it needs, or its steps are too small or too large to find it.",
        source="Hochreiter and Schmidhuber 1997; lecture S56",
        vital="loss",
        since=1,
        severe=True,
    )


def overfitting(case: Case) -> Finding | None:
    """The held-out loss rises while the training loss falls."""
    facts = case.history.facts
    if facts is None or not facts.train_tokens:  # every batch is a new one
        return None
    told = [each for each in case.history.validations if each.step <= case.step]
    known = [each for each in told if not math.isnan(each.loss)]
    if not known:
        return None
    best = min(known, key=lambda each: each.loss)
    after = [each for each in known if each.step > best.step]
    worse = [each.loss > best.loss for each in after]
    if len(after) < PATIENCE or not all(worse) or after[-1].loss < RISE * best.loss:
        return None
    place = int(np.searchsorted(case.losses[0], best.step, side="right")) - 1
    then, now = float(case.loss[max(place, 0)]), float(case.loss[-1])
    if now >= then or case.step - best.step < 0.1 * best.step:
        return None
    return Finding(
        key="overfitting",
        title="The model learns by heart",
        evidence=f"The held-out loss was lowest at step {best.step:,} ({best.loss:.3g}) and is "
        f"{after[-1].loss:.3g} at step {after[-1].step:,}, while the training loss fell from "
        f"{then:.3g} to {now:.3g}.",
        why="What the model still gains holds for the training data only.",
        source="Prechelt 1998, Early stopping; Srivastava et al. 2014",
        vital="held out",
        since=best.step,
    )
