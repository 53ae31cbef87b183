"""A good learning rate, found by raising it step by step on a copy of the model.

Source:
    Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3, with an
    exponential rise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from seqstudio.engine.learner import Learner
from seqstudio.engine.live_edit import own_random_numbers
from seqstudio.records.readings import Floats, RateSweep, freeze

STEPS = 100
LOWEST, HIGHEST = 1e-6, 10.0
MEMORY = 0.9
"""Share of the running mean that a further loss leaves."""
EXPLODED = 4.0
"""The sweep ends when the running mean is this many times its lowest."""
TOLD_S = 0.1
UNSURE = 5  # first values of the running mean, which say little


def rate_sweep(learner: Learner) -> Iterator[RateSweep | None]:
    """Train a copy of the model with rising rates; the learner itself stays as it is.

    Yields:
        After every step None or, some ten times a second, what is known so far; the result last.
    """
    twin, losses, told = learner.twin(), [], time.perf_counter()
    factor = (HIGHEST / LOWEST) ** (1 / (STEPS - 1))
    rates = [LOWEST * factor**number for number in range(STEPS)]
    twin.rates = {twin.step + number + 1: rate for number, rate in enumerate(rates)}
    for number in range(STEPS):
        with own_random_numbers(twin.settings.seed + number, twin.device):
            loss = float(twin.learn(tapped=False).loss)
            twin.apply(0.0)
        losses.append(loss)
        if _exploded(losses):
            break
        now = time.perf_counter()
        due = now - told > TOLD_S
        yield judged(learner.step, rates[: len(losses)], losses, done=False) if due else None
        told = now if due else told
    yield judged(learner.step, rates[: len(losses)], losses, done=True)


def broken_off(step: int, last: RateSweep | None) -> RateSweep:
    """Return what is told of a sweep that was ended early: as far as it was known, nothing more.

    Args:
        step: Optimizer steps that the model had done.
        last: What was told last, None for nothing.
    """
    sweep = last or judged(step, [], [], done=False)
    return replace(sweep, suggestion=math.nan, done=True, broken_off=True)


def _exploded(losses: list[float]) -> bool:
    mean = smoothed(np.array(losses))
    return not math.isfinite(mean[-1]) or bool(
        len(mean) > UNSURE and mean[-1] > EXPLODED * mean[UNSURE:].min()
    )


def smoothed(losses: Floats) -> Floats:
    """Return the running mean (n,), corrected for its start as Adam corrects its moments."""
    mean, found = 0.0, []
    for number, loss in enumerate(losses, 1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        found.append(mean / (1 - MEMORY**number))
    return np.array(found)


def judged(step: int, rates: list[float], losses: list[float], *, done: bool) -> RateSweep:
    """Return a sweep with what it suggests, see `RateSweep`."""
    rate, loss = np.array(rates), np.array(losses)
    mean = smoothed(loss)
    finite = np.isfinite(mean)
    steepest = lowest = suggestion = math.nan
    if finite.sum() > 2 * UNSURE:
        known, values = rate[finite][UNSURE:], mean[finite][UNSURE:]
        bottom = int(np.argmin(values))
        slope = np.gradient(values[: max(bottom + 1, 2)], np.log(known[: max(bottom + 1, 2)]))
        steepest, lowest = float(known[int(np.argmin(slope))]), float(known[bottom])
        if done:
            suggestion = float(f"{min(steepest, lowest / 10):.1e}")
    series = (freeze(rate), freeze(loss), freeze(mean))
    return RateSweep(step, *series, steepest, lowest, suggestion, done)
