"""A sample as a tone: read at the pitch of a key, looped, filtered, under its envelope.

Shape legend: n = frames of the tone. Between frames of the sample a windowed sinc reads, narrow
enough that nothing above half the rate folds back when the sample is played higher.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.synth.tones import CHUNK, Sampled, Tone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.music.soundfont.tables import Rows
    from seqstudio.music.soundfont.zones import Region

_PHASES = 4096
_TAPS = 16
_MOST_TAPS = 64
_MARGIN = 2048
_LONGEST_S = 30.0
_SHORTEST_RELEASE_S, _LONGEST_RELEASE_S = 0.012, 8.0
_SILENT_CB = 960.0
_OPEN_CENTS = 13_400


@dataclass(frozen=True, slots=True)
class _Reading:
    """Which frames are read, and how fast.

    Attributes:
        data: Frames of the sample.
        step: Frames of the sample for one of the tone.
        loop: First frame and the one behind the last that repeat, None without.
        period: Frames of the tone after which it repeats, 0 without a loop.
    """

    data: NDArray[np.int16]
    step: float
    loop: tuple[int, int] | None
    period: int


@dataclass(frozen=True, slots=True)
class _Envelope:
    """Volume over time: rise, rest, fall to a level that holds. Times in frames, levels in dB."""

    delay: float
    attack: float
    hold: float
    decay: float
    sustain_db: float

    @property
    def settled(self) -> float:
        """Frames until the level holds, or until it is silent."""
        share = min(1.0, self.sustain_db / (_SILENT_CB / 10))
        return self.delay + self.attack + self.hold + share * self.decay

    @property
    def silent(self) -> bool:
        """Whether the level that it falls to is silence."""
        return self.sustain_db >= _SILENT_CB / 10 - 1

    def gain(self, frame_n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gain of frames."""
        risen = np.clip((frame_n - self.delay) / max(1.0, self.attack), 0, 1)
        late = frame_n - (self.delay + self.attack + self.hold)
        fall_db = np.clip(late / max(1.0, self.decay) * (_SILENT_CB / 10), 0, self.sustain_db)
        return np.asarray(risen * 10 ** (-fall_db / 20))


