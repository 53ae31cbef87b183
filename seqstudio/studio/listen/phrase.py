"""A phrase that somebody plays: taken down note by note, put on the grid, given to a model. No Qt.

Times come in seconds of one clock, whichever keyboard they come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from seqstudio.core.errors import MusicError
from seqstudio.music.codings import Coding
from seqstudio.music.keys import name_of, parse_key
from seqstudio.music.score import Note, Score
from seqstudio.studio.listen.wishes import opened

GRID = Fraction(1, 4)  # beats: sixteenth notes
MOST_NOTES = 2_000
_SHORTEST = Fraction(1, 4)
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_MODES = (("major", _MAJOR), ("minor", _MINOR))
_LAST_NOTE = 0.35  # share of the weight that where a phrase ends has, beside how long tones are
_FIFTHS = range(-6, 7)


@dataclass(frozen=True)
class _Held:
    pitch: int
    velocity: int
    began_s: float


class Phrase:
    """Takes down what is played.

    Attributes:
        notes: Pitch, velocity, onset and release in seconds, in the order of the releases.
    """

    def __init__(self) -> None:
        self.notes: list[tuple[int, int, float, float]] = []
        self._held: dict[int, _Held] = {}

    def __bool__(self) -> bool:
        """Whether something was played."""
        return bool(self.notes or self._held)

    @property
    def count(self) -> int:
        """Notes so far, held ones among them."""
        return len(self.notes) + len(self._held)

    def press(self, pitch: int, velocity: int, now_s: float) -> None:
        """A key goes down; one that is down already is struck again."""
        self.release(pitch, now_s)
        if self.count < MOST_NOTES:
            self._held[pitch] = _Held(pitch, min(127, max(1, velocity)), now_s)

    def release(self, pitch: int, now_s: float) -> None:
        """A key comes up; one that was not down changes nothing."""
        held = self._held.pop(pitch, None)
        if held is not None:
            self.notes.append((pitch, held.velocity, held.began_s, max(now_s, held.began_s)))

    def end(self, now_s: float) -> None:
        """Let go of everything that is held."""
        for pitch in list(self._held):
            self.release(pitch, now_s)

    def so_far(self, now_s: float) -> Phrase:
        """Return a copy in which nothing is held any more."""
        copy = Phrase()
        copy.notes, copy._held = list(self.notes), dict(self._held)
        copy.end(now_s)
        return copy

    def clear(self) -> None:
        """Begin anew."""
        self.notes.clear()
        self._held.clear()

    def score(
        self, bpm: float, meter: tuple[int, int] = (4, 4), *, zero_s: float | None = None,
        key: str = "",
    ) -> Score:  # fmt: skip
        """Return what was played as a score on a grid of sixteenth notes.

        Args:
            bpm: Quarter notes a minute.
            meter: Numerator and denominator.
            zero_s: When the first bar begins; None lets it begin with the first note.
            key: "D major"; "" is found out.
        """
        if not self.notes:
            return Score(tempo_bpm=bpm, meter=meter)
        zero = min(began for _p, _v, began, _e in self.notes) if zero_s is None else zero_s
        per_s = bpm / 60.0
        placed = [_on_grid(each, zero, per_s) for each in self.notes]
        notes = _joined(_untangled([note for note in placed if note is not None]))
        return barred(Score(notes, bpm, meter, key or likely_key(notes)))


def _on_grid(note: tuple[int, int, float, float], zero_s: float, per_s: float) -> Note | None:
    pitch, velocity, began, ended = note
    start = round((began - zero_s) * per_s / GRID) * GRID
    length = max(_SHORTEST, round((ended - began) * per_s / GRID) * GRID)
    if start + length <= 0:
        return None  # played before the beginning
    return Note(pitch, max(Fraction(0), Fraction(start)), Fraction(length), velocity)


def _untangled(notes: list[Note]) -> tuple[Note, ...]:
    """End a tone where the same one begins again: two cannot lie on each other."""
    kept: list[Note] = []
    for note in sorted(notes, key=lambda each: (each.start, each.pitch)):
        for place, other in enumerate(kept):
            if other.pitch == note.pitch and other.end > note.start > other.start:
                kept[place] = replace(other, length=note.start - other.start)
        if not any(o.pitch == note.pitch and o.start == note.start for o in kept):
            kept.append(note)
    return tuple(kept)


def _joined(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Close gaps of a sixteenth: a finger lifts a little before the next one falls."""
    starts = {note.start for note in notes}
    return tuple(
        replace(note, length=note.length + GRID)
        if note.end not in starts and note.end + GRID in starts
        else note
        for note in notes
    )


