"""Struck, plucked and piped tones: sums of sines that hold or die away.

Shape legend: K = sines, n = frames. A sine that dies away is a power of one complex number, so a
chunk of 32 rows of 128 frames is a product of two small matrices; that is many times faster
than K sines frame by frame, exactly in tune, and nothing above the highest sine sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.synth.tones import CHUNK, LAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROW = 128
_HIGHEST = 0.42
SILENT = 1e-4


@dataclass(frozen=True, slots=True)
class Sines:
    """Sines that are heard together.

    Attributes:
        hz: (K,) frequencies.
        decay: (K,) decay of the amplitude in nepers a second, 0 for one that holds.
        levels: (3, K) amplitudes in the three layers of a tone.
        phase: (K,) phases at the beginning in radians.
    """

    hz: NDArray[np.float64]
    decay: NDArray[np.float64]
    levels: NDArray[np.float64]
    phase: NDArray[np.float64]

    def joined(self, other: Sines) -> Sines:
        """Return both together."""
        return Sines(
            np.concatenate([self.hz, other.hz]),
            np.concatenate([self.decay, other.decay]),
            np.concatenate([self.levels, other.levels], axis=1),
            np.concatenate([self.phase, other.phase]),
        )

    def below(self, rate: int) -> Sines:
        """Return those that a rate of so many frames a second can carry."""
        kept = self.hz < _HIGHEST * rate
        return Sines(self.hz[kept], self.decay[kept], self.levels[:, kept], self.phase[kept])

    def scaled(self, gain: float) -> Sines:
        """Return them louder or softer."""
        return Sines(self.hz, self.decay, self.levels * gain, self.phase)

    def rms(self, bright: float, first_s: float, last_s: float) -> float:
        """Return the root mean square between two times, layers mixed as a note mixes them."""
        level_K = self.levels[0] + bright * self.levels[1]
        times = np.linspace(first_s, last_s, 16)
        power = (level_K**2 / 2) @ np.exp(-2 * self.decay[:, None] * times)
        return float(np.sqrt(power.mean()))

    def silent_s(self) -> float:
        """Return the time after which the sum is below -80 dB of its beginning."""
        level_K = np.abs(self.levels).max(axis=0)
        top = max(level_K.max(initial=0.0), 1e-9)
        with np.errstate(divide="ignore"):
            each = np.log(np.maximum(level_K / top, 1e-9) / SILENT) / np.maximum(self.decay, 1e-3)
        return float(max(0.05, each.max(initial=0.05)))


class Modal:
    """The source of a tone that is a sum of sines."""

    def __init__(self, sines: Sines, rate: int) -> None:
        """Prepare the two factors of every chunk."""
        sines = sines.below(rate)
        step_K = ((2j * np.pi * sines.hz - sines.decay) / rate).astype(np.complex128)
        start_K = np.exp(1j * sines.phase)
        within = _powers(step_K, _ROW)
        self._within = np.concatenate([within.imag, within.real]).astype(np.float32)
        rows = np.exp(step_K[None, :] * (np.arange(CHUNK // _ROW) * _ROW)[:, None])
        self._rows = sines.levels[:, None, :] * (rows * start_K)[None]
        self._step = step_K * CHUNK

    def chunk(self, index: int) -> NDArray[np.float32]:
        rows = self._rows * np.exp(self._step * index)
        factors = np.concatenate([rows.real, rows.imag], axis=2).astype(np.float32)
        made: NDArray[np.float32] = factors.reshape(-1, factors.shape[2]) @ self._within
        return made.reshape(LAYERS, CHUNK)


def _powers(step_K: NDArray[np.complex128], count: int) -> NDArray[np.complex128]:
    """Return exp(step·n) for n from 0, (K, count), as products of few exponentials."""
    fine = np.exp(step_K[:, None] * np.arange(16))
    coarse = np.exp(step_K[:, None] * (16 * np.arange(count // 16)))
    return (coarse[:, :, None] * fine[:, None, :]).reshape(len(step_K), count)
