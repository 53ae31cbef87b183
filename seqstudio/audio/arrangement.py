"""What is to be played: a score, who plays its voices, and its times in frames."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.score import Score
from seqstudio.music.synth import instrument_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.music.score import Note


@dataclass(frozen=True, slots=True)
class Part:
    """Who plays a voice, and how loud.

    Attributes:
        voice: Number of the voice.
        instrument: One of `synth.INSTRUMENTS`.
        gain: Linear gain, from 0.
        pan: Place between left, -1, and right, 1.
        muted: Whether it is left out.
    """

    voice: int
    instrument: str
    gain: float = 1.0
    pan: float = 0.0
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A score with its players.

    Attributes:
        score: The notes, at the tempo that is to be heard.
        parts: At most one for each voice; voices without one are played by the first instrument
            that their track names.
        metronome: Whether beats are clicked.
        complete: Whether the score is whole. If not, more notes may follow behind the last onset;
            that onset itself may still change and is not played.
    """

    score: Score = field(default_factory=Score)
    parts: tuple[Part, ...] = ()
    metronome: bool = False
    complete: bool = True


class Song:
    """An arrangement with its times in frames of one rate. Notes are those of the score.

    Attributes:
        arrangement: What it is made from.
        onset: (N,) int64, the frame of each note; rising.
        held: (N,) int64, frames for which each note is held, at least 1.
        beat: (N,) onsets in beats.
        end: Frames of the whole score.
        limit: Frames that may be played now: `end`, or the last onset of an unfinished score.
    """

    def __init__(self, arrangement: Arrangement, rate: int) -> None:
        self.arrangement = arrangement
        self.rate = rate
        score = arrangement.score
        self._tempo_beats, self._tempo_s = _tempo_line(score)
        self.beat = np.array([float(note.start) for note in score.notes])
        ends = np.array([float(note.end) for note in score.notes])
        self.onset = self.frames(self.beat)
        self.held = np.maximum(1, self.frames(ends) - self.onset)
        self.end = self.frame(float(score.end_beats))
        last = int(self.onset[-1]) if len(self.onset) else 0
        self.limit = self.end if arrangement.complete else last
        if arrangement.metronome:
            self.clicks  # noqa: B018 - now, and not in the thread that makes sound
        self._parts = {part.voice: part for part in arrangement.parts}

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes of the score, by onset."""
        return self.arrangement.score.notes

    def part(self, voice: int) -> Part:
        """Return who plays a voice."""
        part = self._parts.get(voice)
        if part is None:
            instrument = instrument_of(self.arrangement.score.track(voice))
            part = self._parts[voice] = Part(voice, instrument)
        return part

    def key(self, index: int) -> tuple[str, int]:
        """Return instrument and pitch of a note."""
        note = self.notes[index]
        return self.part(note.voice).instrument, note.pitch

    def program(self, voice: int) -> int | None:
        """Return the program of a voice's track, None where its part plays something else."""
        track = self.arrangement.score.track(voice)
        return track.program if self.part(voice).instrument == instrument_of(track) else None

    def same_times(self, other: Song) -> bool:
        """Tell whether a place in frames is the same beat in both."""
        return (
            self.rate == other.rate
            and np.array_equal(self._tempo_beats, other._tempo_beats)
            and np.array_equal(self._bpm, other._bpm)
        )

    def frames(self, beats: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the frames of places in beats, rounded as `synth.render` rounds them."""
        which = np.maximum(np.searchsorted(self._tempo_beats, beats, "left") - 1, 0)
        since = beats - self._tempo_beats[which]
        seconds = self._tempo_s[which] + since * 60.0 / self._bpm[which]
        return np.rint(seconds * self.rate).astype(np.int64)

    def frame(self, beats: float) -> int:
        """Return the frame of a place in beats."""
        return int(self.frames(np.array([beats]))[0])

    def beats(self, frame: float) -> float:
        """Return the place in beats of a frame."""
        return self.arrangement.score.beats(frame / self.rate)

    @cached_property
    def _bpm(self) -> NDArray[np.float64]:
        score = self.arrangement.score
        return np.array([score.tempo_bpm, *(bpm for _beat, bpm in score.tempos)])

    @cached_property
    def clicks(self) -> tuple[NDArray[np.int64], tuple[bool, ...]]:
        """Frames of the metronome's clicks, (C,), rising, and which begin a bar."""
        beats, accents = click_beats(self.arrangement.score)
        return self.frames(np.array([float(beat) for beat in beats])), accents

    def sounding(self, frame: int) -> list[int]:
        """Return the indices of the notes that have begun before a frame and are held there."""
        first = bisect_left(self.onset, frame)
        held = self.onset[:first] + self.held[:first] > frame
        return [int(index) for index in np.flatnonzero(held)]


def _tempo_line(score: Score) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each tempo begins, in beats and in seconds, (T,) each."""
    beats = [0.0, *(float(beat) for beat, _bpm in score.tempos)]
    bpm = [score.tempo_bpm, *(bpm for _beat, bpm in score.tempos)]
    seconds = [0.0]
    for place in range(1, len(beats)):
        span = beats[place] - beats[place - 1]
        seconds.append(seconds[-1] + span * 60.0 / bpm[place - 1])
    return np.array(beats), np.array(seconds)


def click_beats(score: Score) -> tuple[list[Fraction], tuple[bool, ...]]:
    """Return where a metronome clicks, up to the end of the score, and which begin a bar.

    It clicks the lower number of the metre, in three-part metres such as 6/8 every third of them.
    An upbeat bar is counted back from its end: the click with the accent is the full bar's.
    """
    numerator, denominator = score.meter or (4, 4)
    compound = numerator % 3 == 0 and numerator > 3 and denominator >= 8
    step = Fraction(4 * (3 if compound else 1), denominator)
    bar = Fraction(4 * numerator, denominator)
    beats: list[Fraction] = []
    accents: list[bool] = []
    starts = _bars_to_end(score, bar)
    for start, end in zip(starts, [*starts[1:], max(score.end_beats, starts[-1])], strict=True):
        upbeat = start == starts[0] and len(starts) > 1 and end - start < bar
        at = end - step * int((end - start) / step) if upbeat else start
        while at < end:
            beats.append(at)
            accents.append(at == start and not upbeat)
            at += step
    return beats, tuple(accents)


def _bars_to_end(score: Score, bar: Fraction) -> list[Fraction]:
    starts = list(score.bar_starts) or [Fraction(0)]
    if starts[0] > 0:
        starts.insert(0, Fraction(0))
    while starts[-1] + bar < score.end_beats:
        starts.append(starts[-1] + bar)
    return starts
