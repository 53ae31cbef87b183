"""Piano frames of a book of tunes: which of the 88 keys are down, sixteenth by sixteenth.

Shape legend: N = sixteenths of a whole book, B = rows, T = steps, 88 keys from A0 (MIDI 21).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data import tunebook
from seqstudio.data.corpora import is_book, read_book, transposes
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import Batch, Task, check_length, equal_lengths, hash_of
from seqstudio.data.tasks.chorales import open_pieces
from seqstudio.music.abc import read_tune
from seqstudio.music.keys import parse_key, pitch_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings
    from seqstudio.music.score import Score

    Roll = NDArray[np.uint8]

PIANO = 88
LOWEST = 21
"""MIDI number of the lowest key."""
PER_BEAT = 4
REST = 16
"""Sixteenths of silence between two tunes."""
BASS, CHORD = 36, 48
"""MIDI numbers of the C from which the bass note and the other notes of a chord are taken."""
_MOST_COUNTED = 100_000
_THIRD_AND_FIFTH = ((4, 7), (3, 7))
_FOURTH_AND_FIFTH = (0, 5, 7)


def piano_roll(score: Score) -> Roll:
    """Return the frames (N, 88) of a melody with a plain accompaniment: 1 where a key is down.

    In every bar the triad on the first, fourth or fifth degree that shares most time with the
    melody is held: its root in the bass, third and fifth above. A sixteenth has one frame; the
    melody's note in it is the one that sounds at its beginning. Striking a key again does not
    show.
    """
    roll = np.zeros((math.ceil(score.end_beats * PER_BEAT), PIANO), np.uint8)
    for note in score.notes:
        start, end = math.ceil(note.start * PER_BEAT), math.ceil(note.end * PER_BEAT)
        if 0 <= note.pitch - LOWEST < PIANO:
            roll[start:end, note.pitch - LOWEST] = 1
    bars = [math.ceil(beat * PER_BEAT) for beat in score.bar_starts]
    for start, end in zip(bars, [*bars[1:], len(roll)], strict=True):
        held = _chord(roll[start:end], score.key)
        if held:
            roll[start:end, [pitch - LOWEST for pitch in held]] = 1
    return roll


def _chord(melody: Roll, key: str) -> tuple[int, ...]:
    """Return the MIDI numbers of the chord to a bar of melody (t, 88); none to silence."""
    classes = np.zeros(12)
    np.add.at(classes, (np.arange(PIANO) + LOWEST) % 12, melody.sum(0))
    if not classes.any():
        return ()
    found, _name = parse_key(key)
    tonic = 7 * (found.tonic or 0) % 12
    scale = _scale(found.signature)
    triads = [_triad((tonic + step) % 12, scale) for step in _FOURTH_AND_FIFTH]
    root, third, fifth = max(triads, key=lambda triad: classes[list(triad)].sum())
    return (BASS + root, CHORD + third, CHORD + fifth)


def _scale(signature: int) -> frozenset[int]:
    """Return the seven pitch classes of a key signature."""
    return frozenset(7 * fifths % 12 for fifths in range(signature - 1, signature + 6))


def _triad(root: int, scale: frozenset[int]) -> tuple[int, int, int]:
    """Return the triad on a root: major where the scale has the major third, else minor."""
    third, fifth = _THIRD_AND_FIFTH[(root + 4) % 12 not in scale]
    return root, (root + third) % 12, (root + fifth) % 12


@dataclass(frozen=True, eq=False)
class FramesTask(Task):
    """Say for each of the 88 keys whether it is down in the next sixteenth.

    Inputs (B, T, 88): frames, 1 where a key is down. Targets (B, T, 88): the frames one
    sixteenth later. The loss is summed over the keys.

    Source: Boulanger-Lewandowski, Bengio and Vincent 2012, "Modeling temporal dependencies in
    high-dimensional sequences".

    Attributes:
        roll: The frames of all tunes, with rests between (N, 88).
        counted: The frames that the floor counts on.
        length: Steps of a piece.
        shifts: Semitones by which a piece is moved, one of them at random.
    """

    roll: Roll
    counted: Roll
    length: int
    shifts: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        check_length("pieces of tunes", self.length, least=2)
        if len(self.roll) <= self.length:
            raise DataError(
                "A part of the book is shorter than one piece",
                f"it has {len(self.roll):,} sixteenths, a piece has {self.length:,}",
                "Shorten the pieces, hold more out, or use a longer book",
            )

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        starts = rng.integers(0, len(self.roll) - self.length, rows)
        shifts = rng.choice(self.shifts, rows)
        time = starts[:, None, None] + np.arange(self.length + 1)[:, None]
        keys = np.arange(PIANO) - shifts[:, None, None]
        pieces = self.roll[time, np.clip(keys, 0, PIANO - 1)].astype(np.float32)
        pieces *= (keys >= 0) & (keys < PIANO)
        return Batch(pieces[:, :-1], pieces[:, 1:], equal_lengths(rows, self.length))

    @override
    def line(self, batch: Batch, row: int) -> str:
        frames = [_names(frame) for frame in batch.inputs[row]]
        return f"{' | '.join(frames)} → {_names(batch.targets[row, -1])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        losses: dict[str, list[float]] = {"how often a key is down": [], "the key as it was": []}
        alone, after = key_frequency(self.counted[:_MOST_COUNTED], self.shifts)
        for batch in examples:
            was = batch.inputs.astype(np.int64)
            following = np.where(was == 1, after[1], after[0])
            losses["how often a key is down"].append(_coins(alone, batch.targets))
            losses["the key as it was"].append(_coins(following, batch.targets))
        best = min(losses, key=lambda name: float(np.mean(losses[name])))
        return best, float(np.mean(losses[best]))


def key_frequency(
    roll: Roll, shifts: Iterable[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count how often each key is down, with one more frame of either kind.

    Returns:
        The share of frames with the key down (88,), and the same among the frames after one with
        the key up and after one with it down (2, 88).
    """
    down, pairs = np.zeros(PIANO), np.zeros((2, 2, PIANO))
    for shift in shifts:
        moved = np.roll(roll, shift, axis=1).astype(np.int64)
        down += moved.sum(0)
        for before in (0, 1):
            among = moved[:-1] == before
            pairs[before, 1] += (among & (moved[1:] == 1)).sum(0)
            pairs[before, 0] += (among & (moved[1:] == 0)).sum(0)
    frames = len(roll) * len(tuple(shifts))
    return (down + 1) / (frames + 2), (pairs[:, 1] + 1) / (pairs.sum(1) + 2)


