"""A plucked string after Karplus and Strong, in tune.

Source: Karplus, Strong 1983, "Digital synthesis of plucked-string and drum timbres"; fractional
delay after Jaffe, Smith 1983. The loop filter is the two-point mean (half a frame of delay)
followed by linear interpolation between two delays, so the period is N + 1/2 + fraction frames.
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
    period = rate / hz - 0.5
    delay = int(period)
    fraction = period - delay
    # A string of 262 Hz rings 4 s to -60 dB before the losses of the loop filter.
    ring_s = 4.0 * (262.0 / hz) ** 0.5
    keep = 10.0 ** (-3.0 / (ring_s * hz))
    taps = keep * np.convolve([0.5, 0.5], [1 - fraction, fraction])
    return _loop(_pluck(delay + 2, hz), taps.astype(np.float32), delay, frames)


def _pluck(length: int, hz: float) -> NDArray[np.float32]:
    """Return the noise of a soft plectrum near the bridge, without a constant part."""
    noise = np.random.default_rng(round(hz * 100)).uniform(-1, 1, length)
    softened = (noise + np.roll(noise, 1) + np.roll(noise, 2)) / 3
    combed = softened - 0.9 * np.roll(softened, max(1, round(0.18 * length)))
    centred = combed - combed.mean()
    pluck: NDArray[np.float32] = (centred / (np.abs(centred).max() + 1e-9)).astype(np.float32)
    return pluck


def _loop(
    pluck: NDArray[np.float32], taps: NDArray[np.float32], delay: int, frames: int
) -> NDArray[np.float32]:
    """Run y[n] = t0·y[n-delay] + t1·y[n-delay-1] + t2·y[n-delay-2], `delay` frames at a time."""
    lead = len(pluck)
    string = np.zeros(lead + frames, np.float32)
    string[:lead] = pluck
    block = max(1, delay)
    scratch = np.empty(block, np.float32)
    for at in range(lead, lead + frames, block):
        out = string[at : at + block]
        part = scratch[: len(out)]
        for order, tap in enumerate(taps):
            first = at - delay - order
            np.multiply(string[first : first + len(out)], tap, out=part)
            out += part
    return string[lead:]
