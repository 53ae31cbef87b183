"""Four voices on a grid of sixteenths: soprano, alto, tenor, bass, step after step.

    piece m4/4 kG-major | G4 D4 B3 G3 - - - - - - - - ... | ... end

Every step has four signs: a pitch that begins, "-" for one that is held, "." for silence. A bar
line stands before every bar, every four beats where there is no metre; it is one sign in 65 of
common time, so that it hardly lowers the loss.

What does not fit is made to: onsets and ends go to the nearest sixteenth, a note keeps at least
one; where more than one note of a voice or more than four notes would sound, the highest is the
soprano, the lowest the bass, those in between fall to alto and tenor from above, and what is
left over is dropped. Loudness is not held, and the tempo as its class.

Source: Hadjeres, Pachet and Nielsen 2017, "DeepBach" (the grid and the sign for holding).
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from typing_extensions import override

from seqstudio.music.codings.words import (
    END,
    OPENING,
    PITCHES,
    Reading,
    WordCoding,
    bar_spans,
    bars_read,
    full_steps,
    head_words,
    name_of,
)
from seqstudio.music.score import Note, Score, Track

if TYPE_CHECKING:
    from seqstudio.music.abc import Tune

STEPS = 4
"""Steps of the grid in a beat."""

VOICES = ("Soprano", "Alto", "Tenor", "Bass")
HOLD, REST, BAR = "-", ".", "|"
_MUSIC = re.compile(r"(?<!\S)[A-G][b#]?-?\d\s")


class Voices(WordCoding):
    """Sixteenths of soprano, alto, tenor and bass."""

    title = "Four voices, step by step"
    token_name = "voice sign"

    @override
    def has_music(self, text: str) -> bool:
        return _MUSIC.search(text) is not None

    @override
    def read(self, text: str) -> Tune:
        return _Reader(text).read()

    @override
    def write(self, score: Score) -> str:
        score = four_voices(score)
        spans = bar_spans(score, STEPS)
        signs = _signs(score, spans[-1][1] if spans else 0)
        bars = (f"{BAR} " + "".join(signs[4 * start : 4 * end]) for start, end in spans)
        return OPENING + head_words(score) + "".join(bars) + END


def _signs(score: Score, steps: int) -> list[str]:
    """Return the signs of all steps, four a step, each with its white space."""
    signs = [f"{REST} "] * (4 * steps)
    for note in score.notes:
        start, end = _steps(note)
        place = 4 * start + note.voice
        signs[place] = f"{name_of(note.pitch)} "
        for step in range(start + 1, min(end, steps)):
            signs[4 * step + note.voice] = f"{HOLD} "
    return signs


def _steps(note: Note) -> tuple[int, int]:
    start = round(note.start * STEPS)
    return start, max(start + 1, round(note.end * STEPS))


def four_voices(score: Score) -> Score:
    """Return a score as four voices with one note at a time each, on the grid of sixteenths.

    Voices 0 to 3 that never have two notes at once stay as they are. Up to four other such
    voices keep their notes: the highest on average is the soprano, the lowest the bass.
    """
    if any(note.start * STEPS % 1 or note.end * STEPS % 1 for note in score.notes):
        score = replace(score, notes=tuple(_on_grid(note) for note in score.notes))
    voices = score.voices
    if not _one_at_a_time(score) or len(voices) > 4:
        return _by_height(score)
    if voices and voices[-1] > 3:
        places = dict(zip(_high_first(score), _places(len(voices)), strict=True))
        moved = tuple(replace(note, voice=places[note.voice]) for note in score.notes)
        return replace(score, notes=moved, tracks=())
    return score


def _on_grid(note: Note) -> Note:
    start, end = _steps(note)
    return replace(note, start=Fraction(start, STEPS), length=Fraction(end - start, STEPS))


def _one_at_a_time(score: Score) -> bool:
    ends: dict[int, Fraction] = {}
    for note in score.notes:
        if ends.get(note.voice, Fraction(0)) > note.start:
            return False
        ends[note.voice] = note.end
    return True


def _high_first(score: Score) -> list[int]:
    total: dict[int, list[int]] = {}
    for note in score.notes:
        total.setdefault(note.voice, []).append(note.pitch)
    return sorted(total, key=lambda voice: -sum(total[voice]) / len(total[voice]))


def _places(count: int) -> tuple[int, ...]:
    return ((), (0,), (0, 3), (0, 1, 3), (0, 1, 2, 3))[count]


def _by_height(score: Score) -> Score:
    """Give every onset to the voice of its height; a note ends where its voice goes on."""
    groups: dict[Fraction, list[Note]] = {}
    for note in score.notes:
        groups.setdefault(note.start, []).append(note)
    sounding: dict[int, Note] = {}
    found: list[Note] = []
    for start in sorted(groups):
        held = {voice: note for voice, note in sounding.items() if note.end > start}
        chosen = _shared_out(groups[start], held)
        for voice, note in chosen.items():
            before = sounding.get(voice)
            if before is not None and before.end > start:
                found.append(replace(before, length=start - before.start))
            elif before is not None:
                found.append(before)
            sounding[voice] = replace(note, voice=voice)
    found += sounding.values()
    return replace(score, notes=tuple(found), tracks=())


def _shared_out(new: list[Note], held: dict[int, Note]) -> dict[int, Note]:
    """Return the new notes by voice; a held note gives way only where no voice is left."""
    by_pitch = {note.pitch: note for note in new}
    pitches = sorted(by_pitch, reverse=True)
    free = [voice for voice in range(4) if voice not in held]
    if len(pitches) == 4 or not free or len(free) < len(pitches) or not held:
        kept = pitches if len(pitches) <= 4 else [*pitches[:3], pitches[-1]]
        return {
            voice: by_pitch[pitch] for voice, pitch in zip(_places(len(kept)), kept, strict=True)
        }
    # The free voices from above take the notes from above; the bass takes the lowest.
    if len(pitches) < len(free):
        lowest = min(note.pitch for note in held.values())
        free = free[-len(pitches) :] if pitches[-1] < lowest else free[: len(pitches)]
    return {voice: by_pitch[pitch] for voice, pitch in zip(free, pitches, strict=True)}


class _Reader(Reading):
    def __init__(self, text: str) -> None:
        super().__init__(text, STEPS)
        self._starts: list[int] = []
        self._good: list[bool] = []
        self._full: list[Fraction | None] = []
        self._column = 0
        self._step = 0
        self._open: dict[int, tuple[int, int, tuple[int, int]]] = {}

    def read(self) -> Tune:
        for word, start, end in self.words():
            if word == BAR:
                self._bar(start)
            elif word in PITCHES or word in (HOLD, REST):
                self._sign(word, start, end)
            elif self._starts or not self.head(word):
                self.report(start, f"“{word[:20]}” means nothing here")
        if self._column:
            self._step += 1
        for voice in list(self._open):
            self._close(voice)
        return self._tune()

    def _bar(self, offset: int) -> None:
        if self._column:
            self.report(offset, "a bar line inside a step")
            self._good[-1] = False
            self._step, self._column = self._step + 1, 0
        if self._starts and self._starts[-1] == self._step:
            self.report(offset, "an empty bar")
            return
        self._starts.append(self._step)
        self._good.append(True)
        self._full.append(full_steps(self.meter, STEPS))

    def _sign(self, word: str, start: int, end: int) -> None:
        if not self._starts:
            self.report(start, "a note before the first bar")
            self._bar(start)
        voice = self._column
        if word == HOLD and voice not in self._open:
            self.report(start, "nothing sounds that could be held")
            self._good[-1] = False
        if word != HOLD:
            self._close(voice)
        if word in PITCHES:
            self._open[voice] = (PITCHES[word], self._step, (start, end))
        self._column = (voice + 1) % 4
        self._step += not self._column

    def _close(self, voice: int) -> None:
        if voice in self._open:
            pitch, first, source = self._open.pop(voice)
            length = Fraction(max(1, self._step - first), STEPS)
            self.notes.append(
                Note(pitch, Fraction(first, STEPS), length, voice=voice, source=source)
            )

    def _tune(self) -> Tune:
        spans = list(zip(self._starts, [*self._starts[1:], self._step], strict=False))
        score = Score(
            tuple(self.notes),
            self.tempo_bpm,
            self.meter,
            self.key,
            bar_starts=tuple(Fraction(start, STEPS) for start, _end in spans),
            end_beats=Fraction(self._step, STEPS),
            tracks=tuple(Track(voice, name) for voice, name in enumerate(VOICES)),
        )
        return self.tune(score, bars_read(spans, self._full, self._good, STEPS))