def _coins(p: NDArray[np.float64], frames: NDArray[np.float32]) -> float:
    """Return the mean over steps of the surprise of frames (B, T, 88), summed over the keys."""
    surprise = -np.log(np.where(frames == 1, p, 1 - p))
    return float(surprise.sum(-1).mean())


def _names(frame: NDArray[np.float32]) -> str:
    return " ".join(pitch_name(LOWEST + int(key)) for key in np.flatnonzero(frame)) or "rest"


def _book_roll(tunes: Iterable[str]) -> Roll:
    """Return the frames (N, 88) of tunes, with a rest after each."""
    rest = np.zeros((REST, PIANO), np.uint8)
    rolls = [part for tune in tunes for part in (piano_roll(read_tune(tune).score), rest)]
    return np.concatenate(rolls)


def open_frames(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the piano frames of a book of tunes, of the shipped one, or of other music.

    Raises:
        DataError: The book is no good, or a part of it is shorter than one piece.
    """
    if not is_book(settings.path, base):
        return open_pieces(settings, base)
    title, origin, text = read_book(settings.path, base)
    book = tunebook.split(text, settings.held_out, title)
    train, valid = _book_roll(book.train), _book_roll(book.valid)
    shifts = tunebook.KEYS if transposes(settings, text) else (0,)
    tunes = f"Tunes: {len(book.train):,} to learn, {len(book.valid):,} held out"
    keys = ("Training tunes drawn in all twelve keys",) if len(shifts) > 1 else ()
    return Dataset(
        title=f"{title}, piano frames",
        origin=f"{origin} The accompaniment is added: one held triad a bar.",
        pattern="notes",
        input="vectors",
        vector_width=PIANO,
        outputs=PIANO,
        unit="nats per step, over all keys",
        token_name="sixteenth",
        chance=PIANO * math.log(2),
        content_hash=hash_of(
            f"frames {settings.length} {shifts}", train.reshape(-1), valid.reshape(-1)
        ),
        notes=(tunes, *keys, *book.notes),
        task=FramesTask(train, train, settings.length, shifts),
        held_out_task=FramesTask(valid, train, settings.length),
    )
