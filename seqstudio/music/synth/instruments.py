"""The instruments of the synthesiser, and which of them plays a track.

Shape legend: K = sines or harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.synth.drums import drum, drum_frames
from seqstudio.music.synth.ensemble import Blown, Ensemble
from seqstudio.music.synth.modal import Modal, Sines
from seqstudio.music.synth.tones import CHUNK, Sampled, Tone, ToneCache, dying

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seqstudio.music.score import Track

TUNING_HZ = 440.0
#: Root mean square of one note of velocity 80, before the gain of its instrument.
_LEVEL = 0.075
_TONES = ToneCache()


@dataclass(frozen=True, slots=True)
class Instrument:
    """How notes become tones.

    Attributes:
        tone: (pitch, frames a second) to the tone of a pitch.
        gain: Linear gain that makes instruments equally loud.
        width: How much of the side of the tones is heard.
        spread: How far low notes stand to the left and high ones to the right.
        program: General MIDI program that a SoundFont plays it with.
    """

    tone: Callable[[int, int], Tone]
    gain: float = 1.0
    width: float = 0.5
    spread: float = 0.35
    program: int = 0


def frequency(pitch: float) -> float:
    """Return the frequency of a pitch in Hz, equal temperament, A4 = 440 Hz."""
    return float(TUNING_HZ * 2.0 ** ((pitch - 69) / 12))


def _levelled(sines: Sines, hz: float) -> Sines:
    """Return sines as loud as every other tone, high notes a little softer."""
    rms = sines.rms(0.45, 0.0, 0.4)
    return sines.scaled(_LEVEL / max(rms, 1e-9) * (262.0 / max(hz, 60.0)) ** 0.15)


def _phases(count: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, 2 * np.pi, count)


def _sided(levels: NDArray[np.float64], share: float, seed: int) -> NDArray[np.float64]:
    """Return (3, K): body, edge, and a side of the same colour whose signs are drawn."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], levels.shape[1])
    return np.concatenate([levels, [share * signs * levels.sum(axis=0)]])


def _orders(hz: float, rate: int, most: int, top_hz: float = 15_000.0) -> NDArray[np.float64]:
    count = int(min(top_hz, 0.42 * rate) / hz)
    return np.arange(1, max(2, min(most, count) + 1), dtype=np.float64)


def _modal(sines: Sines, hz: float, rate: int, attack_s: float, release_s: float | None) -> Tone:
    sines = _levelled(sines.below(rate), hz)
    release = None if release_s is None else dying(release_s, rate)
    attack, length = max(1, round(attack_s * rate)), round(sines.silent_s() * rate)
    return Tone(Modal(sines, rate), release, attack=attack, length=length)


def _knock(modes: tuple[float, ...], decay: float, level: float, seed: int) -> Sines:
    """Return the short dull sound of a body that is hit."""
    hz = np.array(modes)
    level_K = level / np.sqrt(len(modes)) * np.ones(len(modes))
    levels = _sided(np.stack([0.5 * level_K, level_K]), 0.3, seed)
    return Sines(hz, decay * (1 + hz / 900), levels, _phases(len(modes), seed))


def _piano(pitch: int, rate: int) -> Tone:
    """Stiff strings, two or three to a note, struck at an eighth of their length.

    Partials k·f·sqrt((1 + B·k²) / (1 + B)); each dies away in two stages, since the strings of
    a note are not tuned quite alike and give their energy to the bridge together at first.
    """
    hz = frequency(pitch)
    stiffness = min(0.02, 1.3e-4 * 2 ** max(0.0, (pitch - 45) / 11))
    order_K = _orders(hz, rate, 36)
    hz_K = hz * order_K * np.sqrt((1 + stiffness * order_K**2) / (1 + stiffness))
    struck_K = np.abs(np.sin(np.pi * order_K / 8.3)) ** 0.7 / order_K**0.55
    soft_K = struck_K / (1 + (hz_K / (520 + 0.8 * hz)) ** 2.2)
    loud_K = struck_K / (1 + (hz_K / (3600 + 2.2 * hz)) ** 2)
    # The soundboard carries the lowest strings badly.
    board_K = 1 / (1 + (75 / hz_K) ** 2)
    levels = np.stack([soft_K, loud_K - soft_K]) * board_K
    slow_K = 0.26 * (hz / 262) ** 0.62 * (1 + 0.10 * order_K + (hz_K / 4200) ** 1.3)
    two = Sines(
        np.concatenate([hz_K, hz_K * 2 ** (0.55 / 1200)]),
        np.concatenate([4.2 * slow_K, slow_K]),
        _sided(np.concatenate([0.68 * levels, 0.36 * levels], axis=1), 0.3, pitch),
        np.tile(_phases(len(order_K), pitch), 2),
    )
    level = float(np.sqrt((soft_K**2).sum()))
    two = two.joined(_knock((83, 131, 178, 247, 316, 402, 519, 684), 55, 0.14 * level, pitch))
    release_s = 0.9 if pitch >= 90 else 0.22 + 0.2 * max(0, 60 - pitch) / 40
    return _modal(two, hz, rate, 0.0022, release_s)


