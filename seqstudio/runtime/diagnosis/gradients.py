"""Gradients in time: they vanish, they explode, or the window cuts off what is left."""

from __future__ import annotations

import numpy as np

from seqstudio.records.readings import GradientReading, Horizon
from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis.case import (
    FIRST_STEPS,
    SETTLED_STEPS,
    Case,
    Finding,
    and_guess,
    held,
    percent,
    power,
    state_of,
)

SHORT_REACH = 8.0
LOST = -6.0
"""log10 of the share of a gradient that teaches nothing any more."""
GROWN = 2.0
CLIPPED, LONG = 0.95, 10.0
ONE_LOSS = frozenset({"class", "value"})
EXPLODES = (
    "Step Jacobians with factors above 1 multiply up. One such batch throws the weights far away; "
    "clipping keeps the step finite, but its direction is that of the few steps that exploded."
)
EXPLODES_SOURCE = "Pascanu et al. 2013; lecture S53"


def _need(case: Case, reading: GradientReading) -> tuple[int, str]:
    """Return how many steps back the task needs the gradient, and in words why."""
    if case.facts is not None and case.facts.pattern in ONE_LOSS:
        return reading.window - 1, f"the one loss stands at the end of {reading.window} steps"
    return reading.window - 1, f"the window has {reading.window} steps"


def _faded(case: Case, reading: GradientReading, horizon: Horizon) -> bool:
    """Tell whether too little is left of the gradient at the distance that matters."""
    steps, _ = _need(case, reading)
    lost = vitals.left_after(horizon, steps) < LOST
    if not case.project.data.cut:
        return lost and case.guessing
    return lost and vitals.reach_of(horizon) < SHORT_REACH and case.step >= SETTLED_STEPS


def vanishing(case: Case) -> Finding | None:
    """Too little of the gradient arrives where the task needs it."""
    if not held([_faded(case, *each) for each in case.horizons]):
        return None
    reading, horizon = case.horizons[-1]
    steps, why = _need(case, reading)
    left = vitals.left_after(horizon, steps)
    low = _low_bias(case)
    evidence = (
        f"At step {reading.step:,} the gradient of {state_of(horizon)} shrinks to a tenth every "
        f"{horizon.reach:.1f} steps. {why.capitalize()}: {power(left)} of it arrives there"
        f"{and_guess(case)}."
    )
    if low is not None:
        evidence = f"{case.title(horizon.block)} starts with forget bias {low:g}. {evidence}"
    common = {"evidence": evidence, "vital": "reach", "since": case.horizons[0][0].step,
              "severe": case.guessing, "block": horizon.block}  # fmt: skip
    if low is not None:
        return Finding(
            key="forget bias",
            title="The forget gates start half shut",
            why="The cell passes its gradient on times the forget gate, f a step. A bias of 0 "
            "starts f at a half, so after ten steps a thousandth is left: the LSTM vanishes like "
            "a plain RNN until it has learned to open the gates, for which it has no gradient.",
            source="Gers, Schmidhuber, Cummins 2000; Jozefowicz et al. 2015; lecture S60",
            **common,  # type: ignore[arg-type]
        )
    return Finding(
        key="vanishing",
        title="The gradient vanishes",
        why="Every step back multiplies the gradient by the Jacobian of the state. With factors "
        "below 1 nothing is left of it after many, so the weights learn from the last few steps "
        "only, whatever the window.",
        source="Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013; lecture S52, S54",
        **common,  # type: ignore[arg-type]
    )


def _low_bias(case: Case) -> float | None:
    """Return the least forget bias of an LSTM that starts below a half, None without one."""
    biases = [float(b.params["forget_bias"]) for b in case.project.graph if b.kind == "lstm"]
    return min(biases) if biases and min(biases) < 0.5 else None


def _growing(case: Case) -> Finding | None:
    """The gradient grows with the distance from the loss."""

    def grows(reading: GradientReading, horizon: Horizon) -> bool:
        return horizon.slope > 0 and vitals.left_after(horizon, _need(case, reading)[0]) > GROWN

    if not held([grows(*each) for each in case.horizons]):
        return None
    reading, horizon = case.horizons[-1]
    steps, why = _need(case, reading)
    grown = vitals.left_after(horizon, steps)
    return Finding(
        key="exploding",
        title="The gradient explodes",
        evidence=f"At step {reading.step:,} the gradient of {state_of(horizon)} grows tenfold "
        f"every {1 / horizon.slope:.1f} steps back. {why.capitalize()}: it arrives {power(grown)} "
        "times as large.",
        why=EXPLODES,
        source=EXPLODES_SOURCE,
        vital="norm",
        since=case.horizons[0][0].step,
        severe=True,
        block=horizon.block,
    )


def _long_norms(case: Case) -> Finding | None:
    """Nearly every step is clipped, and by far."""
    norms = case.norms[-vitals.RECENT :]
    clip = case.history.curves.clip[: case.rows][-vitals.RECENT :]
    if len(norms) < vitals.RECENT or not np.all(clip > 0):
        return None
    share, middle = float(np.mean(norms > clip)), float(np.median(norms / clip))
    if share < CLIPPED or middle < LONG:
        return None
    first = float(np.nanmedian(case.norms[:FIRST_STEPS]))
    if not case.guessing and float(np.median(norms)) < LONG * first:
        return None  # long from the start, and it learns: the loss is steep, no more
    last = int(case.history.curves.steps[case.rows - 1])
    return Finding(
        key="exploding",
        title="The gradient explodes",
        evidence=f"{percent(share)} of steps {last - len(norms) + 1:,} to {last:,} were clipped, "
        f"the middle one by a factor of {middle:,.0f}. The norm before clipping was {first:.3g} "
        f"in the first {FIRST_STEPS} steps and is {float(np.median(norms)):.3g} now.",
        why=EXPLODES,
        source=EXPLODES_SOURCE,
        vital="norm",
        since=last - len(norms) + 1,
        severe=case.guessing,
    )


def exploding(case: Case) -> Finding | None:
    """The gradient grows with distance, or nearly every step is clipped by far."""
    return _growing(case) or _long_norms(case)


def walled(case: Case) -> Finding | None:
    """Much of the gradient is left where the window cuts it off."""
    if not case.project.data.cut or case.step < SETTLED_STEPS:
        return None

    def cut(reading: GradientReading, horizon: Horizon) -> bool:
        end = int(horizon.distance.max(initial=0))
        far = end >= reading.window // 2 and horizon.quantity in vitals.STATES
        return far and vitals.reach_of(horizon) >= reading.window

    if not held([cut(*each) for each in case.horizons]):
        return None
    reading, horizon = case.horizons[-1]
    left = min(1.0, 10 ** (horizon.slope * reading.window))
    reach = vitals.VITALS["reach"].words(vitals.reach_of(horizon))
    return Finding(
        key="window",
        title="The window is shorter than the memory",
        evidence=f"At step {reading.step:,} the gradient of {state_of(horizon)} reaches "
        f"farther ({reach}) than the window of {reading.window} steps: {percent(left)} of it is "
        "still there where it is cut off.",
        why="Truncated backpropagation throws away what passes the wall. The state carries more "
        "than the loss may teach: longer dependencies are there and cannot be learned.",
        source="Williams and Peng 1990; lecture S50",
        vital="reach",
        since=case.horizons[0][0].step,
        block=horizon.block,
    )
