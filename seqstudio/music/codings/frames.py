"""Frames of 88 keys as text: the keys that are down, then a sign for the step.

    C4 E4 G4 / C4 E4 G4 / D4 F4 / end

A model of frames reads and writes 88 numbers a step; the text holds the same, so that a key of a
frame has a place of its own to point at. "beat1" in front says that a step is a whole beat,
"beat4" or nothing that it is a sixteenth. Striking a key again does not show, nor which voice it
belongs to: a key that is down in steps that follow each other is one note.

What does not fit: onsets and ends go to the nearest step, a note keeps at least one; keys off the
piano are left out.

Source: Boulanger-Lewandowski, Bengio and Vincent 2012, "Modeling temporal dependencies in
high-dimensional sequences".
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.music.codings.words import END, PITCHES, Reading, WordCoding, name_of
from seqstudio.music.score import Note, Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqstudio.music.abc import Tune

    Roll = NDArray[np.uint8]

PIANO = 88
LOWEST = 21
"""MIDI number of the lowest key, A0."""
PER_BEAT = 4
STEP = "/"
_MUSIC = re.compile(r"(?<!\S)[A-G][b#]?\d\s")
_BEAT = re.compile(r"beat([1-9]\d?)")


class Frames(WordCoding):
    """The keys that are down, step by step."""

    title = "Frames of 88 keys"
    token_name = "step"  # what the loss is counted over
    opening = ""

    @property
    @override
    def unit(self) -> str:
        return "nats per step, over all keys"

    @override
    def has_music(self, text: str) -> bool:
        return _MUSIC.search(text) is not None

    @override
    def read(self, text: str) -> Tune:
        return _Reader(text, PER_BEAT).read()

    @override
    def write(self, score: Score) -> str:
        return frames_text(roll_of(score)) + END


def roll_of(score: Score, per_beat: int = PER_BEAT) -> Roll:
    """Return the frames (N, 88) of a score: 1 where a key is down.

    Args:
        score: Any score.
        per_beat: Steps in a beat.
    """
    ends = [max(round(n.end * per_beat), round(n.start * per_beat) + 1) for n in score.notes]
    steps = max([-(-score.end_beats * per_beat // 1), *ends])
    roll = np.zeros((steps, PIANO), np.uint8)
    for note, end in zip(score.notes, ends, strict=True):
        if LOWEST <= note.pitch < LOWEST + PIANO:
            roll[round(note.start * per_beat) : end, note.pitch - LOWEST] = 1
    return roll


def frames_text(roll: Roll, per_beat: int = PER_BEAT) -> str:
    """Return frames (N, 88) as text, without a closing sign."""
    head = "" if per_beat == PER_BEAT else f"beat{per_beat} "
    return head + "".join(frame_text(frame) for frame in roll)


def frame_text(frame: NDArray[np.generic]) -> str:
    """Return one frame (88,) as text."""
    keys = np.flatnonzero(frame)
    return "".join(f"{name_of(LOWEST + int(key))} " for key in keys) + f"{STEP} "


def roll_in(text: str) -> tuple[Roll, int]:
    """Return the frames (N, 88) that a text holds, and their steps in a beat; see `Frames`."""
    reader = _Reader(text, PER_BEAT)
    score = reader.read().score
    return roll_of(score, reader.per_beat), reader.per_beat


class _Reader(Reading):
    def read(self) -> Tune:
        step, frame = 0, dict[int, tuple[int, int]]()
        down: dict[int, tuple[int, tuple[int, int]]] = {}
        for word, start, end in self.words():
            beat = _BEAT.fullmatch(word)
            if word == STEP:
                self._release(down, frame, step)
                for pitch, source in frame.items():
                    down.setdefault(pitch, (step, source))
                step, frame = step + 1, {}
            elif word in PITCHES:
                frame.setdefault(PITCHES[word], (start, end))
            elif beat and not step:
                self.per_beat = int(beat[1])
            else:
                self.report(start, f"“{word[:20]}” means nothing here")
        self._release(down, {}, step)
        return self.tune(Score(tuple(self.notes), end_beats=Fraction(step, self.per_beat)), ())

    def _release(
        self, down: dict[int, tuple[int, tuple[int, int]]], frame: dict[int, tuple[int, int]],
        step: int,
    ) -> None:  # fmt: skip
        """Close the notes of the keys that are not down any more."""
        for pitch in [pitch for pitch in down if pitch not in frame]:
            first, source = down.pop(pitch)
            onset = Fraction(first, self.per_beat)
            length = Fraction(step - first, self.per_beat)
            self.notes.append(Note(pitch, onset, length, source=source))
