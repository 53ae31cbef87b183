"""The size of the steps: too small, too large, not finite any more."""

from __future__ import annotations

import numpy as np

from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis.case import (
    Case,
    Finding,
    and_guess,
    held,
    percent,
    small,
)
from seqstudio.runtime.diagnosis.gradients import EXPLODES_SOURCE

SMALL_UPDATE, LARGE_UPDATE = 5e-5, 0.1
WIDE = 100
"""Steps behind a running median that a single batch does not move."""
LOST_AGAIN, LOST_SATURATED = 0.25, 0.12
"""Share of what the loss had gained that is lost again; less will do where units are stuck."""
HALF_SATURATED = 0.8
LEAST_GAIN = 0.15
FULL_RATE = 0.3
"""Share of the largest learning rate so far from which on an update ratio is judged."""


def _ratios(case: Case) -> list[float]:
    """Return the newest update ratios, if the learning rate is at its height."""
    rates = case.history.curves.rate[: case.rows]
    if not case.rows or not case.health:
        return []
    high = FULL_RATE * float(rates.max())
    return [vitals.matrix_ratio(each) for each in case.health if each.rate >= high]


def small_updates(case: Case) -> Finding | None:
    """The weights hardly move."""
    ratios = _ratios(case)
    if not case.guessing or not held([ratio < SMALL_UPDATE for ratio in ratios]):
        return None
    return Finding(
        key="small updates",
        title="The weights hardly move",
        evidence=f"A step changes a matrix by {small(ratios[-1])} of its size at step "
        f"{case.health[-1].step:,}, with learning rate {small(case.health[-1].rate)}; about 1e−3 "
        f"is usual{and_guess(case)}.",
        why="It takes a hundred thousand such steps to change a weight by its own size.",
        source="Karpathy, CS231n notes: ratio of weights and updates",
        vital="ratio",
        since=case.health[0].step,
        severe=True,
    )


def fast(case: Case) -> Finding | None:
    """The steps are too large: the loss jumps up, or stays up while weights are thrown about."""
    told = _blown_up(case) or _worse_than_before(case) or _thrown_about(case)
    if not told:
        return None
    evidence, since = told
    return Finding(
        key="rate",
        title="The learning rate is too high",
        evidence=evidence,
        why="A step that is longer than the loss surface is straight goes up on the other side. "
        "The loss jumps or stays where it is, however long the training.",
        source="LeCun et al. 1998, Efficient BackProp; Smith 2017",
        vital="loss",
        since=since,
        severe=True,
    )


def _blown_up(case: Case) -> tuple[str, int] | None:
    told = [each for each in case.history.failures if each.what == "The loss is exploding"]
    if not told or float(case.loss[-1]) < 1.5 * float(case.loss.min()):
        return None
    return f"The loss is exploding: {told[-1].why}.", 0


def _worse_than_before(case: Case) -> tuple[str, int] | None:
    """The loss has been far below where it is, or below it with all units saturated."""
    curves = case.history.curves
    steps, loss = vitals.medians(curves.steps[: case.rows], curves.loss[: case.rows], WIDE)
    lowest, now, gained = float(loss.min()), float(loss[-1]), float(loss[0] - loss.min())
    at = int(steps[int(np.argmin(loss))])
    if gained <= LEAST_GAIN * abs(float(loss[0])) or case.step - at < 2 * WIDE:
        return None
    if lowest > 0.9 * case.chance:  # a flat stretch that goes up and down
        return None
    flat = [vitals.worst_share("saturated")(each) for each in case.health]
    stuck = held([share > HALF_SATURATED for share in flat])
    if now - lowest < (LOST_SATURATED if stuck else LOST_AGAIN) * gained:
        return None
    saturated = f", and {percent(flat[-1])} of the tanh values are saturated" if stuck else ""
    rate = small(float(case.history.curves.rate[case.rows - 1]))
    return (f"The training loss was {lowest:.3g} around step {at:,} and is {now:.3g} at step "
            f"{case.step:,}{saturated}; the learning rate is {rate}."), at  # fmt: skip


def _thrown_about(case: Case) -> tuple[str, int] | None:
    ratios = _ratios(case)
    if not held([ratio > LARGE_UPDATE for ratio in ratios]):
        return None
    recent = case.history.curves.loss[: case.rows][-vitals.RECENT :]
    spread = float(np.subtract(*np.nanpercentile(recent, [90, 10])))
    return (f"A step changes a matrix by {percent(ratios[-1])} of its size at step "
            f"{case.health[-1].step:,}; about 0.1 % is usual. The loss of the last "
            f"{len(recent):,} steps swings by {spread:.2g} (10 to 90 %) around "
            f"{float(case.loss[-1]):.3g}.",
            case.health[0].step)  # fmt: skip


def broken(case: Case) -> Finding | None:
    """Numbers that are not finite."""
    failed = [each for each in case.history.failures if "not finite" in each.what]
    named = next((each.broken for each in reversed(case.health) if each.broken), "")
    if not failed and not named:
        return None
    evidence = f"{failed[-1].what}: {failed[-1].why}." if failed else f"{named} is not finite."
    return Finding(
        key="exploding",
        title="Numbers are not finite any more",
        evidence=evidence,
        why="A number grew beyond what the format holds. Everything that it touches becomes NaN.",
        source=EXPLODES_SOURCE,
        vital="norm",
        since=case.step,
        severe=True,
    )
