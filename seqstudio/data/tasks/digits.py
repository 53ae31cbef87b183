"""Digits, and any pictures in classes: drawn, from a table of pixels, or from folders.

Shape legend: N = pictures of a list, B = rows, C = channels, H = height, W = width.
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
from seqstudio.data.reading.pictures import list_pictures, notes_on, read_all
from seqstudio.data.reading.pixels import read_pixels
from seqstudio.data.tasks.base import Batch, KnownFloor, Listed, Task, equal_lengths, hash_of
from seqstudio.data.tasks.neighbours import MOST_KNOWN, Neighbours
from seqstudio.data.tasks.pictured import Look, Reading, look_of, moved
from seqstudio.data.tasks.strokes import draw_digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

DIGITS = tuple("0123456789")
DRAWN_SIDE, FOLDER_SIDE = 8, 24
LEAST, MOST_CLASSES = 20, 1_000
_SHUFFLE = 0
_NEAREST = "the nearest picture"
_DRAWN_LOOK_EXTENT = 0.88


@dataclass(frozen=True)
class DrawnDigits(Task):
    """Tell a digit that is drawn with strokes, each in a hand of its own.

    Inputs: pictures (B, 1, S, S), rows (B, S, S) or pixels (B, S * S, 1), 0 to 1. Targets (B,).

    Attributes:
        look: Size and reading.
        vary: How far training pictures are moved; see `moved`.
    """

    look: Look
    vary: float = 0.0

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        digits = rng.integers(0, len(DIGITS), rows)
        ink = draw_digits(rng, digits, self.look.frame[1])[:, None]
        noisy = np.clip(ink + rng.normal(0, 0.02, ink.shape), 0, 1).astype(np.float32)
        pictures = moved(noisy, rng, self.vary, 0.0)
        return _batch(self.look, pictures, digits)

    @override
    def line(self, batch: Batch, row: int) -> str:
        return _line(self.look, batch, row, DIGITS)

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        inputs, right = _joined(examples)
        return f"{_NEAREST} of {len(self._known.known):,}", self._known.loss(inputs, right)

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        return (KnownFloor("accuracy", _NEAREST, self._known.accuracy(*_joined(examples))),)

    @cached_property
    def _known(self) -> Neighbours:
        # A seed of its own: none of the counted examples is held out.
        some = self.draw(np.random.default_rng(0x7EA1_0004), MOST_KNOWN // 4)
        return Neighbours.of(some.inputs, some.targets, len(DIGITS))


@dataclass(frozen=True, eq=False)
class PicturesTask(Listed):
    """Tell the class of a picture of a list.

    Inputs: pictures (B, C, H, W), rows (B, H, C W) or pixels (B, H W, C), 0 to 1. Targets (B,).

    Attributes:
        pictures: (N, C, H, W), 0 to 255.
        labels: (N,) classes.
        classes: Their names.
        look: Size, reading and shades.
        vary: How far a picture is moved each time that it is drawn for training.
        known: Training pictures, whose nearest one is the floor; None on the training part.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    look: Look
    vary: float = 0.0
    known: PicturesTask | None = field(default=None, repr=False)

    @override
    def __len__(self) -> int:
        return len(self.labels)

    @override
    def take(self, places: NDArray[np.int64]) -> Batch:
        return _batch(self.look, self._shades(places), self.labels[places])

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        places = rng.choice(len(self), rows, replace=rows > len(self)).astype(np.int64)
        pictures = moved(self._shades(places), rng, self.vary, self.look.paper)
        return _batch(self.look, pictures, self.labels[places])

    def _shades(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.pictures[places].astype(np.float32) / np.float32(255)

    @override
    def line(self, batch: Batch, row: int) -> str:
        return _line(self.look, batch, row, self.classes)

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        return f"{_NEAREST} of {len(self._nearest.known):,}", self._nearest.loss(
            *_joined(examples)
        )

    @override
    def known_floors(self, examples: Iterable[Batch]) -> tuple[KnownFloor, ...]:
        return (KnownFloor("accuracy", _NEAREST, self._nearest.accuracy(*_joined(examples))),)

    @cached_property
    def _nearest(self) -> Neighbours:
        known = self.known or self
        some = known.take(np.arange(len(known), dtype=np.int64)).inputs
        return Neighbours.of(some, known.labels, len(self.classes))


def _batch(look: Look, pictures: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
    steps = 1 if look.reading == "picture" else look.dims[0]
    return Batch(look.read(pictures), labels.astype(np.int64), equal_lengths(len(labels), steps))


def _line(look: Look, batch: Batch, row: int, classes: tuple[str, ...]) -> str:
    _, height, width = look.frame
    ink = float(np.abs(batch.inputs[row] - look.paper).mean())
    return f"a picture of {height} × {width}, {ink:.0%} ink → {classes[batch.targets[row]]}"


def _joined(examples: Iterable[Batch]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    batches = list(examples)
    return (
        np.concatenate([batch.inputs for batch in batches]),
        np.concatenate([batch.targets for batch in batches]),
    )


def open_digits(settings: DataSettings, base: Path | None) -> Dataset:
    """Open pictures of digits, or other pictures in classes, read at once.

    Raises:
        DataError: The file or folder is no good; the sentence names it.
    """
    return _open(settings, base, "picture")


def open_digit_rows(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the same pictures to be read row by row; see `open_digits`."""
    return _open(settings, base, "rows")


def open_digit_pixels(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the same pictures to be read pixel by pixel; see `open_digits`."""
    return _open(settings, base, "pixels")


def _open(settings: DataSettings, base: Path | None, reading: Reading) -> Dataset:
    if not settings.path:
        return _drawn(settings, reading)
    path = resolve(settings.path, base)
    found = _of_folder(path, settings) if path.is_dir() else _of_table(path, settings)
    return _listed(path, found, settings, reading)


def _drawn(settings: DataSettings, reading: Reading) -> Dataset:
    side = settings.side or DRAWN_SIDE
    look = Look((1, side, side), reading, extent=_DRAWN_LOOK_EXTENT)
    return _dataset(
        "Drawn digits",
        "Drawn while training with strokes of our own, each digit in a hand of its own; free to "
        "use.",
        look,
        DIGITS,
        (f"Every picture is new: {side} × {side}, grey",),
        hash_of(f"drawn digits {look}"),
        (DrawnDigits(look, settings.vary), DrawnDigits(look)),
    )


@dataclass(frozen=True)
class _Found:
    """Pictures with labels, and which of them are to be held out."""

    pictures: NDArray[np.uint8]
    labels: tuple[str, ...]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    notes: tuple[str, ...]


def _of_table(path: Path, settings: DataSettings) -> _Found:
    table = read_pixels(path)
    cut = int(len(table.labels) * (1 - settings.held_out))
    order = np.arange(len(table.labels))
    note = f"Pictures: {cut:,} to learn, the last {len(order) - cut:,} held out, in order"
    return _Found(table.pictures, table.labels, order[:cut], order[cut:], (*table.notes, note))


def _of_folder(folder: Path, settings: DataSettings) -> _Found:
    folders = sorted(
        each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")
    )
    listed = {each.name: list_pictures(each) for each in folders}
    listed = {name: paths for name, paths in listed.items() if paths}
    check_classes(folder.name, Counter({name: len(paths) for name, paths in listed.items()}))
    pictures, labels, notes = _read(listed, settings.side or FOLDER_SIDE)
    train, valid = split_by_class(labels, settings.held_out)
    notes.append(f"Pictures: {len(train):,} to learn, {len(valid):,} held out, drawn at random "
                 "from every class")  # fmt: skip
    return _Found(pictures, labels, train, valid, tuple(notes))


def _read(
    listed: dict[str, list[Path]], side: int
) -> tuple[NDArray[np.uint8], tuple[str, ...], list[str]]:
    paths = [path for each in listed.values() for path in each]
    good, broken = read_all(paths, side)
    gone = {each.path for each in broken}
    labels = tuple(name for name, each in listed.items() for path in each if path not in gone)
    return np.stack(good), labels, notes_on(broken)


def split_by_class(
    labels: Sequence[str], share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return places to learn from and to hold out: the same share of every class, one at least."""
    rng, names = np.random.default_rng(_SHUFFLE), np.array(labels)
    train, valid = [], []
    for name in sorted(set(labels)):
        places = rng.permutation(np.flatnonzero(names == name))
        cut = min(len(places) - 1, max(1, round(len(places) * (1 - share))))
        train.append(places[:cut])
        valid.append(places[cut:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(valid))


def check_classes(title: str, counts: Counter[str]) -> None:
    """Refuse pictures of one class, of far too many, or with a class of a single picture.

    Args:
        title: Name of the folder or file.
        counts: Pictures of each class.

    Raises:
        DataError: Names the class.
    """
    if not 2 <= len(counts) <= MOST_CLASSES:
        raise DataError(
            f"{title} has {len(counts):,} classes with pictures",
            f"2 to {MOST_CLASSES:,} can be told apart",
            "Make a folder for every class, with its PNG, JPEG, GIF or BMP files in it",
        )
    alone = sorted(name for name, count in counts.items() if count < 2)
    if alone:
        raise DataError(
            f"The class “{alone[0]}” has a single picture in {title}",
            f"{len(alone):,} classes have one; one to learn from and one to measure are needed",
            "Add pictures, or take the class out",
        )
    if counts.total() < LEAST:
        raise DataError(
            f"{title} has too few pictures to learn from",
            f"{counts.total():,}, at least {LEAST} are needed",
        )


def _without_leaks(found: _Found) -> tuple[NDArray[np.int64], int]:
    """Return the held-out places whose picture is none of the training part, and the others."""
    known = {found.pictures[place].tobytes() for place in found.train}
    fresh = [place for place in found.valid if found.pictures[place].tobytes() not in known]
    return np.array(fresh, np.int64), len(found.valid) - len(fresh)


def _listed(path: Path, found: _Found, settings: DataSettings, reading: Reading) -> Dataset:
    check_classes(path.name, Counter(found.labels))
    valid, leaks = _without_leaks(found)
    if not len(valid) or not len(found.train):
        raise DataError(
            f"Nothing of {path.name} is left to hold out",
            f"all {leaks:,} pictures of that part stand in the training part too",
            "Use more different pictures",
        )
    notes = [*found.notes]
    if leaks:
        notes.append(f"{leaks:,} held-out pictures left out: they stand in the training part too")
    classes = tuple(sorted(set(found.labels), key=lambda name: (not name.isdigit(), _rank(name))))
    number = {name: at for at, name in enumerate(classes)}
    labels = np.array([number[name] for name in found.labels], np.int64)
    pictures = found.pictures
    look = look_of(pictures[found.train], reading, centred=not path.is_dir())
    learn = PicturesTask(pictures[found.train], labels[found.train], classes, look, settings.vary)
    measure = PicturesTask(pictures[valid], labels[valid], classes, look, known=learn)
    digest = hashlib.sha256(pictures.tobytes()).hexdigest()
    title = path.name
    return _dataset(
        title,
        f"Your {'folder' if path.is_dir() else 'file'} {path}.",
        look,
        classes,
        tuple(notes),
        hash_of(f"pictures {digest} {look} {classes}", learn.labels, measure.labels),
        (learn, measure),
    )


def _rank(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() and len(name) < 10 else 0, name)


def _dataset(
    title: str,
    origin: str,
    look: Look,
    classes: tuple[str, ...],
    notes: tuple[str, ...],
    content: str,
    tasks: tuple[Task, Task],
) -> Dataset:
    whole = look.reading == "picture"
    names = {"picture": "picture", "rows": "row", "pixels": "pixel"}
    return Dataset(
        title=title,
        origin=origin,
        pattern="class",
        input="picture" if whole else "vectors",
        vector_width=0 if whole else look.dims[1],
        picture=look.frame if whole else (),
        classes=classes,
        unit="nats",
        token_name=names[look.reading],
        chance=math.log(len(classes)),
        content_hash=content,
        notes=notes,
        task=tasks[0],
        held_out_task=tasks[1],
    )
