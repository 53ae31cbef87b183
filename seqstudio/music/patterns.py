"""Patterns that a unit of a model may follow in tunes in ABC: bars, pitches, phrases, chords.

As in `seqstudio.insight.features` the value at a place says what is so once its character has been
read. What has no meaning in a header is NaN there.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.music.abc_reader import read_tune
from seqstudio.music.abc_tokens import TOKEN, split_book, tune_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from seqstudio.music.score import Note, Score

    Values = NDArray[np.float64]

_HEAD = "X:1\nK:C\n"
"""Put before a text that has no key of its own, so that its notes can be read."""


def bar_position(text: str) -> Values:
    """Return where in its bar the last note began, as a share of the bar, 0 to below 1."""

    def share(score: Score, note: Note) -> float:
        index = bisect_right(score.bar_starts, note.start) - 1
        if index < 0:
            return math.nan
        start, end, whole = _bar(score, index)
        if index == 0 and end - start < whole:  # a pickup ends where the bar ends
            start = end - whole
        return float((note.start - start) / whole) % 1.0

    return _of_last_note(text, share)


def pitch(text: str) -> Values:
    """Return the pitch of the last note in semitones, 60 = middle C."""
    return _of_last_note(text, lambda _score, note: float(note.pitch))


def pitch_class(text: str) -> Values:
    """Return the pitch class of the last note, 0 = C to 11 = B, key signature applied."""
    return _of_last_note(text, lambda _score, note: float(note.pitch % 12))


def phrase_end(text: str) -> Values:
    """Return 1 in the last bar of a line of music, NaN outside music."""
    values = np.full(len(text), np.nan)
    for start, line in _music(text):
        values[start : start + len(line)] = 0
        bars = [match.start() for match in TOKEN.finditer(line) if match["bar"]]
        inner = [at for at in bars if _notes_after(line, at)]
        closing = [at for at in bars if not _notes_after(line, at)]
        begin = inner[-1] + 1 if inner else 0
        end = closing[0] if closing else len(line)
        values[start + begin : start + end] = 1
    return values


def in_chord(text: str) -> Values:
    """Return 1 inside notes that sound together, from [ to before ], NaN outside music."""
    return _in_token(text, "chord", lambda match: match["members"] is not None)


def in_symbol(text: str) -> Values:
    """Return 1 inside the quotes of a chord symbol such as "Am", NaN outside music."""
    return _in_token(text, "text", lambda _match: True)


def in_field(text: str) -> Values:
    """Return 1 in a line of a field, such as T: or K:, letter and colon included."""
    values = np.zeros(len(text))
    for line in tune_lines(text):
        if line.kind == "field":
            start = text.rfind("\n", 0, line.start) + 1
            values[start : line.end] = 1
    return values


def bar_line(text: str) -> Values:
    """Return 1 on the characters of a bar line, NaN outside music."""
    return _in_token(text, "bar", lambda _match: True, whole=True)


def _bar(score: Score, index: int) -> tuple[Fraction, Fraction, Fraction]:
    """Return start, end and full length of a bar, in beats."""
    start, end = [*score.bar_starts, score.end_beats][index : index + 2]
    whole = Fraction(4 * score.meter[0], score.meter[1]) if score.meter else end - start
    return start, end, max(whole, end - start, Fraction(1, 1024))


def _of_last_note(text: str, value: Callable[[Score, Note], float]) -> Values:
    """Return what holds for the last note that was read; NaN before it and in headers."""
    values = np.full(len(text), np.nan)
    for offset, tune in _tunes(text):
        score = read_tune(tune).score
        first: dict[tuple[int, int], Note] = {}
        for note in score.notes:
            if note.source is not None:
                first.setdefault(note.source, note)
        places = sorted(first)
        for place, (following, _) in pairwise([*places, (len(tune), 0)]):
            begin, end = max(place[0] + offset, 0), max(following + offset, 0)
            values[begin:end] = value(score, first[place])
    inside = np.zeros(len(text), bool)
    for start, line in _music(text):
        inside[start : start + len(line)] = True
    values[~inside] = np.nan
    return values


def _tunes(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, text) of every tune; one without a key gets a header in front."""
    for tune in split_book(text):
        if re.search(r"^K:", tune.text, re.MULTILINE):
            yield tune.offset, tune.text
        else:
            yield tune.offset - len(_HEAD), _HEAD + tune.text


def _music(text: str) -> Iterator[tuple[int, str]]:
    """Yield (start, text) of every line of music, headers left out."""
    for offset, tune in _tunes(text):
        seen = False
        for line in tune_lines(tune):
            seen = seen or line.letter == "K"
            if line.kind == "music" and seen and line.start + offset >= 0:
                yield line.start + offset, tune[line.start : line.end]


def _notes_after(line: str, at: int) -> bool:
    found = list(TOKEN.finditer(line, at + 1))
    return any(match["note"] or match["rest"] or match["chord"] for match in found)


def _in_token(
    text: str, kind: str, fits: Callable[[re.Match[str]], bool], *, whole: bool = False
) -> Values:
    """Return 1 from the start of such a token to before its last sign, or all of it."""
    values = np.full(len(text), np.nan)
    for start, line in _music(text):
        values[start : start + len(line)] = 0
        for match in TOKEN.finditer(line):
            if match[kind] and fits(match):
                end = match.end() if whole else line.rindex(_LAST[kind], 0, match.end())
                values[start + match.start() : start + end] = 1
    return values


_LAST = {"chord": "]", "text": '"'}
