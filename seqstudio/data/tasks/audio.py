"""Sound as a text of 256 loudnesses: the next sample is a class.

Shape legend: N = samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.sound import read_sound
from seqstudio.data.tasks.base import hash_of
from seqstudio.data.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

LEVELS = 256
MU = LEVELS - 1
FIRST_SYMBOL = 0x2800
"""Braille patterns: 256 characters in a row, one for each level."""
LEAST_S = 1.0
GENERATED_S = 30
_SCALE = (220.0, 246.94, 277.18, 329.63, 369.99, 440.0)
_BEAT_S = 0.25
_LATE_S, _DETUNED, _HISS = 0.03, 0.002, 0.002


@dataclass(frozen=True)
class Loudnesses(Vocabulary):
    """The 256 levels, and how fast they follow each other.

    Attributes:
        rate: Samples a second.
    """

    symbols: tuple[str, ...] = tuple(chr(FIRST_SYMBOL + at) for at in range(LEVELS))
    rate: int = 8000


def companded(samples: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Return the level (N,) of each sample from -1 to 1: quiet sounds get the finer steps.

    Source:
        ITU-T G.711, mu-law with mu = 255, in its continuous form.
    """
    clipped = np.clip(np.asarray(samples, np.float64), -1, 1)
    bent = np.sign(clipped) * np.log1p(MU * np.abs(clipped)) / math.log1p(MU)
    levels: NDArray[np.uint16] = np.minimum((bent + 1) / 2 * LEVELS, MU).astype(np.uint16)
    return levels


def expanded(levels: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the sample in the middle of each level (N,)."""
    bent = (np.asarray(levels, np.float64) + 0.5) / LEVELS * 2 - 1
    return (np.sign(bent) * np.expm1(np.abs(bent) * math.log1p(MU)) / MU).astype(np.float32)


def plucked(rate: int, seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Return a melody (N,) of plucked tones on six pitches, about four tones a second.

    Time, loudness and tuning of every tone differ a little, and there is some noise: no stretch
    comes twice, so it cannot be learnt by heart.
    """
    rng = np.random.default_rng(seed)
    count, beat = int(rate * seconds), int(rate * _BEAT_S)
    out = np.zeros(count + 3 * beat)
    note = 0
    for start in range(0, count, beat):
        note = int(np.clip(note + rng.integers(-2, 3), 0, len(_SCALE) - 1))
        pitch = _SCALE[note] * (1 + _DETUNED * rng.normal())
        tone = rng.uniform(0.3, 0.6) * _tone(pitch, np.arange(2 * beat) / rate, rate)
        first = start + int(rng.uniform(0, _LATE_S) * rate)
        out[first : first + len(tone)] += tone
    out += _HISS * rng.normal(size=len(out))
    return np.clip(out[:count], -1, 1).astype(np.float32)


def _tone(pitch: float, time: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Return one plucked tone: four partials, the higher ones die away sooner."""
    out = np.zeros(len(time))
    for partial in range(1, 5):
        if pitch * partial < rate / 2:
            decay = 0.6**partial * np.exp(-4 * partial * time)
            out += decay * np.sin(2 * np.pi * pitch * partial * time)
    return out * np.minimum(1, time * 200)


def open_audio(settings: DataSettings, base: Path | None) -> Dataset:
    """Open a WAV file, or without a path a melody of plucked tones.

    Raises:
        DataError: The file is no WAV file, broken or too short.
    """
    if settings.path:
        path = resolve(settings.path, base)
        sound = read_sound(path, settings.rate)
        title, origin, notes = path.name, f"Your file {path}.", sound.notes
        samples, rate = sound.samples, sound.rate
    else:
        rate = settings.rate
        title, samples = "Plucked tones", plucked(rate, GENERATED_S)
        origin = f"Drawn by rule: six pitches, {GENERATED_S} s at {rate:,} Hz; free to use."
        notes = ()
    if len(samples) < LEAST_S * rate:
        raise DataError(
            f"{title} is too short to learn from",
            f"{len(samples) / rate:.2f} s, at least {LEAST_S:g} s is needed",
        )
    ids = companded(samples)
    cut = int(len(ids) * (1 - settings.held_out))
    return Dataset(
        title=title,
        origin=origin,
        pattern="next token",
        input="ids",
        vocabulary=Loudnesses(rate=rate),
        unit="nats per sample",
        token_name="sample",
        chance=math.log(LEVELS),
        content_hash=hash_of(f"audio {rate}", ids[:cut], ids[cut:]),
        train=ids[:cut],
        valid=ids[cut:],
        notes=(f"{LEVELS} levels (mu-law) at {rate:,} Hz", *notes),
    )
