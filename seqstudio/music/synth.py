"""A small synthesiser in numpy: four instruments, a room, a limiter. No downloads.

Shape legend: n = frames, K = partials.

A tone of one pitch is computed once, as long as its longest note, and cut and shaped for every
note; that makes four voices many times faster than real time. What a score sounds like depends
on the score alone: all noise comes from seeded generators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.core.errors import MusicError
from seqstudio.music.plucked import plucked_string
from seqstudio.music.room import limited, reverberated

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seqstudio.music.score import Note, Score

RATE = 44_100
LONGEST_S = 1800.0
_END_FADE_S = 0.02
_TUNING_HZ = 440.0


@dataclass(frozen=True, slots=True)
class _Instrument:
    """How a note sounds.

    Attributes:
        tone: (pitch in Hz, frames, rate) to a mono tone of about unit peak, not yet shaped.
        attack_s: Time to full loudness.
        release_s: Time from the end of the note to silence.
        gain: Linear gain at full velocity.
    """

    tone: Callable[[float, int, int], NDArray[np.float32]]
    attack_s: float
    release_s: float
    gain: float


def _partials(
    hz: float, frames: int, rate: int, ratios: tuple[float, ...], levels: tuple[float, ...]
) -> NDArray[np.float32]:
    """Return steady partials, those above 0.45 of the rate left out; unit sum of levels."""
    time_n = np.arange(frames, dtype=np.float64) / rate
    tone_n = np.zeros(frames, np.float32)
    for ratio, level in zip(ratios, levels, strict=True):
        if hz * ratio < 0.45 * rate:
            tone_n += level * np.sin((2 * np.pi * hz * ratio) * time_n, dtype=np.float64)
    return tone_n / np.float32(sum(levels))


def _flute(hz: float, frames: int, rate: int) -> NDArray[np.float32]:
    """Few harmonics, vibrato that sets in late, a little breath."""
    time_n = np.arange(frames, dtype=np.float64) / rate
    depth_n = 0.004 * np.clip((time_n - 0.25) / 0.4, 0, 1)
    # Integral of a 5.2 Hz vibrato of the frequency: phase in turns.
    turns_n = hz * (time_n - depth_n * np.cos(2 * np.pi * 5.2 * time_n) / (2 * np.pi * 5.2))
    levels = (1.0, 0.32, 0.14, 0.045, 0.02)
    tone_n = np.zeros(frames, np.float32)
    for order, level in enumerate(levels, start=1):
        if hz * order < 0.45 * rate:
            tone_n += level * np.sin(2 * np.pi * order * turns_n)
    noise_n = np.random.default_rng(round(hz * 100)).standard_normal(frames).astype(np.float32)
    breath_n = np.convolve(noise_n, np.full(12, 1 / 12, np.float32), mode="same")
    return 0.7 * tone_n + 0.03 * breath_n


def _organ(hz: float, frames: int, rate: int) -> NDArray[np.float32]:
    """Pipes at octaves and twelfth; a second rank, 1 Hz sharp, beats with the first."""
    ratios = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
    levels = (1.0, 0.6, 0.3, 0.3, 0.1, 0.08)
    first_n = _partials(hz, frames, rate, ratios, levels)
    second_n = _partials(hz + 1.0, frames, rate, ratios[:3], levels[:3])
    return np.float32(0.9) * first_n + np.float32(0.2) * second_n


def _piano(hz: float, frames: int, rate: int) -> NDArray[np.float32]:
    """Stretched partials that die away, the high ones and the high notes faster.

    Stiff-string partials k·f·sqrt(1 + B·k²); every partial decays in two stages.
    """
    stiffness = 2e-4 * (hz / 262.0) ** 1.2
    slow = 0.45 * (hz / 262.0) ** 0.75
    time_n = np.arange(frames, dtype=np.float32) / np.float32(rate)
    tone_n = np.zeros(frames, np.float32)
    for order in range(1, 11):
        partial_hz = hz * order * np.sqrt(1 + stiffness * order**2)
        if partial_hz > 0.4 * rate:
            break
        level = 1.0 / order**1.4 * (1.0 if order % 7 else 0.3)
        rate_slow = slow * (1 + 0.35 * order)
        decay_n = 0.6 * np.exp(-5.0 * rate_slow * time_n) + 0.4 * np.exp(-rate_slow * time_n)
        phase_n = (2 * np.pi * partial_hz / rate) * np.arange(frames, dtype=np.float64)
        tone_n += (level * decay_n * np.sin(phase_n)).astype(np.float32)
    return 0.55 * tone_n


_BY_NAME = {
    "flute": _Instrument(_flute, attack_s=0.045, release_s=0.09, gain=0.30),
    "plucked string": _Instrument(plucked_string, attack_s=0.001, release_s=0.12, gain=0.62),
    "piano": _Instrument(_piano, attack_s=0.003, release_s=0.14, gain=0.48),
    "organ": _Instrument(_organ, attack_s=0.015, release_s=0.08, gain=0.34),
}

#: Names that `render` takes.
INSTRUMENTS: tuple[str, ...] = tuple(_BY_NAME)


def render(
    score: Score,
    instrument: str = "flute",
    rate: int = RATE,
    tempo_bpm: float | None = None,
    *,
    tail_s: float = 0.0,
) -> NDArray[np.float32]:
    """Play a score into an array.

    Args:
        score: What to play.
        instrument: One of `INSTRUMENTS`.
        rate: Frames a second.
        tempo_bpm: Quarter notes a minute, None for the tempo of the score.
        tail_s: Seconds after the end of the score in which the room dies away.

    Returns:
        (n, 2) left and right, float32, peak at most 0.98. n is the length of the score in
        frames, rounded, plus the tail; the last 20 ms fade to silence.

    Raises:
        MusicError: The instrument is not known, or the score lasts longer than half an hour.
    """
    voice = _BY_NAME.get(instrument)
    if voice is None:
        raise MusicError(f"no instrument is called “{instrument}”", hint=_names_hint())
    beat_s = 60.0 / (tempo_bpm or score.tempo_bpm)
    if float(score.end_beats) * beat_s > LONGEST_S:
        raise MusicError(
            "the score is too long to play",
            f"it lasts {float(score.end_beats) * beat_s / 60:.0f} minutes, 30 are possible",
            "play a part of it, or a faster tempo",
        )
    frames = round(float(score.end_beats) * beat_s * rate)
    dry = _mixed(score, voice, frames + round(tail_s * rate), rate, beat_s)
    wet = limited(reverberated(dry, rate), rate)
    _fade_end(wet, round(_END_FADE_S * rate))
    return wet


def _names_hint() -> str:
    return "choose one of: " + ", ".join(INSTRUMENTS)


def _mixed(
    score: Score, voice: _Instrument, frames: int, rate: int, beat_s: float
) -> NDArray[np.float32]:
    """Return the sum of all notes, (n, 2), low notes to the left and high ones to the right."""
    out = np.zeros((2, frames), np.float32)
    spans = [
        (note, round(float(note.start) * beat_s * rate), round(float(note.end) * beat_s * rate))
        for note in score.notes
    ]
    release = round(voice.release_s * rate)
    longest: dict[int, int] = {}
    for note, start, end in spans:
        longest[note.pitch] = max(longest.get(note.pitch, 0), end - start + release)
    tones = {
        pitch: voice.tone(_TUNING_HZ * 2 ** ((pitch - 69) / 12), length, rate)
        for pitch, length in longest.items()
    }
    attack = max(1, round(voice.attack_s * rate))
    for note, start, end in spans:
        shaped = _shaped(tones[note.pitch], end - start, attack, release)
        shaped = shaped[: max(0, frames - start)]
        left, right = _levels(note, voice.gain)
        out[0, start : start + len(shaped)] += left * shaped
        out[1, start : start + len(shaped)] += right * shaped
    return out.T


def _shaped(
    tone: NDArray[np.float32], held: int, attack: int, release: int
) -> NDArray[np.float32]:
    """Cut a note of `held` frames from a tone: smooth attack, smooth release after it."""
    shaped = tone[: held + release].copy()
    rise = min(attack, len(shaped))
    shaped[:rise] *= _smooth_rise(rise)
    shaped[held:] *= _smooth_rise(release)[::-1]
    return shaped


def _smooth_rise(frames: int) -> NDArray[np.float32]:
    """Return half a raised cosine from 0 to nearly 1."""
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(frames) / max(1, frames))).astype(np.float32)


def _levels(note: Note, gain: float) -> tuple[np.float32, np.float32]:
    """Return the left and right gain: loudness by velocity, place by pitch, equal power."""
    loudness = gain * (note.velocity / 100.0) ** 1.5
    angle = np.pi / 4 * (1 + np.clip((note.pitch - 66) / 60, -0.4, 0.4))
    return np.float32(loudness * np.cos(angle)), np.float32(loudness * np.sin(angle))


def _fade_end(samples: NDArray[np.float32], frames: int) -> None:
    count = min(frames, len(samples))
    if count:
        samples[len(samples) - count :] *= np.linspace(1, 0, count, dtype=np.float32)[:, None]
