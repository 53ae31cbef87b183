"""A room and a limiter for what the synthesiser mixes.

Shape legend: n = frames; arrays are (n, 2) left and right, or (2, n) inside.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEAK = 0.98
_WET = 0.16
_ROOM_S = 0.9
_LIMIT_BLOCK_S = 0.005


def reverberated(dry: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return the sound with a gentle room; same shape (n, 2), the tail behind n is cut.

    The mean of both sides is folded with two different decaying noises, one a side.
    """
    frames = len(dry)
    if not frames:
        return dry
    size, hop, spectra = _room(rate)
    sent = dry.mean(axis=1)
    wet = np.zeros((2, frames + size), np.float32)
    for start in range(0, frames, hop):
        spectrum = np.fft.rfft(sent[start : start + hop], size)
        wet[:, start : start + size] += np.fft.irfft(spectrum * spectra, size, axis=1)
    return dry + np.float32(_WET) * wet[:, :frames].T


@lru_cache(maxsize=4)
def _room(rate: int) -> tuple[int, int, NDArray[np.complex64]]:
    """Return FFT size, hop and the spectra (2, size/2 + 1) of the left and right response."""
    length = round(_ROOM_S * rate)
    time_s = np.arange(length) / rate
    noise = np.random.default_rng(7).standard_normal((2, length))
    # High frequencies die first: bright and dark noise, each with its own decay to -60 dB.
    dark = np.apply_along_axis(np.convolve, 1, noise, np.full(16, 1 / 4.0), "same")
    response = 0.5 * noise * np.exp(-6.9 * time_s / 0.35) + dark * np.exp(-6.9 * time_s / _ROOM_S)
    response *= np.clip(time_s / 0.012, 0, 1) * np.clip((time_s[-1] - time_s) / 0.05, 0, 1)
    size = 1 << (2 * length - 1).bit_length()
    spectra = np.fft.rfft(response, size, axis=1)
    hz = np.fft.rfftfreq(size, 1 / rate)
    # A room does not boom: little below 200 Hz, and unit gain where melodies lie.
    spectra *= hz**2 / (hz**2 + 200.0**2)
    melody = (hz > 250) & (hz < 2000)
    spectra /= np.sqrt((np.abs(spectra[:, melody]) ** 2).mean(axis=1, keepdims=True))
    return size, size - length + 1, spectra.astype(np.complex64)


def limited(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Turn loud places down smoothly so that no sample exceeds `PEAK`; quiet ones stay.

    Looks 15 ms ahead: the gain that a block of 5 ms needs is held over its neighbours and
    joined by straight lines, which never rise above what either block allows.
    """
    frames = len(samples)
    if not frames:
        return samples
    block = max(1, round(_LIMIT_BLOCK_S * rate))
    peaks = np.abs(samples).max(axis=1)
    padded = np.concatenate([peaks, np.zeros(-frames % block, np.float32)])
    needed = np.minimum(1.0, PEAK / np.maximum(padded.reshape(-1, block).max(axis=1), 1e-9))
    if needed.min() == 1.0:
        return samples
    held = np.pad(needed, 4, constant_values=1.0)
    held = np.lib.stride_tricks.sliding_window_view(held, 9).min(axis=1)
    borders = np.minimum(np.append(held, 1.0), np.insert(held, 0, 1.0))
    gain = np.interp(np.arange(frames), np.arange(len(borders)) * block, borders)
    turned: NDArray[np.float32] = samples * gain[:, None].astype(np.float32)
    return np.clip(turned, -PEAK, PEAK, out=turned)
