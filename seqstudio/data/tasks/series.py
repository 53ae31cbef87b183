"""Series of numbers to be forecast, one value ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch, Task, check_length, equal_lengths, hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

PERIODS = (6.0, 40.0)
_LOG_PERIODS = (math.log(PERIODS[0]), math.log(PERIODS[1]))
AMPLITUDES = (0.5, 1.0)
NOISE = 0.05
ORDER = 8
"""Past values that the autoregression of the floor sees."""
_COUNTED = 50_000


@dataclass(frozen=True)
class WavesTask(Task):
    """Say the next value of a sum of two sines, and how sure that is.

    Inputs (B, T, 1): two sines whose periods, phases and amplitudes are drawn anew for each row,
    plus Gaussian noise of spread 0.05. Targets (B, T, 1): the same one step later. The noise of
    the next value cannot be known: 0.5 ln(2 pi e 0.05²) = -1.58 nats is the end of the road.
    """

    length: int

    def __post_init__(self) -> None:
        check_length("waves", self.length, least=2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        periods = np.exp(rng.uniform(*_LOG_PERIODS, (rows, 2, 1)))
        amplitudes = rng.uniform(*AMPLITUDES, (rows, 2, 1))
        phases = rng.uniform(0, 2 * np.pi, (rows, 2, 1))
        time = np.arange(self.length + 1)
        clean = (amplitudes * np.sin(2 * np.pi * time / periods + phases)).sum(1)
        values = clean + rng.normal(0, NOISE, clean.shape)
        series = values[:, :, None].astype(np.float32)
        return Batch(series[:, :-1], series[:, 1:], equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        values = " ".join(f"{value:.2f}" for value in batch.inputs[row, :, 0])
        return f"{values} → {batch.targets[row, -1, 0]:.2f}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # A seed of its own: the counted examples are none of the held-out ones.
        rows = max(_COUNTED // self.length, 20)
        known_x, known_y = _lags(self.draw(np.random.default_rng(0x7EA1_0003), rows))
        regression = np.linalg.lstsq(known_x, known_y, rcond=None)[0]
        ways = {
            "the last value": np.eye(ORDER)[0],
            f"regression on {ORDER} values": regression,
        }
        spreads = {name: _square(known_x, known_y, way) for name, way in ways.items()}
        seen = [
            {name: _square(x, y, way) for name, way in ways.items()}
            for x, y in map(_lags, examples)
        ]
        losses = {
            name: gaussian_loss(spreads[name], float(np.mean([each[name] for each in seen])))
            for name in ways
        }
        best = min(losses, key=losses.__getitem__)
        return best, losses[best]


def _square(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the mean squared error of a linear forecast."""
    return float(np.square(y - x @ weights).mean())


def _lags(batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values up to each step, latest first (B*T, ORDER), and the next value (B*T,)."""
    values = batch.inputs[:, :, 0].astype(np.float64)
    padded = np.pad(values, ((0, 0), (ORDER - 1, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, ORDER, axis=1)[:, :, ::-1]
    return views.reshape(-1, ORDER), batch.targets[:, :, 0].astype(np.float64).ravel()


def gaussian_loss(variance: float, square: float) -> float:
    """Return the mean Gaussian negative log-likelihood in nats.

    Args:
        variance: Square of the spread that every forecast states.
        square: Mean squared error of the forecasts.
    """
    return 0.5 * (math.log(2 * math.pi * variance) + square / variance)


def _chance() -> float:
    """Return the loss of the best constant forecast: mean 0 and the variance of all values."""
    low, high = AMPLITUDES
    square = (low * low + low * high + high * high) / 3  # of an amplitude; a sine halves it
    return 0.5 * math.log(2 * math.pi * math.e * (square + NOISE**2))


def open_waves(settings: DataSettings, base: Path | None) -> Dataset:
    """Open sums of two sines."""
    return Dataset(
        title=f"Waves of {settings.length} steps",
        origin="Drawn while training: sums of two sines with noise.",
        pattern="forecast",
        input="vectors",
        vector_width=1,
        outputs=1,
        unit="nats per value",
        token_name="step",
        chance=_chance(),
        content_hash=hash_of(f"waves {settings.length}"),
        task=WavesTask(settings.length),
    )
