"""In what a loss is told: nats, perplexity, bits, or a mean square, plain or by decades."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
SHARE = 0.05
LONGEST = 200


@dataclass(frozen=True)
class Measure:
    """How a loss becomes what is drawn.

    Attributes:
        key: Name of the switch's option.
        label: Words of the switch's option.
        apply: Loss in the unit of the task to what is drawn.
        log: Drawn by decades.
        form: How values are written.
        gap_form: How differences are written.
    """

    key: str
    label: str
    apply: Callable[[ArrayLike], Floats]
    log: bool = False
    form: str = ".3f"
    gap_form: str = ".2f"

    def of(self, value: float) -> float:
        """Return one loss in this measure."""
        return float(self.apply(value))

    def title(self, unit: str) -> str:
        """Return the title of the value axis for a unit such as "nats per character"."""
        per = unit.removeprefix("nats").strip()
        if self.key == "perplexity":
            return f"perplexity {per}".strip()
        if self.key == "bits":
            return f"loss, bits {per}".strip()
        return f"loss, {unit}" if unit else "loss"


def _plain(loss: ArrayLike) -> Floats:
    return np.asarray(loss, float)


def _perplexity(loss: ArrayLike) -> Floats:
    perplexity: Floats = np.exp(np.minimum(np.asarray(loss, float), 700.0))
    return perplexity


def _bits(loss: ArrayLike) -> Floats:
    return np.asarray(loss, float) / math.log(2)


LOSS = Measure("loss", "Loss", _plain)
BITS = Measure("bits", "Bits", _bits)
NATS = (LOSS, Measure("perplexity", "Perplexity", _perplexity, form=".2f"), BITS)
DENSITIES = (LOSS, BITS)  # of numbers or of many keys at once: no count of equal choices
SQUARES = (
    Measure("loss", "Loss", _plain, form=".4f", gap_form=".4f"),
    Measure("log", "Log", _plain, log=True, form=".4f", gap_form=".4f"),
)


Family = Literal["nats", "density", "error"]
FAMILIES: dict[Family, tuple[Measure, ...]] = {
    "nats": NATS,
    "density": DENSITIES,
    "error": SQUARES,
}


def family_of(unit: str) -> Family:
    """Return the family of measures that makes sense for a unit."""
    if unit and not unit.startswith("nats"):
        return "error"
    return "density" if "per value" in unit or "keys" in unit else "nats"


class TrailingMean:
    """The mean of the last 5 % of the steps, at most 200, at every step; what is not finite is
    left out.

    Trailing, because a centred mean would change values that were already drawn.
    """  # noqa: D205

    def __init__(self) -> None:
        self._count = 0
        self._tail: Floats = np.empty(0)

    def extend(self, values: Floats) -> Floats:
        """Take in values (n,) and return their means (n,)."""
        joined = np.concatenate([self._tail, values])
        good = np.isfinite(joined)
        sums = np.concatenate([[0.0], np.cumsum(np.where(good, joined, 0.0))])
        counts = np.concatenate([[0], np.cumsum(good)])
        ends = np.arange(len(self._tail), len(joined)) + 1
        step = self._count + np.arange(1, len(values) + 1)
        starts = ends - np.clip(np.ceil(SHARE * step), 1, LONGEST).astype(int)
        number = counts[ends] - counts[starts]
        total = sums[ends] - sums[starts]
        self._count += len(values)
        self._tail = joined[-LONGEST:]
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)
