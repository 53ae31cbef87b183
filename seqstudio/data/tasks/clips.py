"""Short moving pictures: which movement a clip shows, or which one is going on at every frame.

A shape moves over a surface without borders: what leaves on one side comes in on the other. Where
it starts is left to chance, so that a single frame looks the same under every movement.
Shape legend: B = clips, F = frames, S = side of a frame.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.core.errors import DataError
from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.reading.pictures import (
    Broken,
    list_pictures,
    notes_on,
    read_frames,
    refuse_broken,
)
from seqstudio.data.tasks.base import (
    NOT_ASKED,
    Batch,
    KnownFloor,
    Listed,
    Task,
    equal_lengths,
    hash_of,
)
from seqstudio.data.tasks.digits import check_classes, split_by_class
from seqstudio.data.tasks.neighbours import Neighbours

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

    Floats = NDArray[np.float64]

MOVES = ("still", "up", "down", "left", "right", "circle", "to and fro")
STEPS = MOVES[:6]
"""Movements that one frame after another shows; to and fro is left or right at a time."""
_UNIT = np.array([[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]], float)
_CIRCLE, _FRO = 5, 6
SIDE, OWN_SIDE = 12, 16
FRAMES, LARGEST = (4, 100), 64
_SPEED = (0.06, 0.11)  # sides a frame
_RADIUS = (0.1, 0.17)  # sides
_TURN = (0.6, 1.0)  # radians a frame
_NOISE = 0.03
_LEAST_STAY, _CHANGE = 4, 0.3


def film(places: Floats, side: int, radius: Floats, square: NDArray[np.bool_]) -> Floats:
    """Draw a shape at its places.

    Args:
        places: (B, F, 2) x and y of the middle, in sides; whole parts do not count.
        side: S.
        radius: (B,) half the width of the shape, in sides.
        square: (B,) a square, else a disc.

    Returns:
        (B, F, S, S) how far each pixel is covered, 0 to 1.
    """
    centres = (np.arange(side) + 0.5) / side
    away = np.abs((centres - places[..., None] + 0.5) % 1.0 - 0.5)  # (B, F, 2, S)
    dx, dy = away[:, :, 0, None, :], away[:, :, 1, :, None]
    shape = square[:, None, None, None]
    distance = np.where(shape, np.maximum(dx, dy) * 1.1, np.hypot(dx, dy))
    result: Floats = np.clip((radius[:, None, None, None] - distance) * side + 0.5, 0, 1)
    return result


@dataclass(frozen=True)
class ClipsTask(Task):
    """Tell the movement of a clip.

    Inputs (B, F, S * S): the pixels of every frame, 0 to 1. Targets (B,): one of `MOVES`.

    Attributes:
        frames: F.
        side: S.
    """

    frames: int
    side: int

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        moves = rng.integers(0, len(MOVES), rows)
        time = np.arange(self.frames)
        speed = rng.uniform(*_SPEED, (rows, 1))
        steps = _UNIT[np.minimum(moves, 4)] * (moves < _CIRCLE)[:, None]
        path = steps[:, None] * speed[..., None] * time[:, None]
        path += (moves == _CIRCLE)[:, None, None] * _circles(rng, speed, time)
        path[..., 0] += (moves == _FRO)[:, None] * _swings(rng, speed, time)
        inputs = _filmed(rng, path, self.side)
        return Batch(inputs, moves, equal_lengths(rows, self.frames))

    @override
    def line(self, batch: Batch, row: int) -> str:
        return f"{self.frames} frames of {self.side} × {self.side} → {MOVES[batch.targets[row]]}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "a single frame, which shows no movement", math.log(len(MOVES))

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        known = self.draw(np.random.default_rng(0x7EA1_0005), 2000)
        nearest = Neighbours.of(known.inputs, known.targets, len(MOVES))
        batches = list(examples)
        asked = np.concatenate([batch.inputs for batch in batches])
        right = np.concatenate([batch.targets for batch in batches])
        return (KnownFloor("accuracy", "the nearest clip", nearest.accuracy(asked, right)),)


def _circles(rng: np.random.Generator, speed: Floats, time: NDArray[np.int_]) -> Floats:
    """Return paths (B, F, 2) round a circle, either way round."""
    rows = len(speed)
    turn = rng.uniform(*_TURN, (rows, 1)) * rng.choice([-1, 1], (rows, 1))
    angle = rng.uniform(0, 2 * math.pi, (rows, 1)) + turn * time
    radius = (speed / np.abs(turn))[..., None]
    result: Floats = radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    return result


def _swings(rng: np.random.Generator, speed: Floats, time: NDArray[np.int_]) -> Floats:
    """Return x (B, F) of something that turns round every few frames, at least twice a clip."""
    rows = len(speed)
    most = max(2.0, min(5.0, len(time) / 2.5))
    half = rng.uniform(min(3.0, most), most, (rows, 1))
    phase = rng.uniform(0, 2, (rows, 1)) + time / half
    result: Floats = speed * half * np.abs(phase % 2 - 1)
    return result


@dataclass(frozen=True)
class ClipFramesTask(Task):
    """Tell at every frame of a clip which movement has led to it.

    Inputs (B, F, S * S). Targets (B, F): one of `STEPS`; at the first frame nothing is asked. The
    movement changes at random, after four frames at the earliest.

    Attributes:
        frames: F.
        side: S.
    """

    frames: int
    side: int

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        moves = _changing(rng, rows, self.frames)
        speed = rng.uniform(*_SPEED, (rows, 1))
        turn = rng.uniform(*_TURN, (rows, 1)) * rng.choice([-1, 1], (rows, 1))
        heading = rng.uniform(0, 2 * math.pi, (rows, 1)) + turn * np.arange(self.frames)
        round_about = np.stack([np.cos(heading), np.sin(heading)], -1)
        circling = (moves == _CIRCLE)[..., None]
        steps = np.where(circling, round_about, _UNIT[np.minimum(moves, 4)])
        steps[:, 0] = 0
        inputs = _filmed(rng, np.cumsum(steps * speed[..., None], 1), self.side)
        targets = moves.copy()
        targets[:, 0] = NOT_ASKED
        return Batch(inputs, targets, equal_lengths(rows, self.frames))

    @override
    def line(self, batch: Batch, row: int) -> str:
        told, words = batch.targets[row, 1:], list[str]()
        for move in told:
            if not words or words[-1] != STEPS[move]:
                words.append(STEPS[move])
        return f"{self.frames} frames of {self.side} × {self.side} → {', '.join(words)}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return "a single frame, which shows no movement", math.log(len(STEPS))


def _changing(rng: np.random.Generator, rows: int, frames: int) -> NDArray[np.int64]:
    """Return a movement for every frame (B, F)."""
    moves = np.empty((rows, frames), np.int64)
    now, stayed = rng.integers(0, len(STEPS), rows), np.zeros(rows, np.int64)
    for frame in range(frames):
        change = (stayed >= _LEAST_STAY) & (rng.random(rows) < _CHANGE)
        other = (now + rng.integers(1, len(STEPS), rows)) % len(STEPS)
        now, stayed = np.where(change, other, now), np.where(change, 1, stayed + 1)
        moves[:, frame] = now
    return moves


def _filmed(rng: np.random.Generator, path: Floats, side: int) -> NDArray[np.float32]:
    """Return the frames (B, F, S * S) of paths (B, F, 2) that start anywhere, with noise."""
    rows, frames, _ = path.shape
    places: Floats = path + rng.random((rows, 1, 2))
    bright: Floats = rng.uniform(0.6, 1.0, (rows, 1, 1, 1))
    radius: Floats = rng.uniform(*_RADIUS, (rows,))
    square: NDArray[np.bool_] = rng.random((rows,)) < 0.5
    clean: Floats = bright * film(places, side, radius, square)
    noisy = clean + rng.normal(0, _NOISE, clean.shape)
    return np.clip(noisy, 0, 1).astype(np.float32).reshape(rows, frames, side * side)


@dataclass(frozen=True, eq=False)
class ClipFilesTask(Listed):
    """Tell the class of a clip of a list; as `ClipsTask`.

    Attributes:
        clips: (N, F, S, S), 0 to 255.
        labels: (N,) classes.
        classes: Their names.
        known: Clips to learn from, whose nearest one is the floor; None on the training part.
    """

    clips: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    known: ClipFilesTask | None = field(default=None, repr=False)

    @property
    def frames(self) -> int:
        """F."""
        return int(self.clips.shape[1])

    @property
    def side(self) -> int:
        """S."""
        return int(self.clips.shape[2])

    @override
    def __len__(self) -> int:
        return len(self.labels)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        shades = self.clips[places].astype(np.float32) / np.float32(255)
        inputs = shades.reshape(len(places), self.frames, -1)
        return Batch(inputs, self.labels[places], equal_lengths(len(places), self.frames))

    @override
    def line(self, batch: Batch, row: int) -> str:
        name = self.classes[batch.targets[row]]
        return f"{self.frames} frames of {self.side} × {self.side} → {name}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        batches = list(examples)
        asked = np.concatenate([batch.inputs for batch in batches])
        right = np.concatenate([batch.targets for batch in batches])
        return "the nearest clip", self._nearest.loss(asked, right)

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        batches = list(examples)
        asked = np.concatenate([batch.inputs for batch in batches])
        right = np.concatenate([batch.targets for batch in batches])
        return (KnownFloor("accuracy", "the nearest clip", self._nearest.accuracy(asked, right)),)

    @cached_property
    def _nearest(self) -> Neighbours:
        known = self.known or self
        return Neighbours.of(known.clips / np.float32(255), known.labels, len(self.classes))


def open_clips(settings: DataSettings, base: Path | None) -> Dataset:
    """Open clips with a movement each, or a folder with a folder of animated GIFs per class.

    Raises:
        DataError: The folder is no good; the sentence names what is wrong in it.
    """
    _check(settings)
    if settings.path:
        return _own(resolve(settings.path, base), settings)
    side = settings.side or SIDE
    task = ClipsTask(settings.length, side)
    return _dataset(
        "Moving shapes", _ORIGIN, task, MOVES, hash_of(f"clips {settings.length} {side}")
    )


def open_clip_frames(settings: DataSettings, base: Path | None) -> Dataset:
    """Open clips whose movement changes."""
    _check(settings)
    side = settings.side or SIDE
    task = ClipFramesTask(settings.length, side)
    return _dataset(
        "Changing movements",
        _ORIGIN,
        task,
        STEPS,
        hash_of(f"clip frames {settings.length} {side}"),
    )


_ORIGIN = "Drawn while training: a disc or square moves over a surface without borders, in noise."


def _check(settings: DataSettings) -> None:
    low, high = FRAMES
    if not low <= settings.length <= high:
        raise DataError(
            f"A clip cannot have {settings.length:,} frames",
            f"{low} to {high} are possible",
            "Change the length in the data settings",
        )
    if settings.side and not 6 <= settings.side <= LARGEST:
        raise DataError(
            f"A clip cannot have a side of {settings.side:,} pixels",
            f"6 to {LARGEST} are possible",
            "Change the picture side in the data settings",
        )


def _dataset(
    title: str,
    origin: str,
    task: ClipsTask | ClipFramesTask | ClipFilesTask,
    classes: tuple[str, ...],
    content: str,
    held_out: ClipFilesTask | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    every = isinstance(task, ClipFramesTask)
    return Dataset(
        title=title,
        origin=origin,
        pattern="class per step" if every else "class",
        input="vectors",
        vector_width=task.side**2,
        classes=classes,
        unit="nats per frame" if every else "nats",
        token_name="frame",
        chance=math.log(len(classes)),
        content_hash=content,
        notes=notes,
        task=task,
        held_out_task=held_out,
    )


def _own(folder: Path, settings: DataSettings) -> Dataset:
    if not folder.is_dir():
        raise DataError(
            f"{folder.name} is no folder of clips",
            "",
            "Choose a folder with a folder of animated GIF files for every class",
        )
    listed = {
        each.name: list_pictures(each)
        for each in sorted(folder.iterdir())
        if each.is_dir() and not each.name.startswith(".")
    }
    check_classes(folder.name, Counter({name: len(each) for name, each in listed.items() if each}))
    clips, names, broken = _read(listed, settings.side or OWN_SIDE, settings.length)
    check_classes(folder.name, Counter(names))
    classes = tuple(sorted(set(names)))
    labels = np.array([classes.index(name) for name in names], np.int64)
    train, valid = split_by_class(names, settings.held_out)
    learn = ClipFilesTask(clips[train], labels[train], classes)
    measure = ClipFilesTask(clips[valid], labels[valid], classes, learn)
    digest = hashlib.sha256(clips.tobytes()).hexdigest()
    notes = [f"Clips: {len(train):,} to learn, {len(valid):,} held out, drawn at random from "
             "every class"]  # fmt: skip
    return _dataset(
        folder.name,
        f"Your folder {folder}.",
        learn,
        classes,
        hash_of(f"clips {digest} {classes}", labels[train], labels[valid]),
        measure,
        (*notes, *notes_on(broken)),
    )


def _read(
    listed: dict[str, list[Path]], side: int, frames: int
) -> tuple[NDArray[np.uint8], list[str], list[Broken]]:
    clips, names, broken = [], [], []
    for name, paths in listed.items():
        for path in paths:
            try:
                clips.append(read_frames(path, side, frames))
                names.append(name)
            except DataError as error:
                broken.append(Broken(path, error.why or error.what))
    refuse_broken(broken, sum(map(len, listed.values())))
    return np.stack(clips), names, broken
