"""Events: bars, positions, pitches, durations, and loudness and tempo where they change.

Source: Huang and Yang 2020, "Pop Music Transformer" (REMI). Other than there a sign is written
only where it says something new: loudness, voice and metre hold until the next one.

    piece m4/4 kG-major bar pos0 p67 d12 pos12 v6 p71 d6 ... bar ... end

Quantisation of what does not lie on the grid: onsets and ends go to the nearest 1/12 beat, a
note keeps at least 1/12; above four beats a duration goes to the nearest whole beat, above
sixteen it is cut; loudness goes to the nearest multiple of 16 (127 above), tempo to the nearest
class by ratio.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from seqstudio.music.codings.words import (
    END,
    OPENING,
    Reading,
    WordCoding,
    bar_spans,
    bars_read,
    full_steps,
    head_words,
    tempo_class,
)
from seqstudio.music.score import DEFAULT_TEMPO_BPM, DEFAULT_VELOCITY, Note, Score, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from seqstudio.music.abc import Tune

STEPS = 12
"""Steps of the grid in a beat: sixteenths and triplets lie on it."""

_T = TypeVar("_T")
_EXACT_BEATS, _MOST_BEATS = 4, 16
_WORD = re.compile(r"(bar|pos|len|drums|[pdvig])(\d{0,4})")
_NOTE = re.compile(r"(?<!\S)p\d{1,3}\sd\d")
_MOST_VOICES = 64


class Events(WordCoding):
    """Bar, position, pitch, duration, with loudness, voice and tempo where they change."""

    title = "Events"
    token_name = "event"

    @override
    def has_music(self, text: str) -> bool:
        return _NOTE.search(text) is not None

    @override
    def read(self, text: str) -> Tune:
        return _Reader(text).read()

    @override
    def write(self, score: Score) -> str:
        return OPENING + head_words(score) + _tracks(score) + "".join(_bars(score)) + END


def velocity_class(velocity: int) -> int:
    """Return the class of a loudness, 1 to 8."""
    return min(8, max(1, round(velocity / 16)))


def velocity_of(number: int) -> int:
    """Return the loudness that a class stands for."""
    return min(127, 16 * number)


def duration_steps(steps: int) -> int:
    """Return the nearest duration that has a sign, in steps."""
    if steps <= _EXACT_BEATS * STEPS:
        return max(1, steps)
    return min(_MOST_BEATS, round(steps / STEPS)) * STEPS


def _tracks(score: Score) -> str:
    words = ""
    for voice in score.voices:
        track = score.track(voice)
        if track.drums:
            words += f"i{voice} drums "
        elif track.program:
            words += f"i{voice} g{track.program} "
    return words


def _bars(score: Score) -> Iterator[str]:
    full = full_steps(score.meter, STEPS)
    spans = bar_spans(score, STEPS)
    told = _Told()
    notes = _by_step((round(note.start * STEPS), note) for note in score.notes)
    tempos = _by_step((round(beat * STEPS), tempo_class(bpm)) for beat, bpm in score.tempos)
    places = sorted({*notes, *tempos})
    for start, end in spans:
        # The last bar is filled up: how long it rings on is no music.
        last = end == spans[-1][1]
        yield "bar " if last or end - start == full else f"bar len{end - start} "
        for place in places[bisect_left(places, start) : bisect_left(places, end)]:
            yield told.at(place - start, tempos.get(place, []), notes.get(place, []))


def _by_step(items: Iterable[tuple[int, _T]]) -> dict[int, list[_T]]:
    found: dict[int, list[_T]] = {}
    for step, item in items:
        found.setdefault(step, []).append(item)
    return found


@dataclass
class _Told:
    """Which voice, loudness and tempo hold at this place of the text."""

    voice: int = 0
    velocity: int = velocity_class(DEFAULT_VELOCITY)

    def at(self, position: int, tempos: list[int], notes: list[Note]) -> str:
        words = [f"pos{position} "]
        words += [f"t{tempo} " for tempo in tempos[-1:]]
        for note in sorted(notes, key=lambda note: (note.voice, note.pitch, note.length)):
            words += self._note(note)
        return "".join(words)

    def _note(self, note: Note) -> Iterator[str]:
        if note.voice != self.voice:
            self.voice = note.voice
            yield f"i{note.voice} "
        if velocity_class(note.velocity) != self.velocity:
            self.velocity = velocity_class(note.velocity)
            yield f"v{self.velocity} "
        steps = round(note.end * STEPS) - round(note.start * STEPS)
        yield f"p{note.pitch} d{duration_steps(steps)} "


@dataclass
class _OpenBar:
    """The bar being read: its first step, its length said or meant, and what holds in it."""

    start: int
    length: Fraction
    full: Fraction | None
    good: bool = True
    said: bool = False


class _Reader(Reading):
    def __init__(self, text: str) -> None:
        super().__init__(text, STEPS)
        self._bars: list[_OpenBar] = []
        self._at = 0
        self._voice = 0
        self._velocity = velocity_class(DEFAULT_VELOCITY)
        self._pending: tuple[int, int] | None = None
        self._tracks: dict[int, Track] = {}
        self._first_meter: tuple[int, int] | None = None
        self._first_tempo = DEFAULT_TEMPO_BPM
        self._tempos: list[tuple[Fraction, float]] = []

    def read(self) -> Tune:
        act: dict[str, Callable[[int, int, int], None]] = {
            "bar": self._bar, "len": self._length, "pos": self._position, "p": self._pitch,
            "d": self._duration, "v": self._loudness, "i": self._track, "g": self._program,
            "drums": self._drums,
        }  # fmt: skip
        for word, start, end in self.words():
            match = _WORD.fullmatch(word)
            if match and bool(match[2]) == (match[1] not in ("bar", "drums")):
                if self._pending and match[1] != "d":
                    self._drop(start)
                act[match[1]](int(match[2] or 0), start, end)
            elif self.head(word):
                self._headed(word)
            else:
                self.report(start, f"“{word[:20]}” means nothing here")
        return self._tune()

    def _headed(self, word: str) -> None:
        """Take a metre or a tempo over: it holds from here on."""
        if not self._bars:
            self._first_meter, self._first_tempo = self.meter, self.tempo_bpm
        elif word[0] == "t":
            beat = Fraction(self._at, STEPS)
            if not beat:
                self._first_tempo = self.tempo_bpm
            elif not self._tempos or self._tempos[-1][0] < beat:
                self._tempos.append((beat, self.tempo_bpm))

    def _drop(self, offset: int) -> None:
        self._pending = None
        self.report(offset, "a pitch without a duration")
        self._spoil()

    def _spoil(self) -> None:
        if self._bars:
            self._bars[-1].good = False

    def _bar(self, _number: int, _start: int, _end: int) -> None:
        if not self._bars:
            self._voice = 0  # the signs before told what plays each voice
        begin = self._bar_end()
        full = full_steps(self.meter, STEPS)
        length = Fraction(max(1, -(-full // 1)))
        self._bars.append(_OpenBar(begin, length, full if self.meter else None))
        self._at = begin

    def _bar_end(self) -> int:
        return self._bars[-1].start + int(self._bars[-1].length) if self._bars else 0

    def _length(self, number: int, start: int, _end: int) -> None:
        if not self._bars or self._at > self._bars[-1].start or self._bars[-1].said or not number:
            self.report(start, "a length stands behind “bar”")
            return
        self._bars[-1].length, self._bars[-1].said = Fraction(number), True

    def _position(self, number: int, start: int, end: int) -> None:
        if not self._bars:
            self.report(start, "a position before the first bar")
            self._bar(0, start, end)
        bar = self._bars[-1]
        if number >= bar.length or bar.start + number < self._at:
            self.report(start, "a position outside its bar, or before the one in front of it")
            bar.good = False
        self._at = max(self._at, bar.start + min(number, int(bar.length) - 1))

    def _pitch(self, number: int, start: int, end: int) -> None:
        if not self._bars:
            self.report(start, "a note before the first bar")
            self._bar(0, start, end)
        if number > 127:
            self.report(start, "a note outside the range of MIDI")
            self._spoil()
            return
        self._pending = number, start

    def _duration(self, number: int, start: int, end: int) -> None:
        if self._pending is None or not number:
            self.report(start, "a duration without a pitch")
            self._spoil()
        else:
            pitch, begin = self._pending
            length = Fraction(min(number, _MOST_BEATS * STEPS), STEPS)
            onset = Fraction(self._at, STEPS)
            loud = velocity_of(self._velocity)
            self.notes.append(Note(pitch, onset, length, loud, self._voice, (begin, end)))
        self._pending = None

    def _loudness(self, number: int, start: int, _end: int) -> None:
        if 1 <= number <= 8:
            self._velocity = number
        else:
            self.report(start, "loudness is v1 to v8")

    def _track(self, number: int, start: int, _end: int) -> None:
        if number < _MOST_VOICES:
            self._voice = number
        else:
            self.report(start, f"voices are i0 to i{_MOST_VOICES - 1}")

    def _program(self, number: int, start: int, _end: int) -> None:
        if number < 128:
            self._tracks[self._voice] = Track(self._voice, program=number)
        else:
            self.report(start, "programs are g0 to g127")

    def _drums(self, _number: int, _start: int, _end: int) -> None:
        self._tracks[self._voice] = Track(self._voice, drums=True)

    def _tune(self) -> Tune:
        spans = [(bar.start, bar.start + int(bar.length)) for bar in self._bars]
        score = Score(
            tuple(self.notes),
            self._first_tempo,
            self._first_meter,
            self.key,
            bar_starts=tuple(Fraction(start, STEPS) for start, _end in spans),
            end_beats=Fraction(self._bar_end(), STEPS),
            tempos=tuple(self._tempos),
            tracks=tuple(self._tracks[voice] for voice in sorted(self._tracks)),
        )
        full = [bar.full for bar in self._bars]
        return self.tune(score, bars_read(spans, full, [b.good for b in self._bars], STEPS))
