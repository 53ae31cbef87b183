"""Whole pieces as frames of 88 keys: the protocol of the published figures.

Inputs are the frames of a piece without its last, targets those without its first. The loss is
summed over the keys and averaged over all steps of all pieces of a part, so that it does not
depend on how they are put into batches.

Source: Boulanger-Lewandowski, Bengio and Vincent 2012, "Modeling temporal dependencies in
high-dimensional sequences"; Bai, Kolter and Koltun 2018, "An empirical evaluation of generic
convolutional and recurrent networks for sequence modeling".

Shape legend: N = steps of all pieces, P = pieces, B = rows, T = steps, 88 keys from A0 (MIDI 21).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.pieces import is_small, music_source
from seqstudio.data.tasks.base import Batch, Listed, hash_of
from seqstudio.data.transposing import KEYS
from seqstudio.music.codings.frames import LOWEST, PER_BEAT, PIANO, roll_of
from seqstudio.music.codings.words import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.data.pieces import MusicSource
    from seqstudio.document.settings import DataSettings
    from seqstudio.music.score import Score

    Roll = NDArray[np.uint8]
    Places = NDArray[np.int64]

LONGEST = 512
"""Longer pieces are cut into parts of so many steps, which share a frame at every cut."""

_STEP_NAMES = {1: "quarter", 2: "eighth", 4: "sixteenth"}


@dataclass(frozen=True, eq=False)
class PiecesTask(Listed):
    """Say for each of the 88 keys whether it is down in the next frame of a piece.

    Inputs (B, T, 88): frames, 1 where a key is down, 0 behind the end of a piece. Targets
    (B, T, 88): the frames one step later, NaN behind the end.

    Attributes:
        roll: The frames of all pieces one after another (N, 88).
        starts: Where each piece begins (P,).
        sizes: Frames of each piece, at least two (P,).
        length: Steps of a drawn row; shorter pieces are drawn whole.
        shifts: Semitones by which a drawn piece is moved, one of them at random.
        per_beat: Steps in a beat.
    """

    roll: Roll
    starts: Places
    sizes: Places
    length: int
    shifts: tuple[int, ...] = (0,)
    per_beat: int = PER_BEAT

    @override
    def __len__(self) -> int:
        return len(self.starts)

    @override
    def take(self, places: Places) -> Batch:
        longest = int(self.sizes.max())
        return self._rows(places, np.zeros_like(places), np.zeros_like(places), longest)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        places = rng.integers(0, len(self.starts), rows)
        room = np.maximum(self.sizes[places] - self.length - 1, 0)
        # Half a row beyond either end is moved back to it: beginnings and closes come often.
        offsets = np.floor(rng.random(rows) * (room + self.length)) - self.length // 2
        offsets = np.clip(offsets.astype(np.int64), 0, room)
        shifts = rng.choice(np.array(self.shifts, np.int64), rows)
        return self._rows(places, offsets, shifts, self.length + 1)

    def _rows(self, places: Places, offsets: Places, shifts: Places, longest: int) -> Batch:
        frames = np.minimum(self.sizes[places] - offsets, longest)
        time = (self.starts[places] + offsets)[:, None] + np.arange(longest)
        inside = np.arange(longest) < frames[:, None]
        keys = np.arange(PIANO) - shifts[:, None, None]
        known = (keys >= 0) & (keys < PIANO) & inside[:, :, None]
        time = np.minimum(time, len(self.roll) - 1)[:, :, None]
        rows = self.roll[time, np.clip(keys, 0, PIANO - 1)].astype(np.float32) * known
        targets = np.where(inside[:, 1:, None], rows[:, 1:], np.float32(np.nan))
        inputs = rows[:, :-1] * inside[:, 1:, None]
        return Batch(inputs, targets, frames - 1)

    @override
    def line(self, batch: Batch, row: int) -> str:
        steps = int(batch.lengths[row])
        frames = [_names(frame) for frame in batch.inputs[row, :steps]]
        return f"{' | '.join(frames)} → {_names(batch.targets[row, steps - 1])}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "the key as it was", _markov(self._pairs(), examples)

    def _pairs(self) -> NDArray[np.float64]:
        """Count (before, after) of every key over all steps within pieces (2, 2, 88)."""
        found = np.zeros((2, 2, PIANO))
        within = np.ones(len(self.roll) - 1, np.bool_)
        within[self.starts[1:] - 1] = False
        was, now = self.roll[:-1][within], self.roll[1:][within]
        for old, new in ((0, 0), (0, 1), (1, 0), (1, 1)):
            found[old, new] = ((was == old) & (now == new)).sum(0)
        return found


def _markov(pairs: NDArray[np.float64], examples: Iterable[Batch]) -> float:
    """Return the mean surprise of a step, summed over keys that each remember one step."""
    down = (pairs[:, 1] + 1) / (pairs.sum(1) + 2)
    total, steps = 0.0, 0
    for batch in examples:
        asked = ~np.isnan(batch.targets[..., 0])
        p = np.where(batch.inputs[asked] > 0, down[1], down[0])
        now = batch.targets[asked] > 0
        total -= float(np.log(np.where(now, p, 1 - p)).sum())
        steps += int(asked.sum())
    return total / max(steps, 1)


def _names(frame: NDArray[np.float32]) -> str:
    return " ".join(name_of(LOWEST + int(key)) for key in np.flatnonzero(frame)) or "rest"


def open_pieces(settings: DataSettings, base: Path | None) -> Dataset:
    """Open whole pieces as frames: chorales as time steps, or MIDI files.

    Music that changes on whole beats alone is read beat by beat, all else in sixteenths.

    Raises:
        DataError: Nothing there can be read, or it has no two frames.
    """
    source = music_source(settings, base)
    per_beat = _per_beat(source)
    small = settings.transpose == "auto" and is_small(source)
    shifts = KEYS if settings.transpose == "on" or small else (0,)
    train = _task([each.score for each in source.train], settings.length, shifts, per_beat)
    valid = _task([each.score for each in source.valid], settings.length, (0,), per_beat)
    step = _STEP_NAMES[per_beat]
    counts = f"Pieces: {len(source.train):,} to learn, {len(source.valid):,} held out, whole"
    steps = f"A step is a {step}; {int((valid.sizes - 1).sum()):,} held-out steps are predicted"
    keys = ("Training pieces drawn in all twelve keys",) if len(shifts) > 1 else ()
    return Dataset(
        title=f"{source.title}, piano frames",
        origin=source.origin,
        pattern="notes",
        input="vectors",
        vector_width=PIANO,
        outputs=PIANO,
        unit=f"nats per {step}, over all keys",
        token_name=step,
        chance=PIANO * math.log(2),
        content_hash=hash_of(
            f"pieces {settings.length} {shifts} {per_beat} {train.sizes} {valid.sizes}",
            train.roll.reshape(-1),
            valid.roll.reshape(-1),
        ),
        notes=(counts, steps, *keys, *source.notes),
        task=train,
        held_out_task=_Measured(**vars(valid), counted=train),
    )


@dataclass(frozen=True, eq=False)
class _Measured(PiecesTask):
    """The held-out pieces; what their floor knows is counted on the training part."""

    counted: PiecesTask | None = None

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return (self.counted or self).floor(examples)


def _per_beat(source: MusicSource) -> int:
    notes = [note for each in source.train + source.valid for note in each.score.notes]
    whole = all(note.start.denominator == note.length.denominator == 1 for note in notes)
    return 1 if whole else PER_BEAT


def _task(
    scores: Sequence[Score], length: int, shifts: tuple[int, ...], per_beat: int
) -> PiecesTask:
    rolls = [part for score in scores for part in _parts(roll_of(score, per_beat))]
    if not rolls:
        raise DataError(
            "The music is too short", "no piece has two frames", "Choose longer pieces"
        )
    sizes = np.array([len(roll) for roll in rolls], np.int64)
    starts = np.cumsum(sizes) - sizes
    return PiecesTask(np.concatenate(rolls), starts, sizes, length, shifts, per_beat)


def _parts(roll: Roll) -> list[Roll]:
    cuts = range(0, max(len(roll) - 1, 0), LONGEST - 1)
    parts = [roll[start : start + LONGEST] for start in cuts]
    return [part for part in parts if len(part) > 1]
