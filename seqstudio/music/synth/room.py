"""A room and a limiter that go on from block to block, for what the synthesiser mixes.

Shape legend: n = frames, F = frequencies, S = stretches of the answer of the room. Both give the
same frames whatever the length of the blocks: the room works in stretches of fixed length, the
limiter frame by frame.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEAK = 0.98
_KNEE = 0.7
_RELEASE_S = 1.2
_WET = 0.22
_ROOM_S = 1.5
_FIRST_S = 0.0116
_LATER = 8
#: Seconds to -60 dB around these frequencies: air and curtains take the high ones.
_DECAYS = ((125.0, 1.25), (500.0, 1.35), (2000.0, 1.1), (5000.0, 0.75), (12000.0, 0.4))


class _Answer(NamedTuple):
    """The answer of a room to a click, cut up for folding.

    Attributes:
        early: (2, S, F) spectra of stretches of the shorter length, the first one left out.
        late: (2, S, F) spectra of stretches `_LATER` times as long, from there on.
        short: Frames of a short stretch.
    """

    early: NDArray[np.complex64]
    late: NDArray[np.complex64]
    short: int


class _Folding:
    """Folds one sound with both sides of an answer, a stretch at a time (overlap-save)."""

    def __init__(self, spectra: NDArray[np.complex64], size: int) -> None:
        self._spectra, self._size = spectra, size
        _sides, count, bins = spectra.shape
        self._heard = np.zeros((count, bins), np.complex64)
        self._last = np.zeros(2 * size, np.float32)
        self._quiet = count + 1

    def after(self, sent: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Take a stretch; return what the room answers during the next one, None for silence."""
        self._quiet = 0 if sent.any() else self._quiet + 1
        if self._quiet > self._heard.shape[0]:
            self._last[:] = 0
            self._heard[:] = 0
            return None
        self._last[: self._size] = self._last[self._size :]
        self._last[self._size :] = sent
        self._heard[1:] = self._heard[:-1].copy()
        self._heard[0] = np.fft.rfft(self._last)
        spectrum = (self._spectra * self._heard).sum(axis=1)
        return np.fft.irfft(spectrum, axis=1)[:, self._size :].astype(np.float32)


