"""A plucked string after Karplus and Strong, in tune.

Source: Karplus, Strong 1983, "Digital synthesis of plucked-string and drum timbres", and its
extensions by Jaffe, Smith 1983. Deviations: the loop filter is a symmetric three-point mean,
whose delay is one frame at every frequency and whose weight falls with the pitch, so that high
notes still ring; the fraction of the period is a cubic Lagrange interpolation, which is in tune
and equally bright for every fraction and, having no feedback of its own, runs in whole blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plucked_string(hz: float, frames: int, rate: int) -> NDArray[np.float32]:
    """Return a plucked string.

    Args:
        hz: Fundamental frequency.
        frames: Length of the result.
        rate: Frames a second.

    Returns:
        (frames,) float32, about unit peak at the pluck, dying away.
    """
    period = rate / hz
    first_lag = max(1, int(period) - 2)
    # A string of 262 Hz rings 4 s to -60 dB before the losses of the mean.
    ring_s = 4.0 * (262.0 / hz) ** 0.5
    keep = 10.0 ** (-3.0 / (ring_s * hz))
    loss = min(0.25, 70.0 / hz)
    taps = np.convolve([loss, 1 - 2 * loss, loss], _lagrange(period - 1 - first_lag))
    pluck = _pluck(first_lag + len(taps) - 1, hz)
    pluck -= _constant_part(pluck, taps, first_lag)
    return _loop(pluck.astype(np.float32), keep * taps, first_lag, frames)


def _lagrange(delay: float) -> NDArray[np.float64]:
    """Return the four taps of cubic interpolation that delay by 1 to 2 frames."""
    taps = np.ones(4)
    for tap in range(4):
        for other in range(4):
            if other != tap:
                taps[tap] *= (delay - other) / (tap - other)
    return taps


def _pluck(length: int, hz: float) -> NDArray[np.float64]:
    """Return the noise of a soft plectrum near the bridge, about unit peak."""
    noise = np.random.default_rng(round(hz * 100)).uniform(-1, 1, length)
    softened = (noise + np.roll(noise, 1) + np.roll(noise, 2)) / 3
    combed = softened - 0.9 * np.roll(softened, max(1, round(0.18 * length)))
    pluck: NDArray[np.float64] = combed / (np.abs(combed).max() + 1e-9)
    return pluck


def _constant_part(pluck: NDArray[np.float64], taps: NDArray[np.float64], first_lag: int) -> float:
    """Return the offset around which the loop would swing for ever.

    With taps that sum to one, the mean of the state weighted by the taps still to come is
    conserved; without subtracting it high notes, which die soon, leave a constant behind.
    """
    behind = np.cumsum(taps[::-1])[::-1]
    weights = np.concatenate([np.ones(first_lag), behind[1:]])[::-1]
    return float(np.dot(pluck, weights) / weights.sum())


def _loop(
    pluck: NDArray[np.float32], taps: NDArray[np.float64], first_lag: int, frames: int
) -> NDArray[np.float32]:
    """Run y[n] = sum of taps[k]·y[n - first_lag - k], `first_lag` frames at a time."""
    lead = len(pluck)
    string = np.zeros(lead + frames, np.float32)
    string[:lead] = pluck
    scratch = np.empty(first_lag, np.float32)
    weights = taps.astype(np.float32)
    for at in range(lead, lead + frames, first_lag):
        out = string[at : at + first_lag]
        part = scratch[: len(out)]
        for order, weight in enumerate(weights):
            first = at - first_lag - order
            np.multiply(string[first : first + len(out)], weight, out=part)
            out += part
    return string[lead:]
