"""The drums of the General MIDI drum map.

Skins are sines that fall in pitch, metal and snares are shaped noise. Every sound is made once,
as a whole.

Shape legend: n = frames; a sound is (3, n): body, edge that velocity brings in, side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqstudio.music.synth.tones import LAYERS

Frames = NDArray[np.float64]
_ROW = 256


@dataclass(frozen=True, slots=True)
class Drum:
    """What one drum is made of.

    Attributes:
        hz: Pitch that a skin settles at, 0 for none.
        drop: How much higher it begins, as a ratio minus one.
        skin_s: Time of the skin to -60 dB.
        noise: Level of the noise beside the skin of level 1.
        band: Lowest and highest frequency of the noise.
        noise_s: Time of the noise to -60 dB.
        metal: Frequencies of ringing modes, their share in the noise.
        bursts: Onsets of several strokes of noise in seconds, for a clap.
        gain: Loudness of the whole.
        pan: Place from -1 left to 1 right.
    """

    hz: float = 0.0
    drop: float = 0.0
    skin_s: float = 0.3
    noise: float = 0.0
    band: tuple[float, float] = (200.0, 8000.0)
    noise_s: float = 0.2
    metal: tuple[float, ...] = ()
    bursts: tuple[float, ...] = field(default=(0.0,))
    gain: float = 1.0
    pan: float = 0.0


_HAT = (3020.0, 4130.0, 5270.0, 6180.0, 7410.0, 8650.0, 9930.0)
_PLATE = (389.0, 547.0, 823.0, 1191.0, 1743.0, 2390.0, 3170.0, 4290.0, 5630.0, 7190.0)
_BELL = (562.0, 845.0)
_CLAP = (0.0, 0.011, 0.023)

_KICK = Drum(52, 2.6, 0.34, 0.16, (1000, 5000), 0.02, gain=1.25)
_SNARE = Drum(188, 0.5, 0.16, 0.85, (900, 9500), 0.22, gain=0.95)
_STICK = Drum(810, 0.1, 0.05, 0.6, (1500, 7000), 0.03, gain=0.8)
_CRASH = Drum(noise=1.0, band=(700, 15000), noise_s=2.2, metal=_PLATE, gain=0.9, pan=-0.4)
_RIDE = Drum(noise=0.8, band=(3000, 13000), noise_s=1.3, metal=_PLATE, gain=0.75, pan=0.45)
_SHAKER = Drum(noise=1.0, band=(4500, 13000), noise_s=0.11, gain=0.4, pan=0.3)


def _tom(hz: float, pan: float) -> Drum:
    return Drum(hz, 0.45, 0.5, 0.12, (200, 3000), 0.06, gain=1.1, pan=pan)


def _hat(seconds: float) -> Drum:
    return Drum(noise=1.0, band=(5500, 15000), noise_s=seconds, metal=_HAT, gain=0.8, pan=0.3)


def _block(hz: float, seconds: float = 0.08, pan: float = 0.2) -> Drum:
    return Drum(hz, 0.02, seconds, 0.12, (1000, 6000), 0.015, gain=0.75, pan=pan)


def _conga(hz: float, seconds: float = 0.22) -> Drum:
    return Drum(hz, 0.12, seconds, 0.2, (500, 5000), 0.03, gain=0.9, pan=-0.3)


DRUMS: dict[int, Drum] = {
    35: Drum(46, 2.2, 0.42, 0.1, (800, 4000), 0.02, gain=1.25),
    36: _KICK,
    37: _STICK,
    38: _SNARE,
    39: Drum(noise=1.0, band=(800, 6000), noise_s=0.18, bursts=_CLAP, gain=0.8, pan=0.1),
    40: Drum(222, 0.4, 0.12, 1.0, (1200, 11000), 0.18, gain=0.9),
    41: _tom(78, -0.5),
    42: _hat(0.09),
    43: _tom(94, -0.35),
    44: _hat(0.06),
    45: _tom(112, -0.15),
    46: _hat(0.75),
    47: _tom(134, 0.05),
    48: _tom(162, 0.25),
    49: _CRASH,
    50: _tom(196, 0.4),
    51: _RIDE,
    52: Drum(noise=1.0, band=(500, 11000), noise_s=1.4, metal=_PLATE, gain=0.9, pan=0.4),
    53: Drum(noise=0.9, band=(2000, 9000), noise_s=1.0, metal=(1180.0, 2870.0, 4510.0), gain=0.4),
    54: Drum(noise=1.0, band=(5000, 14000), noise_s=0.25, metal=(6200.0, 8100.0), gain=0.4),
    55: Drum(noise=1.0, band=(1500, 15000), noise_s=0.8, metal=_PLATE, gain=0.9, pan=-0.2),
    56: Drum(noise=1.0, band=(500, 5000), noise_s=0.3, metal=_BELL, gain=0.6, pan=0.2),
    57: Drum(noise=1.0, band=(600, 14000), noise_s=1.9, metal=_PLATE, gain=0.9, pan=0.45),
    58: Drum(noise=1.0, band=(1500, 6000), noise_s=0.9, bursts=(0.0, 0.04, 0.08, 0.12), gain=0.5),
    59: Drum(noise=0.8, band=(2600, 12000), noise_s=1.1, metal=_PLATE, gain=0.75, pan=0.3),
    60: _conga(392, 0.14),
    61: _conga(278, 0.17),
    62: _conga(236, 0.09),
    63: _conga(224),
    64: _conga(166, 0.28),
    65: Drum(331, 0.2, 0.3, 0.2, (800, 6000), 0.05, gain=0.9, pan=0.35),
    66: Drum(247, 0.2, 0.35, 0.2, (700, 5000), 0.05, gain=0.9, pan=0.2),
    67: Drum(noise=1.0, band=(700, 5000), noise_s=0.25, metal=(915.0, 1420.0), gain=0.5, pan=-0.3),
    68: Drum(noise=1.0, band=(500, 4000), noise_s=0.28, metal=(660.0, 1030.0), gain=0.5, pan=-0.3),
    69: _SHAKER,
    70: Drum(noise=1.0, band=(5000, 14000), noise_s=0.07, gain=0.4, pan=-0.3),
    71: Drum(2310, 0.0, 0.18, 0.1, (2000, 6000), 0.15, gain=0.4),
    72: Drum(2310, 0.0, 0.5, 0.1, (2000, 6000), 0.4, gain=0.4),
    73: Drum(noise=1.0, band=(2000, 8000), noise_s=0.1, bursts=(0.0, 0.02, 0.04), gain=0.5),
    74: Drum(noise=1.0, band=(2000, 8000), noise_s=0.2, bursts=(0.0, 0.03, 0.06, 0.09), gain=0.5),
    75: _block(2480, 0.06),
    76: _block(1100),
    77: _block(760, 0.1),
    78: Drum(420, 0.6, 0.12, gain=0.7),
    79: Drum(360, -0.25, 0.3, gain=0.7),
    80: Drum(noise=1.0, band=(4000, 12000), noise_s=0.15, metal=(4390.0, 7120.0), gain=0.35),
    81: Drum(noise=1.0, band=(4000, 12000), noise_s=1.6, metal=(4390.0, 7120.0), gain=0.35),
}
"""By pitch."""

#: A drum that is struck damps these: the foot on the hi-hat, the hand on cuica and triangle.
DAMPS: dict[int, tuple[int, ...]] = {
    42: (46, 44),
    44: (46, 42),
    46: (46, 42, 44),
    71: (72,),
    78: (79,),
    80: (81,),
}


def drum(pitch: int) -> Drum:
    """Return the drum of a pitch; outside the map a block of wood of that height."""
    return DRUMS.get(pitch) or _block(440.0 * 2.0 ** ((min(max(pitch, 40), 110) - 69) / 12))


def drum_frames(pitch: int, rate: int) -> NDArray[np.float32]:
    """Return the sound of a drum, (3, n), about unit peak before its gain."""
    made = drum(pitch)
    seconds = max(made.skin_s if made.hz else 0.0, made.noise_s + made.bursts[-1]) * 1.15 + 0.02
    frames = np.zeros((LAYERS, round(seconds * rate)))
    if made.hz:
        _add_skin(frames, made, rate)
    if made.noise:
        _add_noise(frames, made, rate, np.random.default_rng(1000 + pitch))
    frames = _without_offset(frames, rate)
    rest = min(len(frames[0]), round(0.01 * rate))
    frames[:, -rest:] *= np.linspace(1, 0, rest)
    return (made.gain * frames).astype(np.float32)


def _without_offset(frames: Frames, rate: int) -> Frames:
    """Take away what moves slower than 25 Hz, which nobody hears and which costs level."""
    count = frames.shape[1]
    size = 1 << (2 * count).bit_length()
    hz = np.fft.rfftfreq(size, 1 / rate)
    high = 1j * hz / (25 + 1j * hz)
    return np.asarray(np.fft.irfft(np.fft.rfft(frames, size, axis=1) * high, axis=1)[:, :count])


def _add_skin(frames: Frames, made: Drum, rate: int) -> None:
    time_n = np.arange(frames.shape[1]) / rate
    fall = 28.0
    turns_n = made.hz * (time_n + made.drop * (1 - np.exp(-fall * time_n)) / fall)
    skin_n = np.sin(2 * np.pi * turns_n) * np.exp(-6.9 * time_n / made.skin_s)
    over_n = np.sin(2 * np.pi * 1.593 * turns_n) * np.exp(-6.9 * time_n / (0.45 * made.skin_s))
    frames[0] += skin_n + 0.25 * over_n
    frames[1] += 0.35 * over_n


def _add_noise(frames: Frames, made: Drum, rate: int, random: np.random.Generator) -> None:
    count = frames.shape[1]
    time_n = np.arange(count) / rate
    noise = _band(random, count, made.band, rate, 3)
    if made.metal:
        noise = 0.55 * noise + 0.45 * _ringing(random, made.metal, time_n, rate)
    envelope_n = np.zeros(count)
    for onset in made.bursts:
        late_n = np.maximum(time_n - onset, 0)
        last = onset == made.bursts[-1]
        shape_n = np.exp(-6.9 * late_n / (made.noise_s if last else 0.05)) * (time_n >= onset)
        envelope_n = np.maximum(envelope_n, shape_n)
    level = 0.55 * made.noise
    frames[0] += level * 0.7 * envelope_n * noise[0]
    # Harder strokes are brighter: the edge dies sooner and begins stronger.
    frames[1] += level * 0.8 * envelope_n**1.5 * noise[1]
    frames[2] += level * 0.3 * envelope_n * noise[2]


def _band(
    random: np.random.Generator, count: int, band: tuple[float, float], rate: int, rows: int
) -> Frames:
    """Return rows of noise between two frequencies, root mean square 1/2."""
    size = 1 << max(8, (count - 1).bit_length())
    hz = np.fft.rfftfreq(size, 1 / rate)
    low, high = band
    shape = 1 / np.sqrt(1 + (low / np.maximum(hz, 1.0)) ** 6) / np.sqrt(1 + (hz / high) ** 8)
    shape[hz > 0.45 * rate] = 0
    spectrum = shape * np.exp(2j * np.pi * random.uniform(size=(rows, len(hz))))
    noise: Frames = np.fft.irfft(spectrum, size, axis=1)[:, :count]
    return np.asarray(0.5 * noise / np.sqrt((noise**2).mean(axis=1, keepdims=True) + 1e-20))


def _ringing(
    random: np.random.Generator, metal: tuple[float, ...], time_n: Frames, rate: int
) -> Frames:
    """Return (3, n) of ringing modes with random phases, root mean square about 1/2."""
    step_M = 2j * np.pi * np.array([hz for hz in metal if hz < 0.42 * rate]) / rate
    count = len(time_n)
    starts = np.arange(-(-count // _ROW)) * _ROW
    turned = np.exp(1j * random.uniform(0, 2 * np.pi, (3, 1, len(step_M))))
    rows = np.exp(starts[:, None] * step_M) * turned
    ringing = (rows @ np.exp(step_M[:, None] * np.arange(_ROW))).imag.reshape(3, -1)[:, :count]
    return np.asarray(ringing / np.sqrt(2 * len(metal)))