class Room:
    """What a room adds to a sound, 12 ms later and after."""

    def __init__(self, rate: int) -> None:
        """Build the room for so many frames a second."""
        self._answer = _answer(rate)
        self.short = self._answer.short
        self._long = self.short * _LATER
        #: Frames until a click has died away.
        self.length = self._long * (self._answer.late.shape[1] + 2)
        self.clear()

    def clear(self) -> None:
        """Forget what was sent."""
        self._early = _Folding(self._answer.early, self.short)
        self._late = _Folding(self._answer.late, self._long)
        self._sent = np.zeros(self._long, np.float32)
        self._soon = np.zeros((2, self._long), np.float32)
        self._next = np.zeros((2, self.short), np.float32)
        self._at = 0

    def wet(self, sent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send (n,) into the room and return what is heard meanwhile, (2, n)."""
        heard = np.empty((2, len(sent)), np.float32)
        done = 0
        while done < len(sent):
            within = self._at % self.short
            count = min(self.short - within, len(sent) - done)
            self._sent[self._at : self._at + count] = sent[done : done + count]
            heard[:, done : done + count] = self._next[:, within : within + count]
            self._at += count
            done += count
            if self._at % self.short == 0:
                self._turn()
        return heard

    def _turn(self) -> None:
        """Prepare what is heard in the next short stretch."""
        early = self._early.after(self._sent[self._at - self.short : self._at])
        if self._at == self._long:
            late = self._late.after(self._sent)
            self._soon[:] = 0 if late is None else late
            self._at = 0
        self._next = self._soon[:, self._at : self._at + self.short].copy()
        if early is not None:
            self._next += early


@lru_cache(maxsize=4)
def _answer(rate: int) -> _Answer:
    short = 1 << max(4, round(np.log2(_FIRST_S * rate)))
    long = short * _LATER
    click = _click(rate, short, -(-round(_ROOM_S * rate) // long) * long)
    early = click[:, short:long].reshape(2, -1, short)
    late = click[:, long:].reshape(2, -1, long)
    return _Answer(_spectra(early), _spectra(late), short)


def _spectra(stretches: NDArray[np.float64]) -> NDArray[np.complex64]:
    return np.fft.rfft(stretches, 2 * stretches.shape[2], axis=2).astype(np.complex64)


def _click(rate: int, first: int, length: int) -> NDArray[np.float64]:
    """Return the answer of the room to a click, (2, length); nothing before `first`.

    A few single echoes from the walls, then noise whose bands die away each at its own speed.
    """
    random = np.random.default_rng(7)
    time_s = np.arange(length) / rate
    hz = np.fft.rfftfreq(2 * length, 1 / rate)
    spectrum = np.fft.rfft(random.standard_normal((2, length)), 2 * length, axis=1)
    octave = np.log2(np.maximum(hz, 10.0))
    centres = np.log2([centre for centre, _seconds in _DECAYS])
    click = np.zeros((2, length))
    for index, (_centre, seconds) in enumerate(_DECAYS):
        one = np.zeros(len(_DECAYS))
        one[index] = 1.0
        band = np.fft.irfft(spectrum * np.interp(octave, centres, one), axis=1)[:, :length]
        click += band * np.exp(-6.9 * time_s / seconds)
    click *= np.clip(time_s / 0.04, 0, 1)
    for _echo in range(14):
        at = random.uniform(0.013, 0.07, 2)
        for side in (0, 1):
            click[side, round(at[side] * rate)] += random.choice([-1, 1]) * (2.5 - 20 * at[side])
    # A room does not boom, and gives what is heard best, melodies, back with unit gain.
    shaped = np.fft.rfft(click, 2 * length, axis=1) * (hz**2 / (hz**2 + 180.0**2))
    shaped /= np.sqrt(1 + (hz / 7000.0) ** 2)
    melody = (hz > 250) & (hz < 2000)
    shaped /= np.sqrt((np.abs(shaped[:, melody]) ** 2).mean(axis=1, keepdims=True))
    click = np.fft.irfft(shaped, axis=1)[:, :length]
    click[:, :first] = 0
    click *= _WET * np.clip((length - np.arange(length)) / (0.1 * rate), 0, 1)
    return click


class Limiter:
    """Turns loud places down so that no frame exceeds `PEAK`; quiet ones stay as they are.

    Without delay: the gain follows a rising peak at once, along a knee that begins at 0.7, and
    comes back slowly, so that it turns whole notes down and does not bend single waves.
    """

    def __init__(self, rate: int) -> None:
        """Make one for so many frames a second."""
        self._fall = 1.0 / (_RELEASE_S * rate)
        self.clear()

    def clear(self) -> None:
        """Forget what was loud."""
        self._frame = 0
        self._top = 0.0

    def limit(self, mix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next frames, (2, n), turned down where needed."""
        frame_n = np.arange(self._frame, self._frame + mix.shape[1], dtype=np.float64)
        self._frame += mix.shape[1]
        peaks = np.abs(mix).max(axis=0).astype(np.float64)
        over = np.maximum(peaks - _KNEE, 0) / (PEAK - _KNEE)
        if not over.any() and self._top - frame_n[:1].sum() * self._fall <= 1.0:
            return mix
        wanted = _KNEE + (PEAK - _KNEE) * over / (1 + over)
        needed = np.where(over > 0, peaks / wanted, 0.0)
        # The factor falls in a straight line from each peak: a running maximum of lines.
        lines = np.maximum.accumulate(needed + frame_n * self._fall)
        factor = np.maximum(np.maximum(lines, self._top) - frame_n * self._fall, 1.0)
        self._top = max(self._top, float(lines[-1]))
        turned: NDArray[np.float32] = (mix / factor).astype(np.float32)
        return turned
