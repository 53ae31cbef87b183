"""How healthy a training step was: norms of every parameter tensor, units that do not work.

Definitions: docs/diagnostics.md section 2.5 and docs/diagnostics/health.md. Shape legend:
P parameter tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class UnitHealth:
    """What the units of one layer did in one training step; shares are of all units and steps.

    Attributes:
        block: Id of the block in the graph.
        name: Which units: "h", "forget gate f", "relu 1".
        kind: "tanh", "relu" or "gate".
        units: How many.
        samples: Rows times steps behind each of them.
        saturated: Of tanh the share of |value| > 0.9; else NaN.
        slope: Of tanh the mean of 1 - value²; else NaN.
        inactive: Of ReLU the share of values that are 0; else NaN.
        dead: Of ReLU the share of units that are 0 in every sample; else NaN.
        left: Of a gate the share of values below 0.1; else NaN.
        right: Of a gate the share of values above 0.9; else NaN.
        shut: Of a gate the share of units below 0.1 in every sample; else NaN.
        open: Of a gate the share of units above 0.9 in every sample; else NaN.
    """

    block: str
    name: str
    kind: str
    units: int
    samples: int
    saturated: float
    slope: float
    inactive: float
    dead: float
    left: float
    right: float
    shut: float
    open: float


@dataclass(frozen=True)
class HealthReading:
    """One training step, as it was applied.

    Attributes:
        step: Optimizer steps done after the measured one.
        names: (P) name of every parameter tensor inside its block.
        blocks: (P) id of its block.
        matrix: (P) 1 for tensors of two and more dimensions, 0 for biases and scales.
        weight: (P,) norm before the step.
        update: (P,) norm of what the step changed, weight decay included.
        gradient: (P,) norm of its gradient before clipping; NaN where none arrived.
        clipped: (P,) the same after clipping.
        units: Every layer whose units were seen; none while the model is compiled.
        since: Steps since the reading before, this one included.
        cut: How many of them were clipped by their norm.
        bad: How many of them had a gradient that is not finite.
        broken: First parameter tensor whose values or gradient are not finite now, "" for none.
        rate: Learning rate of the step.
        cost_s: Seconds that the measurement took.
    """

    step: int
    names: tuple[str, ...]
    blocks: tuple[str, ...]
    matrix: tuple[int, ...]
    weight: Floats
    update: Floats
    gradient: Floats
    clipped: Floats
    units: tuple[UnitHealth, ...]
    since: int
    cut: int
    bad: int
    broken: str
    rate: float
    cost_s: float

    @property
    def ratio(self) -> Floats:
        """(P,) update-to-weight ratio; NaN for a tensor that was all zeros."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.weight > 0, self.update / self.weight, np.nan)
