"""Stand-ins for the sound device, the synthesiser and the clock, all under the test's hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from seqstudio.audio.sequencer import Sequencer
from seqstudio.music.score import Note, Score

RATE = 8000
BLOCK = 80


class PortAudioError(Exception):
    """Stands for the error type of the sound library."""


class FakeStream:
    """A device that asks for sound only when the test says so."""

    def __init__(self, latency=0.2, **settings):
        self.callback = settings["callback"]
        self.latency = latency
        self.active = False
        self.closed = False
        self.aborted = 0
        self.broken = False

    def start(self):
        if self.broken:
            raise PortAudioError("device gone")
        self.active = True

    def abort(self):
        self.active = False
        self.aborted += 1

    def close(self):
        self.closed = True

    def block(self, status=""):
        out = np.full((BLOCK, 2), np.nan, np.float32)
        self.callback(out, BLOCK, None, status)
        return out


class FakeSounddevice:
    """The part of the sounddevice module that the output uses."""

    PortAudioError = PortAudioError

    def __init__(self, latency=0.0):
        self.latency = latency
        self.stream = None

    def OutputStream(self, **settings):  # noqa: N802
        self.settings = settings
        self.stream = FakeStream(**{**settings, "latency": self.latency})
        return self.stream


class FakeTime:
    """A clock that the test turns."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Steps(Sequencer):
    """A sequencer whose thread is the test: it works when `work` is called."""

    def _start_thread(self):
        pass


class LevelBand:
    """A band whose notes are steps of level: what is heard can be read off the samples."""

    def __init__(self):
        self.voices = []
        self.begun = []

    @property
    def ringing(self):
        return bool(self.voices)

    def start(self, sound):
        self.begun.append(sound)
        self.voices.append([sound.delay, sound.delay + sound.frames, sound])

    def block(self, frames):
        out = np.zeros((frames, 2), np.float32)
        for first, end, sound in self.voices:
            out[max(0, first) : max(0, end)] += level(sound.pitch) * sound.gain
        self.voices = [[f - frames, e - frames, s] for f, e, s in self.voices if e > frames]
        return out

    def release(self, sound=None):
        self.voices = [each for each in self.voices if sound not in {None, each[2]}]

    def clear(self):
        self.voices.clear()


def level(pitch):
    return np.float32(pitch / 1000)


def tune(pitches, beats=1, bpm=120.0, **changes):
    """Notes one after the other, each so many beats long."""
    length = Fraction(beats)
    notes = tuple(Note(p, n * length, length) for n, p in enumerate(pitches))
    end = length * len(pitches)
    bars = tuple(Fraction(b) for b in range(0, int(end) + 1, 4) if b < end)
    values = {"tempo_bpm": bpm, "meter": (4, 4), "bar_starts": bars, **changes}
    return Score(notes, **values)
