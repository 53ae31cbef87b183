"""Blown and bowed tones: players with vibrato, breath and small drifts, one or several at once.

Shape legend: P = players, H = harmonics, n = frames. The tone is periodic behind its beginning:
every frequency, the vibrato and the drifts included, is a whole number of cycles in the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.synth.tones import CHUNK, LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_HIGHEST = 0.42
_BREATH_HZ = 8000.0


@dataclass(frozen=True, slots=True)
class Blown:
    """How players sound together.

    Attributes:
        levels: (hz of the harmonics (H,), their orders (H,), brightness) to amplitudes (H,);
            brightness is 0 for the body and 1 for the loudest note.
        players: How many there are.
        spread_cents: How far apart they are tuned.
        vibrato_cents: Depth of the vibrato.
        vibrato_hz: Its speed.
        vibrato_after_s: Time until it has set in.
        breath: Level of the noise beside the tone, relative to it.
        loop_s: Seconds after which the tone repeats itself, behind its beginning.
    """

    levels: Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float64]]
    players: int = 1
    spread_cents: float = 0.0
    vibrato_cents: float = 6.0
    vibrato_hz: float = 5.2
    vibrato_after_s: float = 0.7
    breath: float = 0.0
    loop_s: float = 2.0


class Ensemble:
    """The source of a tone of several players.

    Attributes:
        loop: First frame and the frame behind the last of the stretch that repeats.
    """

    def __init__(self, hz: float, blown: Blown, rate: int, seed: int, level: float) -> None:
        """Draw the players of a pitch; the same seed draws the same players.

        `level` is the root mean square of a note of middling velocity.
        """
        random = np.random.default_rng(seed)
        self._blown, self._rate = blown, rate
        cycles = max(1, round(blown.loop_s * hz))
        length = round(cycles * rate / hz)
        start = round(blown.vibrato_after_s * rate)
        self.loop = (start, start + length)
        self._length = length
        count = blown.players
        offsets = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        detuned = cycles * (2 ** (blown.spread_cents * offsets / 1200) - 1)
        self._cycles_P = cycles + np.rint(detuned)
        self._side_P = 0.8 * offsets * np.where(np.arange(count) % 2, -1, 1)
        loop_s = length / rate
        speeds = blown.vibrato_hz * (1 + 0.08 * random.uniform(-1, 1, count))
        self._vibrato_P = np.maximum(1, np.rint(speeds * loop_s))
        self._drift_P = random.integers(1, 4, count)
        self._phase_P = random.uniform(0, 2 * np.pi, (3, count))
        orders = np.arange(1, max(2, int(min(16_000.0, _HIGHEST * rate) / hz) + 1))[:40]
        orders = orders.astype(np.float64)
        quiet, loud = (blown.levels(hz * orders, orders, bright) for bright in (0.0, 1.0))
        usual = np.sqrt(((0.55 * quiet + 0.45 * loud) ** 2).sum() / 2)
        gain = level / usual * (262.0 / max(hz, 60.0)) ** 0.15
        self._body_H, self._edge_H = gain * quiet, gain * (loud - quiet)
        self._breath = self._noise(random, hz) if blown.breath else None

    def chunk(self, index: int) -> NDArray[np.float32]:
        made = np.zeros((LAYERS, CHUNK))
        frame_n = np.arange(index * CHUNK, (index + 1) * CHUNK, dtype=np.float64)
        for player in range(self._blown.players):
            body, edge = self._player(player, frame_n)
            made[0] += body
            made[1] += edge
            made[2] += self._side_P[player] * (body + 0.4 * edge)
        made /= np.sqrt(self._blown.players)
        if self._breath is not None:
            made[0] += self._breath[0][frame_n.astype(np.int64) % self._length]
            made[2] += self._breath[1][frame_n.astype(np.int64) % self._length]
        return made.astype(np.float32)

    def _player(
        self, player: int, frame_n: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return body and edge: harmonics by the recursion of Chebyshev from one cosine."""
        phase_n = self._phase(player, frame_n)
        first, twice = np.sin(phase_n), 2 * np.cos(phase_n)
        before, body, edge = np.zeros_like(first), np.zeros_like(first), np.zeros_like(first)
        for quiet, more in zip(self._body_H, self._edge_H, strict=True):
            body += quiet * first
            edge += more * first
            before, first = first, twice * first - before
        return body, edge

    def _phase(self, player: int, frame_n: NDArray[np.float64]) -> NDArray[np.float64]:
        turn_n = (2 * np.pi / self._length) * frame_n
        hz = self._cycles_P[player] * self._rate / self._length
        depth = hz * (2 ** (self._blown.vibrato_cents / 1200) - 1)
        begun = np.clip(frame_n / max(1, self.loop[0]), 0, 1) ** 2
        swing, speed = self._swing(player, turn_n)
        phase: NDArray[np.float64] = self._cycles_P[player] * turn_n
        phase += begun * depth * self._length / self._rate / speed * swing
        # Each player drifts by a cent or two over the loop.
        drift = self._drift_P[player]
        wander = 0.0006 * self._cycles_P[player] / drift
        if self._blown.players > 1:
            phase += wander * np.sin(drift * turn_n + self._phase_P[2, player])
        return phase + self._phase_P[0, player]

    def _swing(
        self, player: int, turn_n: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        speed = float(self._vibrato_P[player])
        return np.sin(speed * turn_n + self._phase_P[1, player]), speed

    def _noise(self, random: np.random.Generator, hz: float) -> NDArray[np.float64]:
        """Return (2, length) periodic noise around the harmonics, in the middle and beside."""
        bins = np.arange(self._length // 2 + 1) * (self._rate / self._length)
        shape = np.sqrt(bins) / (1 + (bins / (3 * hz)) ** 2) * (bins < _BREATH_HZ)
        spectrum = shape * np.exp(2j * np.pi * random.uniform(size=(2, len(bins))))
        noise: NDArray[np.float64] = np.fft.irfft(spectrum, self._length, axis=1)
        level = self._blown.breath * np.sqrt((self._body_H**2).sum() / 2)
        return noise * (level / np.sqrt((noise**2).mean()))