def _plucked(pitch: int, rate: int) -> Tone:
    """A guitar string, plucked at a fifth of its length, on a wooden body."""
    hz = frequency(pitch)
    order_K = _orders(hz, rate, 34)
    hz_K = hz * order_K * np.sqrt((1 + 4e-5 * order_K**2) / (1 + 4e-5))
    comb_K = np.abs(np.sin(np.pi * order_K * 0.21)) + 0.05
    soft_K = comb_K / order_K**0.7 / (1 + (hz_K / (900 + hz)) ** 2)
    loud_K = comb_K / order_K**0.5 / (1 + (hz_K / (5200 + hz)) ** 2)
    # The air of the body and its top sound with the strings.
    body_K = 1 + 0.9 / (1 + ((hz_K - 105) / 30) ** 2) + 0.7 / (1 + ((hz_K - 210) / 45) ** 2)
    body_K *= hz_K**2 / (hz_K**2 + 70.0**2)
    decay_K = 0.75 * (hz / 262) ** 0.5 * (1 + 0.22 * order_K) + (hz_K / 3500) ** 2
    levels = _sided(np.stack([soft_K, loud_K - soft_K]) * body_K, 0.25, pitch)
    strings = Sines(hz_K, decay_K, levels, _phases(len(order_K), 7 * pitch))
    level = float(np.sqrt((soft_K**2).sum()))
    knock = _knock((104, 197, 283, 391, 553, 1130, 1890), 70, 0.16 * level, pitch)
    return _modal(strings.joined(knock), hz, rate, 0.0012, 0.16)


def _bass(pitch: int, rate: int) -> Tone:
    """An electric bass: a long round fundamental, fingers, little above 2 kHz."""
    hz = frequency(pitch)
    order_K = _orders(hz, rate, 24, 6000.0)
    hz_K = hz * order_K * np.sqrt((1 + 6e-5 * order_K**2) / (1 + 6e-5))
    comb_K = np.abs(np.sin(np.pi * order_K * 0.17)) + 0.08
    soft_K = comb_K / order_K**0.9 / (1 + (hz_K / (320 + hz)) ** 2)
    loud_K = comb_K / order_K**0.6 / (1 + (hz_K / (2000 + hz)) ** 2)
    decay_K = 0.55 * (hz / 65) ** 0.35 * (1 + 0.32 * order_K) + (hz_K / 1500) ** 2
    levels = _sided(np.stack([soft_K, loud_K - soft_K]), 0.06, pitch)
    strings = Sines(hz_K, decay_K, levels, _phases(len(order_K), 11 * pitch))
    level = float(np.sqrt((soft_K**2).sum()))
    knock = _knock((61, 118, 710, 1240), 60, 0.1 * level, pitch)
    return _modal(strings.joined(knock), hz, rate, 0.004, 0.14)


_PIPES = ((1, 1.0), (2, 0.62), (3, 0.32), (4, 0.34), (6, 0.13), (8, 0.12), (12, 0.03), (16, 0.02))


def _organ(pitch: int, rate: int) -> Tone:
    """Principal pipes at octaves and twelfths; a second rank, a little sharp, stands beside."""
    hz = frequency(pitch)
    loop_s = 2.0
    cycles = max(1, round(loop_s * hz))
    length = round(cycles * rate / hz)
    step_hz = rate / length
    order_K = np.array([order for order, _level in _PIPES], dtype=np.float64)
    level_K = np.array([level for _order, level in _PIPES])
    # High pipes repeat at the octave below instead of squeaking.
    level_K = level_K / (1 + (hz * order_K / 5000) ** 4)
    away = np.ones(len(order_K))
    second = np.maximum(1, np.rint(np.minimum(order_K, 4)))
    hz_K = np.concatenate([cycles * order_K, cycles * order_K + second]) * step_hz
    zero = np.zeros_like(level_K)
    body = np.concatenate([level_K, 0.16 * level_K])
    edge = np.concatenate([level_K * 0.35 * np.log2(order_K + 1e-9), zero])
    side = np.concatenate([zero, 0.35 * away * level_K * np.where(order_K % 4 < 2, 1, -1)])
    sines = Sines(hz_K, np.zeros(len(hz_K)), np.stack([body, edge, side]), _phases(len(hz_K), 3))
    sines = _levelled(sines.below(rate), hz)
    chiff = 2 * CHUNK
    return Tone(
        Modal(sines, rate),
        dying(0.2, rate),
        attack=max(1, round(0.018 * rate)),
        loop=(chiff, chiff + length),
    )