def melody_of(score: Score) -> Score:
    """Return the highest line of a score: each note ends where the next begins."""
    tops: dict[Fraction, Note] = {}
    for note in score.notes:
        best = tops.get(note.start)
        if best is None or note.pitch > best.pitch:
            tops[note.start] = note
    line = [tops[start] for start in sorted(tops)]
    cut = [
        replace(note, length=min(note.length, line[n + 1].start - note.start), voice=0)
        if n + 1 < len(line) else replace(note, voice=0)
        for n, note in enumerate(line)
    ]  # fmt: skip
    return replace(score, notes=tuple(cut))


def barred(score: Score) -> Score:
    """Return a score with bars from its beginning to its end, the last one whole."""
    meter = score.meter or (4, 4)
    bar = Fraction(4 * meter[0], meter[1])
    last = max((note.end for note in score.notes), default=Fraction(0))
    count = max(1, math.ceil(last / bar))
    starts = tuple(bar * number for number in range(count))
    return replace(score, meter=meter, bar_starts=starts, end_beats=bar * count)


def likely_key(notes: tuple[Note, ...] | list[Note]) -> str:
    """Return the key that fits notes best, such as "D major"; "C major" for none.

    A key is as good as the share of the sounding time that lies in its scale, with a bonus for
    tonic and fifth, and for ending on the tonic. Of equal ones the one with fewer accidentals.
    """
    if not notes:
        return "C major"
    time = [0.0] * 12
    for note in notes:
        time[note.pitch % 12] += float(note.length)
    total, last = sum(time), max(notes, key=lambda note: (note.start, -note.pitch)).pitch % 12

    def fit(tonic: int, scale: tuple[int, ...]) -> float:
        inside = sum(time[(tonic + step) % 12] for step in scale) / total
        home = (time[tonic] + 0.5 * time[(tonic + 7) % 12]) / total
        return inside + 0.3 * home + (_LAST_NOTE if last == tonic else 0.0)

    found = [(fit(t, s), name, mode) for t, name, mode, s in _keys()]
    best = max(found, key=lambda each: round(each[0], 9))
    return f"{best[1]} {best[2]}"


def _keys() -> list[tuple[int, str, str, tuple[int, ...]]]:
    """Return every key, the plainest first: tonic, its name, mode, scale."""
    found: list[tuple[int, str, str, tuple[int, ...]]] = []
    for fifths in sorted(_FIFTHS, key=lambda n: (abs(n), n)):
        for mode, scale in _MODES:
            tonic = (fifths * 7 + (0 if mode == "major" else 9)) % 12
            found.append((tonic, name_of(fifths + (0 if mode == "major" else 3)), mode, scale))
    return found


def prompt_of(score: Score, coding: Coding, *, melody: bool = False) -> str:
    """Return the text of a phrase for a model to go on with: written, but not closed.

    Args:
        score: The phrase.
        coding: How the model's data write music.
        melody: Keep the highest line alone, for data of one voice.

    Raises:
        MusicError: The coding cannot hold it, or it has no notes.
    """
    played = melody_of(score) if melody else score
    if not played.notes:
        raise MusicError("There is no phrase yet", "nothing was played", "Play a few notes")
    parse_key(played.key)
    text = coding.write(played)
    return opened(text)
