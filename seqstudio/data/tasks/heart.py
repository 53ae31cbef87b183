"""Heartbeats drawn by rule: which of them come too early?

Shape legend: B = rows, T = steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import (
    Batch,
    Task,
    check_length,
    equal_lengths,
    hash_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

RATE = 50
"""Steps a second."""
CLASSES = ("rest", "normal", "premature")
REST, NORMAL, PREMATURE = range(3)
EARLY = 0.18
"""Share of beats that come early."""
WIDE = 0.5
"""Share of the early beats that start in a chamber: broad, without a P wave."""
NOISE = 0.03
LONGEST_BEAT = (-0.1, 0.36)
"""Seconds before and after the R wave that count as the beat."""
# Height in mV, seconds after the R wave, width in seconds; after McSharry et al. 2003.
_USUAL = ((0.12, -0.17, 0.025), (-0.1, -0.03, 0.012), (1.0, 0.0, 0.014), (-0.2, 0.03, 0.012),
          (0.28, 0.26, 0.05))  # fmt: skip
_BROAD = ((1.1, 0.02, 0.045), (-0.45, 0.12, 0.04), (-0.3, 0.28, 0.06))


@dataclass(frozen=True)
class HeartTask(Task):
    """Say for every step whether a beat is going on, and whether it came too early.

    Inputs (B, T, 1): millivolts with noise. Targets (B, T): classes. Half of the early beats are
    broad; the others look like all the rest and are told by their time alone, so the rhythm has
    to be remembered. After an early beat comes a pause. The first second is not asked: no rhythm
    is known yet.

    Source:
        Shapes as sums of bells: McSharry, Clifford, Tarassenko and Smith 2003, "A dynamical model
        for generating synthetic electrocardiogram signals".
    """

    length: int

    def __post_init__(self) -> None:
        check_length("heartbeats", self.length, least=8)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        beats = _rhythm(rng, rows, self.length / RATE)
        inputs = beats.volts(np.arange(self.length) / RATE) * rng.uniform(0.8, 1.2, (rows, 1))
        inputs += rng.normal(0, NOISE, inputs.shape)
        targets = beats.classes(np.arange(self.length) / RATE)
        targets[:, : min(RATE, self.length // 4)] = -100
        return Batch(
            inputs[:, :, None].astype(np.float32), targets, equal_lengths(rows, self.length)
        )

    @override
    def line(self, batch: Batch, row: int) -> str:
        told = batch.targets[row]
        begins = np.flatnonzero(np.diff(told, prepend=REST) > 0)
        words = [CLASSES[told[at]] for at in begins if told[at] > 0]
        volts = " ".join(f"{value:.2f}" for value in batch.inputs[row, :8, 0])
        return f"{volts} … → {', '.join(words) or CLASSES[REST]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        known = self.draw(np.random.default_rng(0x7EA1_0005), 300).targets
        share = np.bincount(known[known >= 0], minlength=len(CLASSES)) + 1.0
        surprise = -np.log(share / share.sum())
        asked = np.concatenate([batch.targets[batch.targets >= 0] for batch in examples])
        return "how common a class is", float(surprise[asked].mean())


@dataclass(frozen=True)
class _Beats:
    """Beats of B rows, n each: (B, n) seconds of the R wave and what they are."""

    at: NDArray[np.float64]
    early: NDArray[np.bool_]
    broad: NDArray[np.bool_]

    def volts(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of all waves (B, T) at some times (T,)."""
        out = np.zeros((len(self.at), len(time)))
        for shape, chosen in ((_USUAL, ~self.broad), (_BROAD, self.broad)):
            for size, shift, width in shape:
                for beat in range(self.at.shape[1]):
                    rows = np.flatnonzero(chosen[:, beat])
                    distance = (time - self.at[rows, beat, None] - shift) / width
                    out[rows] += size * np.exp(-0.5 * np.square(distance))
        return out

    def classes(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the class of every step (B, T)."""
        out = np.full((len(self.at), len(time)), REST)
        begin, end = LONGEST_BEAT
        for beat in range(self.at.shape[1]):
            since = time - self.at[:, beat, None]
            kind = np.where(self.early[:, beat], PREMATURE, NORMAL)[:, None]
            out = np.where((since >= begin) & (since < end), kind, out)
        return out


def _rhythm(rng: np.random.Generator, rows: int, seconds: float) -> _Beats:
    """Draw when beats come: after an early one a pause, as if it had come in time."""
    usual = rng.uniform(0.65, 1.1, rows)
    count = math.ceil(seconds / 0.5) + 2
    at = np.empty((rows, count))
    early = np.zeros((rows, count), np.bool_)
    at[:, 0] = -rng.uniform(0, 1, rows) * usual
    for beat in range(1, count):
        early[:, beat] = ~early[:, beat - 1] & (rng.random(rows) < EARLY)
        share = np.where(early[:, beat], 0.65, np.where(early[:, beat - 1], 1.3, 1.0))
        at[:, beat] = at[:, beat - 1] + usual * share * (1 + 0.03 * rng.normal(size=rows))
    return _Beats(at, early, early & (rng.random((rows, count)) < WIDE))


def open_heart(settings: DataSettings, base: Path | None) -> Dataset:
    """Open heartbeats drawn by rule."""
    del base
    return Dataset(
        title=f"Heartbeats, {settings.length / RATE:.1f} s",
        origin="Drawn while training: P, QRS and T waves as bells, with a rate that varies.",
        pattern="class per step",
        input="vectors",
        vector_width=1,
        classes=CLASSES,
        unit="nats per step",
        token_name="step",
        chance=math.log(len(CLASSES)),
        content_hash=hash_of(f"heart {settings.length}"),
        notes=(f"{RATE} steps a second, millivolts",),
        task=HeartTask(settings.length),
    )