def _flute_levels(
    hz_K: NDArray[np.float64], order_K: NDArray[np.float64], bright: float
) -> NDArray[np.float64]:
    base = np.array([1.0, 0.42, 0.2, 0.09, 0.05, 0.025, 0.012, 0.006])
    level_K = np.zeros(len(order_K))
    count = min(len(base), len(order_K))
    level_K[:count] = base[:count]
    level_K *= (0.45 + 1.1 * bright) ** np.minimum(order_K - 1, 3) * order_K.clip(1, 2) ** 0.2
    return np.asarray(level_K / (1 + (hz_K / 6000) ** 4))


def _string_levels(
    hz_K: NDArray[np.float64], order_K: NDArray[np.float64], bright: float
) -> NDArray[np.float64]:
    """Return a saw softened by the bow, seen through the resonances of violins and violas."""
    cut = 1500 + 5200 * bright
    saw_K = 1 / order_K**0.9 / (1 + (hz_K / cut) ** 2)
    body_K = np.full(len(hz_K), 0.55)
    for centre, width, height in (
        (285, 90, 0.4),
        (460, 140, 0.4),
        (1150, 400, 0.5),
        (2600, 900, 0.7),
    ):
        body_K += height / (1 + ((hz_K - centre) / width) ** 2)
    return np.asarray(saw_K * body_K)


_SECTION = (
    (0.0, 1.0, 0.0), (-3.3, 0.4, 0.3), (3.8, 0.38, -0.3), (-5.6, 0.1, -0.5), (5.1, 0.1, 0.5),
)  # fmt: skip
_FLUTE = Blown(_flute_levels, vibrato_cents=9, vibrato_hz=5.1, breath=0.045, loop_s=2.4)
_STRINGS = Blown(
    _string_levels, players=_SECTION, vibrato_cents=7, vibrato_hz=5.6,
    vibrato_after_s=0.5, breath=0.012, loop_s=3.0,
)  # fmt: skip


def _blown(pitch: int, rate: int, blown: Blown, attack_s: float, release_s: float) -> Tone:
    hz = frequency(pitch)
    source = Ensemble(hz, blown, rate, seed=pitch, level=_LEVEL)
    attack = max(1, round(attack_s * rate))
    return Tone(source, dying(release_s, rate), attack=attack, loop=source.loop)


def _flute(pitch: int, rate: int) -> Tone:
    return _blown(pitch, rate, _FLUTE, 0.05, 0.16)


def _strings(pitch: int, rate: int) -> Tone:
    return _blown(pitch, rate, _STRINGS, 0.09, 0.32)


def _drums(pitch: int, rate: int) -> Tone:
    frames = drum_frames(pitch, rate)
    return Tone(Sampled(0.4 * frames), None, length=frames.shape[1])


_BY_NAME: dict[str, Instrument] = {
    "piano": Instrument(_piano, gain=0.86, width=0.55, program=0),
    "plucked string": Instrument(_plucked, gain=1.1, width=0.5, program=24),
    "organ": Instrument(_organ, width=0.8, program=19),
    "strings": Instrument(_strings, gain=1.05, width=0.8, program=48),
    "flute": Instrument(_flute, gain=1.06, width=0.5, program=73),
    "bass": Instrument(_bass, gain=0.93, width=0.3, spread=0.0, program=33),
    "drums": Instrument(_drums, gain=1.1, width=0.6, spread=0.0),
}

#: Names that `render` and `Sound` take.
INSTRUMENTS: tuple[str, ...] = tuple(_BY_NAME)

#: First program behind each family of General MIDI, and what plays it.
_FAMILIES = (
    (8, "piano"), (16, "plucked string"), (24, "organ"), (32, "plucked string"), (40, "bass"),
    (45, "strings"), (47, "plucked string"), (48, "bass"), (56, "strings"), (64, "organ"),
    (80, "flute"), (96, "organ"), (104, "strings"), (109, "plucked string"), (112, "flute"),
    (120, "plucked string"), (128, "flute"),
)  # fmt: skip


def instrument_of(track: Track) -> str:
    """Return which of `INSTRUMENTS` plays a track, by its General MIDI program."""
    if track.drums:
        return "drums"
    return next(name for behind, name in _FAMILIES if track.program < behind)


def instrument(name: str) -> Instrument:
    """Return an instrument by name.

    Raises:
        KeyError: There is none of that name.
    """
    return _BY_NAME[name]


def tone_of(name: str, pitch: int, rate: int) -> Tone:
    """Return the tone of a pitch, kept for the next time."""
    return _TONES.get((name, pitch, rate), lambda: _BY_NAME[name].tone(pitch, rate))


def has_tone(name: str, pitch: int, rate: int) -> bool:
    """Tell whether a tone has been made; a rare one takes most of a second."""
    return _TONES.has((name, pitch, rate))


def place_of(name: str, pitch: int) -> float:
    """Return where a note stands by itself, from -1 left to 1 right."""
    if name == "drums":
        return drum(pitch).pan * 0.7
    return _BY_NAME[name].spread * min(1.0, max(-1.0, (pitch - 62) / 32))