@dataclass(frozen=True, slots=True)
class _Filter:
    """A low pass that an envelope moves between two frequencies. Times in frames."""

    closed_hz: float
    open_hz: float
    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float

    @property
    def open(self) -> bool:
        """Whether it lets everything through all the time."""
        return min(self.closed_hz, self.open_hz) >= _hertz(_OPEN_CENTS)

    @property
    def settled(self) -> float:
        """Frames until it no longer moves."""
        return 0.0 if self.open else self.delay + self.attack + self.hold + self.decay

    def share(self, frame_n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far it is open, 0 to 1."""
        risen = np.clip((frame_n - self.delay) / max(1.0, self.attack), 0, 1)
        late = frame_n - (self.delay + self.attack + self.hold)
        fallen = np.clip(late / max(1.0, self.decay), 0, 1) * (1 - self.sustain)
        return np.asarray(risen - fallen)


class SampleSource:
    """The source of a tone that reads a sample; one layer."""

    def __init__(
        self, reading: _Reading, envelope: _Envelope, filtering: _Filter, rate: int
    ) -> None:
        """Keep what to read and how it is shaped."""
        self._reading, self._envelope, self._filter = reading, envelope, filtering
        self._kernel = _kernel(max(1.0, round(2 * reading.step) / 2))
        self._rate = rate

    def chunk(self, index: int) -> NDArray[np.float32]:
        first = index * CHUNK
        frame_n = np.arange(first, first + CHUNK, dtype=np.float64)
        read = self._read(first, CHUNK) if self._filter.open else self._filtered(first, frame_n)
        return (read * self._envelope.gain(frame_n)).astype(np.float32)[None]

    def _filtered(self, first: int, frame_n: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return frames between the closed and the open filter, as its envelope says."""
        spectrum = np.fft.rfft(self._read(first - _MARGIN, CHUNK + 2 * _MARGIN))
        closed, opened = (
            np.fft.irfft(spectrum * _response(hz, self._rate))[_MARGIN:-_MARGIN]
            for hz in (self._filter.closed_hz, self._filter.open_hz)
        )
        return np.asarray(closed + self._filter.share(frame_n) * (opened - closed))

    def _read(self, first: int, count: int) -> NDArray[np.float32]:
        """Return frames of the tone without envelope; silence before and behind the sample."""
        place_n = np.arange(first, first + count) * self._reading.step
        whole_n = np.floor(place_n).astype(np.int64)
        phase_n = ((place_n - whole_n) * _PHASES).astype(np.int64)
        taps = self._kernel.shape[1]
        begin, end = int(whole_n[0]) + 1 - taps // 2, int(whole_n[-1]) + 1 + taps // 2
        heard = self._straight(begin, end)
        around = np.lib.stride_tricks.sliding_window_view(heard, taps)[whole_n - whole_n[0]]
        read: NDArray[np.float32] = np.einsum("nt,nt->n", around, self._kernel[phase_n])
        return read

    def _straight(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the sample from one place to another, its loop written out."""
        data, loop = self._reading.data, self._reading.loop
        if loop is None or end <= loop[1]:
            heard = np.zeros(end - begin, np.float32)
            part = data[max(0, begin) : max(0, end)]
            at = max(0, -begin)
            heard[at : at + len(part)] = part
            return heard
        index = np.arange(begin, end)
        turned = loop[0] + (index - loop[0]) % (loop[1] - loop[0])
        index = np.where(index < loop[1], index, turned)
        heard = data.take(index, mode="clip").astype(np.float32)
        heard[: max(0, -begin)] = 0
        return heard


@lru_cache(maxsize=64)
def _kernel(step: float) -> NDArray[np.float32]:
    """Return a sinc below half the rate under a window of Kaiser, (phases, taps), over 32768."""
    taps = min(_MOST_TAPS, 2 * round(_TAPS * step / 2))
    cut = 0.94 / step
    away = np.arange(1 - taps // 2, 1 + taps // 2) - np.arange(_PHASES)[:, None] / _PHASES
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (2 * away / taps) ** 2, 0, 1)))
    kernel = np.sinc(cut * away) * window
    kernel /= kernel.sum(axis=1, keepdims=True) * 32768.0
    return kernel.astype(np.float32)


@lru_cache(maxsize=256)
def _response(hz: float, rate: int) -> NDArray[np.float64]:
    """Return the gain of a low pass of 12 dB an octave."""
    at = np.fft.rfftfreq(CHUNK + 2 * _MARGIN, 1 / rate)
    return np.asarray(1 / np.sqrt(1 + (at / hz) ** 4))


def tone_of_region(
    sound: NDArray[np.int16], sample: Rows, region: Region, key: int, rate: int
) -> Tone:
    """Return the tone of a key; silence where a region plays nothing.

    Args:
        sound: All frames of the file.
        sample: Row of the sample.
        region: How it is played.
        key: Key that is played, 0 to 127.
        rate: Frames a second of the tone.
    """
    key = region.get(46) if region.get(46) >= 0 else key
    reading = _reading(sound, sample, region, key, rate)
    if reading is None:
        return Tone(Sampled(np.zeros((1, 1), np.float32)), None, length=1, layers=1)
    envelope = _envelope(region, key, rate)
    filtering = _filter(region, key, rate)
    source = SampleSource(reading, envelope, filtering, rate)
    release_s = min(max(_seconds(region.get(38)), _SHORTEST_RELEASE_S), _LONGEST_RELEASE_S)
    release = _release(round(release_s * rate))
    if reading.loop is None:
        own = len(reading.data) / reading.step
        length = min(own, envelope.settled if envelope.silent else own, _LONGEST_S * rate)
        return Tone(source, release, length=round(length), layers=1)
    if envelope.silent:
        length = min(envelope.settled, _LONGEST_S * rate)
        return Tone(source, release, length=round(length), layers=1)
    begun = (reading.loop[0] + _MOST_TAPS) / reading.step
    start = round(
        min(max(begun, envelope.settled, filtering.settled) + _MARGIN + 1, _LONGEST_S * rate)
    )
    return Tone(source, release, loop=(start, start + reading.period), layers=1)


def _reading(
    sound: NDArray[np.int16], sample: Rows, region: Region, key: int, rate: int
) -> _Reading | None:
    begin = int(sample["start"]) + region.get(0) + 32768 * region.get(4)
    end = int(sample["end"]) + region.get(1) + 32768 * region.get(12)
    begin, end = max(0, begin), min(len(sound), end)
    if end - begin < 8:
        return None
    root = region.get(58) if 0 <= region.get(58) <= 127 else int(sample["pitch"])
    root = root if root <= 127 else 60
    cents = region.get(56) * (key - root) + 100 * region.get(51) + region.get(52)
    cents += int(sample["correction"])
    step = 2.0 ** (min(max(cents, -12_000), 7200) / 1200)
    step *= min(max(int(sample["rate"]), 400), 192_000) / rate
    loop = _loop(sample, region, begin, end)
    if loop is None:
        return _Reading(sound[begin:end], step, None, 0)
    # A whole number of loops in a whole number of frames; a fiftieth of a cent at most.
    turns = max(1, int(np.ceil(rate * step / (loop[1] - loop[0]))))
    period = max(1, round(turns * (loop[1] - loop[0]) / step))
    return _Reading(sound[begin:end], turns * (loop[1] - loop[0]) / period, loop, period)


def _loop(sample: Rows, region: Region, begin: int, end: int) -> tuple[int, int] | None:
    if region.get(54) not in {1, 3}:
        return None
    start = int(sample["loop"]) + region.get(2) + 32768 * region.get(45) - begin
    stop = int(sample["loop_end"]) + region.get(3) + 32768 * region.get(50) - begin
    return (start, stop) if start >= 0 and start + 4 <= stop <= end - begin else None


def _envelope(region: Region, key: int, rate: int) -> _Envelope:
    delay, attack = (_seconds(region.get(kind)) * rate for kind in (33, 34))
    hold = _seconds(region.get(35) + region.get(39) * (60 - key)) * rate
    decay = _seconds(region.get(36) + region.get(40) * (60 - key)) * rate
    sustain = min(max(region.get(37), 0), 1440) / 10
    return _Envelope(delay, max(attack, 0.001 * rate), hold, decay, sustain)


def _filter(region: Region, key: int, rate: int) -> _Filter:
    cents, sweep = region.get(8), region.get(11)
    closed, opened = (_hertz(min(each, _OPEN_CENTS)) for each in (cents, cents + sweep))
    delay, attack = (_seconds(region.get(kind)) * rate for kind in (25, 26))
    hold = _seconds(region.get(27) + region.get(31) * (60 - key)) * rate
    decay = _seconds(region.get(28) + region.get(32) * (60 - key)) * rate
    sustain = 1 - min(max(region.get(29), 0), 1000) / 1000
    return _Filter(closed, opened, delay, attack, hold, decay, sustain)


@lru_cache(maxsize=64)
def _release(count: int) -> NDArray[np.float32]:
    """Return a fall of 96 dB in so many frames, its end joined to zero."""
    place = np.arange(count) / count
    return (10 ** (-_SILENT_CB / 200 * place) * (1 - place)).astype(np.float32)


def _seconds(timecents: int) -> float:
    if timecents <= -12_000:
        return 0.0
    return float(2.0 ** (min(timecents, 5600) / 1200))


def _hertz(cents: int) -> float:
    return float(8.176 * 2.0 ** (max(cents, 1500) / 1200))
