"""Blown and bowed tones: players with vibrato, breath and small drifts, one or several at once.

Shape legend: P = players, H = harmonics, n = frames. The tone is periodic behind its beginning:
every frequency, the vibrato and the drifts included, is a whole number of cycles in the loop.
Each player reads one period of the sound, held in tables, at a phase that swings; the tables
hold no harmonic that the rate cannot carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.synth.tones import CHUNK, LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_HIGHEST = 0.42
_BREATH_HZ = 8000.0
_BREATH_SEAM = 2048
_TABLE = 4096
_ROW = 128


@dataclass(frozen=True, slots=True)
class Blown:
    """How players sound together.

    Attributes:
        levels: (hz of the harmonics (H,), their orders (H,), brightness) to amplitudes (H,);
            brightness is 0 for the body and 1 for the loudest note.
        players: Each one with (cents from the pitch, level in the middle, level at the side).
            One is in front, so that the sum neither beats nor swells as equal voices would.
        vibrato_cents: Depth of the vibrato.
        vibrato_hz: Its speed.
        vibrato_after_s: Time until it has set in.
        breath: Level of the noise beside the tone, relative to it.
        loop_s: Seconds after which the tone repeats itself, behind its beginning.
    """

    levels: Callable[[NDArray[np.float64], NDArray[np.float64], float], NDArray[np.float64]]
    players: tuple[tuple[float, float, float], ...] = ((0.0, 1.0, 0.0),)
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
        cents_P, middle_P, side_P = np.array(blown.players).T
        count = len(cents_P)
        self._cycles_P = cycles + np.rint(cycles * (2 ** (cents_P / 1200) - 1))
        total = np.sqrt((middle_P**2).sum())
        self._middle_P, self._side_P = middle_P / total, side_P / total
        loop_s = length / rate
        speeds = blown.vibrato_hz * (1 + 0.08 * random.uniform(-1, 1, count))
        self._vibrato_P = np.maximum(1, np.rint(speeds * loop_s))
        self._drift_P = random.integers(1, 4, count)
        self._phase_P = random.uniform(0, 2 * np.pi, (3, count))
        self._body, self._edge, usual = _tables(hz, blown, rate, random)
        gain = level / usual * (262.0 / max(hz, 60.0)) ** 0.15
        self._body, self._edge = gain * self._body, gain * self._edge
        self._breath = (
            _breath(rate, hz, length) * np.float32(blown.breath * level) if blown.breath else None
        )

    def chunk(self, index: int) -> NDArray[np.float32]:
        made = np.zeros((LAYERS, CHUNK))
        first = index * CHUNK
        for player, (middle, side) in enumerate(zip(self._middle_P, self._side_P, strict=True)):
            body, edge = self._player(player, first)
            made[0] += middle * body
            made[1] += middle * edge
            made[2] += side * (body + 0.4 * edge)
        if self._breath is not None:
            breath = self._breath.take(np.arange(first, first + CHUNK), axis=1, mode="wrap")
            made[0] += breath[0]
            made[2] += breath[1]
        return made.astype(np.float32)

    def _player(self, player: int, first: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return body and edge of one player, (CHUNK,) each, straight lines between points."""
        turns_n = self._turns(player, first)
        turns_n -= np.floor(turns_n)
        turns_n *= _TABLE
        point_n = turns_n.astype(np.int64)
        turns_n -= point_n
        body = self._body[0].take(point_n) + turns_n * self._body[1].take(point_n)
        edge = self._edge[0].take(point_n) + turns_n * self._edge[1].take(point_n)
        return body, edge

    def _turns(self, player: int, first: int) -> NDArray[np.float64]:
        """Return the phase of a player in turns."""
        frame_n = np.arange(first, first + CHUNK, dtype=np.float64)
        cycles, speed = self._cycles_P[player], self._vibrato_P[player]
        turns: NDArray[np.float64] = frame_n * (cycles / self._length)
        depth = cycles * (2 ** (self._blown.vibrato_cents / 1200) - 1) / (2 * np.pi * speed)
        swing = self._slow(speed, self._phase_P[1, player], first)
        if first < self.loop[0]:
            swing *= np.clip(frame_n / self.loop[0], 0, 1) ** 2
        turns += depth * swing
        if len(self._cycles_P) > 1:
            # Each player wanders by a cent over the loop.
            drift = self._drift_P[player]
            wander = 0.0006 * cycles / (2 * np.pi * drift)
            turns += wander * self._slow(drift, self._phase_P[2, player], first)
        return np.asarray(turns + self._phase_P[0, player] / (2 * np.pi))

    def _slow(self, cycles: float, phase: float, first: int) -> NDArray[np.float64]:
        """Return a sine of so many cycles in the loop, (CHUNK,), by the sum of two angles."""
        step = 2 * np.pi * cycles / self._length
        row = phase + step * (first + _ROW * np.arange(CHUNK // _ROW))[:, None]
        column = step * np.arange(_ROW)[None]
        sine: NDArray[np.float64] = np.sin(row) * np.cos(column) + np.cos(row) * np.sin(column)
        return sine.ravel()


def _tables(
    hz: float, blown: Blown, rate: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return one period of body and of edge with its slopes, (2, points), and the usual level."""
    count = max(1, min(_TABLE // 100, int(min(16_000.0, _HIGHEST * rate) / hz)))
    orders = np.arange(1, count + 1, dtype=np.float64)
    quiet, loud = (blown.levels(hz * orders, orders, bright) for bright in (0.0, 1.0))
    turned = np.exp(1j * random.uniform(-np.pi, np.pi, count)) * (_TABLE / 2)
    spectra = np.zeros((2, _TABLE // 2 + 1), complex)
    spectra[:, 1 : count + 1] = np.stack([quiet, loud - quiet]) * turned
    points = np.fft.irfft(spectra, axis=1)
    slopes = np.roll(points, -1, axis=1) - points
    usual = float(np.sqrt(((0.55 * quiet + 0.45 * loud) ** 2).sum() / 2))
    return np.stack([points[0], slopes[0]]), np.stack([points[1], slopes[1]]), usual


def _breath(rate: int, hz: float, length: int) -> NDArray[np.float32]:
    """Return (2, length) noise, in the middle and beside, whose end joins its beginning."""
    noise = _octave_breath(rate, round(np.log2(hz)))
    turns = -(-(length + _BREATH_SEAM) // noise.shape[1])
    noise = np.tile(noise, turns)[:, : length + _BREATH_SEAM]
    seam = np.linspace(0, np.pi / 2, _BREATH_SEAM, dtype=np.float32)
    joined = noise[:, :length].copy()
    joined[:, :_BREATH_SEAM] *= np.sin(seam)
    joined[:, :_BREATH_SEAM] += np.cos(seam) * noise[:, length:]
    return joined


@lru_cache(maxsize=64)
def _octave_breath(rate: int, octave: int) -> NDArray[np.float32]:
    """Return (2, n) periodic noise around the harmonics of a pitch, root mean square 1."""
    size = 1 << 15
    random = np.random.default_rng(octave)
    hz = np.fft.rfftfreq(size, 1 / rate)
    shape = np.sqrt(hz) / (1 + (hz / (3 * 2**octave)) ** 2) * (hz < _BREATH_HZ)
    turned = np.exp(2j * np.pi * random.uniform(size=(2, len(hz))))
    noise: NDArray[np.float64] = np.fft.irfft(shape * turned, axis=1)
    level = float(np.sqrt((noise**2).mean()))
    return (noise / level).astype(np.float32)
