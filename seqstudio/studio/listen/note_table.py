"""`NoteTable`: the notes of a score as arrays, so that thousands are found and painted at once.

Shape legend: N notes, in the order of the score. No Qt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seqstudio.music.score import Note

Indices = NDArray[np.intp]
Key = tuple[int, int, float]


class NoteTable:
    """Notes by their number.

    Attributes:
        notes: The notes.
        start_N: Onsets in beats.
        end_N: Releases in beats.
        pitch_N: Pitches.
        velocity_N: Velocities.
        voice_N: Voices.
    """

    def __init__(self, notes: Sequence[Note] = ()) -> None:
        self.notes = tuple(notes)
        self.start_N = np.array([float(note.start) for note in notes])
        self.end_N = self.start_N + np.array([float(note.length) for note in notes])
        self.pitch_N = np.array([note.pitch for note in notes], np.int64)
        self.velocity_N = np.array([note.velocity for note in notes], np.int64)
        self.voice_N = np.array([note.voice for note in notes], np.int64)

    def __len__(self) -> int:
        return len(self.notes)

    def within(self, first: float, last: float, low: float = 0, high: float = 127) -> Indices:
        """Return the notes that touch a span of beats and lie between two pitches."""
        touching = (self.end_N > first) & (self.start_N <= last)
        return np.flatnonzero(touching & (self.pitch_N >= low) & (self.pitch_N <= high))

    def sounding(self, beats: float) -> Indices:
        """Return the notes that sound at a place; a note ends just before its release."""
        return np.flatnonzero((self.start_N <= beats) & (beats < self.end_N))

    def of_pitch(self, pitch: int) -> Indices:
        """Return all notes of a pitch."""
        return np.flatnonzero(self.pitch_N == pitch)

    def pick(self, indices: Iterable[int]) -> tuple[Note, ...]:
        """Return notes by number, ascending."""
        return tuple(self.notes[index] for index in sorted(indices))

    def found(self, notes: Iterable[Note]) -> frozenset[int]:
        """Return the numbers of notes by voice, pitch and onset: other texts say the same."""
        return frozenset(
            number for note in notes if (number := self._numbers.get(_key(note))) is not None
        )

    @cached_property
    def _numbers(self) -> dict[Key, int]:
        return {_key(note): number for number, note in enumerate(self.notes)}


def _key(note: Note) -> Key:
    return note.voice, note.pitch, round(float(note.start), 4)
