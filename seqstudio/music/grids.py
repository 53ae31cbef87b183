"""Scores from JSON lists of time steps, the form in which Bach's chorales are handed round.

Two forms, told apart by their content: steps that list what sounds (any number of pitches), and
steps with one place for every voice, where -1, null or NaN is silence.

Source: github.com/czhuang/JSB-Chorales-dataset.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seqstudio.core.errors import MusicError
from seqstudio.music.score import Note, Score, Track

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEMPO_BPM = 80.0
"""The files have no tempo; chorales are sung at about this one."""

_MOST_VOICES = 8
_SATB = ("Soprano", "Alto", "Tenor", "Bass")
_STEPS = ((0.5, Fraction(1, 4)), (0.78, Fraction(1, 2)), (1.0, Fraction(1)))
"""Share of steps that differ from the one before, at most, and the length of a step in beats.

Measured on the 305 chorales: 0.36 on the grid of sixteenths, 0.69 of eighths, 0.87 of quarters.
"""


@dataclass(frozen=True, slots=True)
class GridPiece:
    """A piece with the set of its file that it belongs to ("train", "valid", or "")."""

    part: str
    number: int
    score: Score


@dataclass(frozen=True, slots=True)
class Grid:
    """What a file of time steps holds, before its pieces are made into scores.

    Attributes:
        pieces: (set, its pieces), a piece being time steps of pitches; None is silence.
        voices: Places of every step when the voices are separate, else 0.
        step_beats: Length of a step.
    """

    pieces: tuple[tuple[str, tuple[Any, ...]], ...]
    voices: int
    step_beats: Fraction

    def scores(self) -> Iterator[GridPiece]:
        """Yield the pieces as scores; steps that repeat a pitch are one held note."""
        for part, pieces in self.pieces:
            for number, steps in enumerate(pieces, start=1):
                yield GridPiece(part, number, _score(steps, self.voices, self.step_beats))


def parse_grid(data: bytes) -> Grid:
    """Read a JSON file of time steps.

    Accepted are one piece, a list of pieces, or an object of such lists by name.

    Raises:
        MusicError: It is no JSON, or no lists of pitches.
    """
    try:
        content = json.loads(data, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise MusicError("this is no JSON file", str(error)[:100]) from error
    named = content if isinstance(content, dict) else {"": content}
    pieces = tuple((str(part)[:60], _pieces(value)) for part, value in named.items())
    steps = [step for _part, group in pieces for piece in group for step in piece]
    if not any(pitch is not None for step in steps for pitch in step):
        raise MusicError("this JSON file holds no music", "lists of pitches are read")
    widths = {len(step) for step in steps}
    voices = widths.pop() if len(widths) == 1 else 0
    return Grid(pieces, voices if 1 < voices <= _MOST_VOICES else 0, _step_beats(pieces))


def _pieces(value: Any) -> tuple[Any, ...]:
    """Return a value of the file as pieces, its pitches checked."""
    depth = _depth(value)
    if depth not in (2, 3):
        raise MusicError("this JSON file holds no music", "lists of pitches by time are read")
    return tuple(_piece(piece) for piece in (value if depth == 3 else [value]))


def _depth(value: Any) -> int:
    """Return how many lists lie in each other along the first path that is not empty."""
    depth = 0
    while isinstance(value, list) and depth < 5:
        depth += 1
        value = next((each for each in value if each != []), None)
    return depth


def _piece(piece: Any) -> tuple[tuple[int | None, ...], ...]:
    if not (isinstance(piece, list) and all(isinstance(step, list) for step in piece)):
        raise MusicError("this JSON file holds no music", "a piece is no list of time steps")
    return tuple(tuple(_pitch(pitch) for pitch in step) for step in piece)


def _pitch(value: Any) -> int | None:
    if value is None or value == -1:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MusicError("this JSON file holds no music", "a pitch is no number")
    if not 0 <= value <= 127 or value != int(value):
        raise MusicError("this JSON file holds no music", f"{value!s:.20} is no pitch, 0 to 127")
    return int(value)


def _step_beats(pieces: Sequence[tuple[str, tuple[Any, ...]]]) -> Fraction:
    steps = [
        before != after
        for _part, group in pieces
        for piece in group
        for before, after in pairwise(piece)
    ]
    changed = sum(steps) / len(steps) if steps else 1.0
    return next(beats for most, beats in _STEPS if changed <= most)


def _score(steps: Sequence[tuple[int | None, ...]], voices: int, step_beats: Fraction) -> Score:
    notes: list[Note] = []
    down: dict[tuple[int, int], int] = {}  # (voice, pitch) -> step of its beginning
    for at, step in enumerate([*steps, ()]):
        sounding = {
            (place if voices else 0, pitch)
            for place, pitch in enumerate(step)
            if pitch is not None
        }
        for voice, pitch in sorted(down.keys() - sounding):
            first = down.pop((voice, pitch))
            notes.append(Note(pitch, first * step_beats, (at - first) * step_beats, voice=voice))
        for key in sounding - down.keys():
            down[key] = at
    names = _SATB if voices == len(_SATB) else [f"Voice {n + 1}" for n in range(voices)]
    tracks = tuple(Track(voice, name) for voice, name in enumerate(names[:voices]))
    end = len(steps) * step_beats
    return Score(tuple(notes), TEMPO_BPM, end_beats=end, tracks=tracks)
