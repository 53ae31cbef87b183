"""Single numbers of a run that tell how it is: how far the gradient reaches, how much is clipped.

Each is read from a history up to a training step, as a series over the steps. They are what
findings rest on, what the health panel draws, and what is compared before and after a change.
Definitions: docs/diagnostics/health.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from seqstudio.records.health import HealthReading, UnitHealth
from seqstudio.records.readings import (
    AttentionReading,
    Floats,
    GradientReading,
    Horizon,
    Ints,
)
from seqstudio.runtime.history import Readings, RunHistory

RECENT = 200
"""Steps behind a share or a median of the newest steps."""
SMOOTH = 25
MOST = 1000
"""Points of a smoothed series."""
STATES = ("dl/dh", "dl/dc")
R = TypeVar("R", GradientReading, AttentionReading, HealthReading)


def up_to(readings: Readings[R], step: int, most: int = 0) -> list[R]:
    """Return the readings at or before a step, oldest first; with `most` the newest of them."""
    steps = [int(each) for each in readings.steps() if each <= step]
    found = [readings.at(each) for each in (steps[-most:] if most else steps)]
    return [reading for reading in found if reading is not None]


# ------------------------------------------------------------------------------------ the gradient


def memory_horizon(reading: GradientReading) -> Horizon | None:
    """Return the curve of the state that the gradient reaches farthest through, None without one.

    The cell c of an LSTM keeps what h loses, so it counts where it reaches farther.
    """
    states = [each for each in reading.horizons if each.quantity in STATES]
    drawn = [each for each in reading.horizons if each.arch == "custom1"]
    known = [each for each in states or drawn if not math.isnan(each.slope)]
    return max(known, key=lambda each: each.slope, default=None)


def left_after(horizon: Horizon, steps: float) -> float:
    """Return log10 of the share of the gradient that is left after some steps.

    Measured where the text was long enough, else by the fitted slope.
    """
    place = round(steps)
    inside = np.flatnonzero(horizon.distance == place)
    if inside.size and math.isfinite(float(horizon.median[inside[0]])):
        return float(horizon.median[inside[0]])
    return horizon.slope * steps


def reach_of(horizon: Horizon) -> float:
    """Return the steps for a factor of ten, inf where the curve does not fall."""
    return horizon.reach if horizon.slope < 0 else math.inf


# -------------------------------------------------------------------------------- health readings


def matrix_ratio(reading: HealthReading) -> float:
    """Return the median update-to-weight ratio of the matrices; NaN without any."""
    ratio = reading.ratio[np.array(reading.matrix, bool)]
    known = ratio[np.isfinite(ratio)]
    return float(np.median(known)) if known.size else math.nan


def blocks_of(reading: HealthReading) -> list[str]:
    """Return the blocks with trainable numbers, in running order."""
    return list(dict.fromkeys(reading.blocks))


def block_ratio(reading: HealthReading, block: str) -> float:
    """Return the median update ratio of the matrices of a block, of all tensors without any."""
    mine = np.array([name == block for name in reading.blocks], bool)
    matrices = mine & np.array(reading.matrix, bool)
    ratios = reading.ratio[matrices if matrices.any() else mine]
    known = ratios[np.isfinite(ratios)]
    return float(np.median(known)) if known.size else math.nan


def whole(norms: Floats) -> float:
    """Return the norm of tensors together, from that of each; those without one count 0."""
    return float(np.sqrt(np.nansum(np.square(norms))))


def worst_unit(reading: HealthReading, share: str, names: str = "") -> UnitHealth | None:
    """Return the layer with the largest of a share, among those with a part of a name."""
    known = [
        unit
        for unit in reading.units
        if names in unit.name and not math.isnan(float(getattr(unit, share)))
    ]
    return max(known, key=lambda unit: float(getattr(unit, share)), default=None)


def worst_share(share: str) -> Callable[[HealthReading], float]:
    """Return what reads the largest of a share of all layers; NaN without any."""

    def value(reading: HealthReading) -> float:
        unit = worst_unit(reading, share)
        return math.nan if unit is None else float(getattr(unit, share))

    return value


def clip_share(reading: HealthReading) -> float:
    """Return the share of steps since the reading before that were clipped by their norm."""
    return reading.cut / reading.since if reading.since else math.nan


# ---------------------------------------------------------------------------------------- metrics


def rows_up_to(history: RunHistory, step: int) -> int:
    """Return how many rows of the metrics lie at or before a step."""
    return int(np.searchsorted(history.curves.steps, step, side="right"))


def medians(steps: Ints, values: Floats, width: int = SMOOTH) -> tuple[Ints, Floats]:
    """Return running medians: single spikes go, steps stay.

    Args:
        steps: (n,) training steps.
        values: (n,) what was measured; a NaN counts as infinite.
        width: Rows behind each median, fewer where there are not so many.

    Returns:
        steps: (m,) at the ends of the windows, at most about `MOST` of them, the last one always.
        values: (m,) the medians.
    """
    if not len(values):
        return steps, values
    width = min(width, len(values))
    ends = np.unique(np.linspace(width, len(values), MOST).astype(np.int64))
    known = np.where(np.isnan(values), np.inf, values)
    windows = np.lib.stride_tricks.sliding_window_view(known, width)[ends - width]
    return steps[ends - 1], np.median(windows, axis=1)


# ----------------------------------------------------------------------------- numbers to compare


@dataclass(frozen=True)
class Vital:
    """A number of a run over its steps.

    Attributes:
        key: Its name.
        title: For the axis.
        unit: What it counts, "" for a ratio.
        log: Drawn on a logarithmic axis.
        series: History -> steps (n,) and values (n,).
        share: It is a share of 1, told in per cent.
    """

    key: str
    title: str
    unit: str
    log: bool
    series: Callable[[RunHistory], tuple[Ints, Floats]]
    share: bool = False

    def at(self, history: RunHistory, step: int) -> tuple[int, float]:
        """Return the newest value at or before a step, with its own step; NaN without one."""
        steps, values = self.series(history)
        place = int(np.searchsorted(steps, step, side="right")) - 1
        if place < 0:
            return 0, math.nan
        return int(steps[place]), float(values[place])

    def words(self, value: float) -> str:
        """Return a value as people read it."""
        if math.isnan(value):
            return "not measured"
        if self.key == "reach":
            return "no fall" if math.isinf(value) else f"÷10 every {_plain(value)} steps"
        number = f"{100 * value:.0f} %" if self.share else _plain(value)
        return f"{number} {self.unit}".strip()


def _plain(value: float) -> str:
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e5):
        return f"{value:.1e}"
    return f"{value:,.0f}" if size >= 100 else f"{value:.3g}"


def _of_health(
    value: Callable[[HealthReading], float],
) -> Callable[[RunHistory], tuple[Ints, Floats]]:
    def series(history: RunHistory) -> tuple[Ints, Floats]:
        found = up_to(history.health, history.step)
        return _pairs([(reading.step, value(reading)) for reading in found])

    return series


def _pairs(rows: list[tuple[int, float]]) -> tuple[Ints, Floats]:
    known = [(step, value) for step, value in rows if not math.isnan(value)]
    return (np.array([step for step, _ in known], np.int64),
            np.array([value for _, value in known], np.float64))  # fmt: skip


def _reach(history: RunHistory) -> tuple[Ints, Floats]:
    rows = []
    for reading in up_to(history.horizons, history.step):
        horizon = memory_horizon(reading)
        rows.append((reading.step, math.nan if horizon is None else reach_of(horizon)))
    return _pairs(rows)


def _norm(history: RunHistory) -> tuple[Ints, Floats]:
    return medians(history.curves.steps, history.curves.grad_norm)


def _loss(history: RunHistory) -> tuple[Ints, Floats]:
    return medians(history.curves.steps, history.curves.loss)


def _held_out(history: RunHistory) -> tuple[Ints, Floats]:
    return _pairs([(each.step, each.loss) for each in history.validations])


VITALS = {
    vital.key: vital
    for vital in (
        Vital("reach", "reach of the gradient", "steps", True, _reach),
        Vital("norm", "gradient norm before clipping", "", True, _norm),
        Vital("clip", "steps that are clipped", "", False, _of_health(clip_share), share=True),
        Vital("ratio", "update-to-weight ratio", "", True, _of_health(matrix_ratio)),
        Vital("dead", "dead ReLU units", "", False, _of_health(worst_share("dead")), share=True),
        Vital(
            "tanh", "saturated tanh", "", False, _of_health(worst_share("saturated")), share=True
        ),
        Vital(
            "shut", "units of shut gates", "", False, _of_health(worst_share("shut")), share=True
        ),
        Vital("loss", "training loss, running median", "", True, _loss),
        Vital("held out", "held-out loss", "", True, _held_out),
    )
}
