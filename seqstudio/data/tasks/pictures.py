"""Small grey pictures of shapes: to be named, read line by line, or told in a sentence.

Shape legend: B = pictures, H = W = 24 pixels, N = shapes drawn at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from seqstudio.data.corpora import resolve
from seqstudio.data.dataset import Dataset
from seqstudio.data.tasks.base import (
    BEGIN,
    END,
    NOT_ASKED,
    PAD,
    SIGNS,
    Batch,
    Task,
    equal_lengths,
    hash_of,
    inside,
)
from seqstudio.data.tasks.captioned import open_captioned
from seqstudio.data.tasks.pictured import Look, Reading
from seqstudio.data.vocabulary import WordVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from seqstudio.document.settings import DataSettings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Covers = NDArray[np.bool_]

SIDE = 24
SHAPES = ("circle", "square", "triangle", "cross")
RADII = (3.0, 7.0)
BRIGHT = (0.6, 1.0)
NOISE = 0.1
SIZES = ("small", "large")
SMALL, LARGE = (2.5, 3.2), (4.4, 5.2)
WORDS = WordVocabulary((*SIGNS, "a", *SIZES, *SHAPES, "left", "of", "above"))
ALONE, LEFT, ABOVE = range(3)
_A = WORDS.symbols.index("a")
_SIZE = WORDS.symbols.index(SIZES[0])
_SHAPE = WORDS.symbols.index(SHAPES[0])
_LEFT_OF = tuple(WORDS.symbols.index(word) for word in ("left", "of"))
_ABOVE = (WORDS.symbols.index("above"),)
LONGEST_SENTENCE = 8
INK_BINS = 16


def paint(kinds: Ints, x: Floats, y: Floats, radii: Floats) -> Floats:
    """Draw shapes without noise.

    Args:
        kinds: Numbers in `SHAPES` (N,).
        x: Columns of the centres (N,), in pixels.
        y: Rows of the centres (N,).
        radii: Half the width of the shapes (N,).

    Returns:
        How far each pixel is covered, 0 to 1, (N, H, W); borders are smoothed over one pixel.
    """
    pixels = np.arange(SIDE)
    dx = np.abs(pixels[None, None, :] - x[:, None, None])
    dy = pixels[None, :, None] - y[:, None, None]
    r = radii[:, None, None]
    thick = np.maximum(r / 3, 1.0)
    # Distances to the border, below zero inside.
    circle = np.hypot(dx, dy) - r
    square = np.maximum(dx, np.abs(dy)) - 0.85 * r
    triangle = np.maximum((2 * dx - dy - r) / math.sqrt(5), dy - r)
    across, down = np.maximum(dx - r, np.abs(dy) - thick), np.maximum(dx - thick, np.abs(dy) - r)
    cross = np.minimum(across, down)
    distance = np.choose(
        kinds[:, None, None], np.broadcast_arrays(circle, square, triangle, cross)
    )
    return np.clip(0.5 - distance, 0, 1)


def _noisy(rng: np.random.Generator, clean: Floats) -> NDArray[np.float32]:
    """Return pictures (B, 1, H, W) with noise, clipped to 0..1."""
    noise = rng.normal(0, NOISE, clean.shape)
    return np.clip(clean + noise, 0, 1).astype(np.float32)[:, None]


@dataclass(frozen=True)
class ShapesTask(Task):
    """Name the one shape of a picture.

    Inputs: a picture (B, 1, H, W); or its rows from the top, (B, H, W); or its pixels line by
    line, (B, H * W, 1). Targets (B,): circle, square, triangle or cross. Place, size, brightness
    and noise are random.
    """

    reading: Reading = "picture"

    @property
    def look(self) -> Look:
        """How a drawn shape becomes one of these pictures: it stays where it was drawn."""
        return Look((1, SIDE, SIDE), self.reading, 0.0, sum(BRIGHT) / 2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        kinds, radii = rng.integers(0, len(SHAPES), rows), rng.uniform(*RADII, rows)
        x, y = rng.uniform(radii, SIDE - 1 - radii, (2, rows))
        bright = rng.uniform(*BRIGHT, (rows, 1, 1))
        pictures = _noisy(rng, bright * paint(kinds, x, y, radii))
        inputs = pictures.reshape(rows, *_DIMS[self.reading])
        steps = 1 if self.reading == "picture" else inputs.shape[1]
        return Batch(inputs, kinds, equal_lengths(rows, steps))

    @override
    def line(self, batch: Batch, row: int) -> str:
        ink = batch.inputs[row].sum()
        return (
            f"a picture of {SIDE} × {SIDE}, {ink:.0f} pixels of ink → {SHAPES[batch.targets[row]]}"
        )

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # A seed of its own: the counted examples are none of the held-out ones.
        counted = self.draw(np.random.default_rng(0x7EA1_0003), 4096)
        edges = np.quantile(_ink(counted), np.linspace(0, 1, INK_BINS + 1)[1:-1])
        table = np.ones((INK_BINS, len(SHAPES)))
        np.add.at(table, (np.digitize(_ink(counted), edges), counted.targets), 1)
        p = table / table.sum(1, keepdims=True)
        losses = [-np.log(p[np.digitize(_ink(batch), edges), batch.targets]) for batch in examples]
        return "the amount of ink alone", float(np.concatenate(losses).mean())


_DIMS = {"picture": (1, SIDE, SIDE), "rows": (SIDE, SIDE), "pixels": (SIDE * SIDE, 1)}


def _ink(batch: Batch) -> Floats:
    ink: Floats = batch.inputs.reshape(len(batch.inputs), -1).sum(1, dtype=np.float64)
    return ink


@dataclass(frozen=True)
class CaptionsTask(Task):
    """Tell in words what is in a picture.

    Source (B, 1, H, W): one shape, or two beside or above each other, each small or large.
    Inputs (B, T): the sign to begin, then the sentence. Targets (B, T): the sentence, then the
    sign to end. The left or upper shape is named first, so there is one true sentence a picture:
    "a large circle left of a small square", "a small cross".
    """

    @property
    def look(self) -> Look:
        """How drawn shapes become one of these pictures: they stay where they were drawn."""
        return Look((1, SIDE, SIDE), "picture", 0.0, sum(BRIGHT) / 2)

    @override
    def draw(self, rng: np.random.Generator, rows: int) -> Batch:
        return self.scenes(rng, rows)[0]

    def scenes(self, rng: np.random.Generator, rows: int) -> tuple[Batch, Covers]:
        """Return examples, and of each which pixels its first and second shape cover.

        The covers are (B, 2, H, W); nothing for a second shape that is not there.
        """
        relation = rng.integers(0, 3, rows)
        kinds = rng.integers(0, len(SHAPES), (2, rows))
        large = rng.integers(0, 2, (2, rows))
        scene, covers = self._scene(rng, relation, kinds, large)
        pictures = _noisy(rng, scene)
        words, lengths = _sentences(relation, kinds, large)
        targets = np.where(inside(lengths, words.shape[1]), words, NOT_ASKED)
        inputs = np.concatenate([np.full((rows, 1), BEGIN), words[:, :-1]], 1)
        inputs[inputs == END] = PAD
        return Batch(inputs, targets, lengths, pictures), covers

    def _scene(
        self, rng: np.random.Generator, relation: Ints, kinds: Ints, large: Ints
    ) -> tuple[Floats, Covers]:
        """Return the pictures (B, H, W) and covers: each shape stays in its own half."""
        rows = len(relation)
        radii = np.where(large, rng.uniform(*LARGE, (2, rows)), rng.uniform(*SMALL, (2, rows)))
        along = np.array([[SIDE / 4], [3 * SIDE / 4]]) - 0.5 + rng.uniform(-0.5, 0.5, (2, rows))
        aside = (SIDE - 1) / 2 + rng.uniform(-4, 4, (2, rows))
        anywhere = rng.uniform(LARGE[1], SIDE - 1 - LARGE[1], (2, rows))
        x = np.where(relation == LEFT, along, aside)
        y = np.where(relation == LEFT, aside, along)
        x[0] = np.where(relation == ALONE, anywhere[0], x[0])
        y[0] = np.where(relation == ALONE, anywhere[1], y[0])
        bright = rng.uniform(*BRIGHT, (2, rows, 1, 1))
        ink = [paint(kinds[at], x[at], y[at], radii[at]) for at in (0, 1)]
        ink[1] *= (relation != ALONE)[:, None, None]
        covers = np.stack(ink, 1) > 0.5
        return np.maximum(bright[0] * ink[0], bright[1] * ink[1]), covers

    @override
    def line(self, batch: Batch, row: int) -> str:
        assert batch.source is not None
        ink = batch.source[row].sum()
        words = WORDS.decode(batch.targets[row, : batch.lengths[row] - 1])
        return f"a picture of {SIDE} × {SIDE}, {ink:.0f} pixels of ink → {words}"

    @override
    def floor(self, examples: Iterable[Batch]) -> tuple[str, float]:
        # One, two or two shapes, all alike; each is one of two sizes and of four kinds. The
        # sentences have 3, 7 and 8 words and a sign to end.
        nats = 5 / 3 * math.log(len(SIZES) * len(SHAPES)) + math.log(3)
        return "without looking at the picture", nats / 7


def _sentences(relation: Ints, kinds: Ints, large: Ints) -> tuple[Ints, Ints]:
    """Return sentences with their sign to end (B, T), filled up, and their lengths (B,)."""
    rows = len(relation)
    nouns = np.stack([np.full((2, rows), _A), _SIZE + large, _SHAPE + kinds], -1)
    words = np.full((rows, LONGEST_SENTENCE + 1), PAD)
    words[:, :3] = nouns[0]
    for value, between in ((ALONE, None), (LEFT, _LEFT_OF), (ABOVE, _ABOVE)):
        chosen = relation == value
        end = 3
        if between is not None:
            end = 6 + len(between)
            words[chosen, 3 : 3 + len(between)] = between
            words[chosen, 3 + len(between) : end] = nouns[1][chosen]
        words[chosen, end] = END
    return words, (words == END).argmax(1) + 1


def open_shapes(settings: DataSettings, base: Path | None) -> Dataset:
    """Open pictures of shapes."""
    return _named("picture", "Pictures of shapes", "picture")


def open_rows(settings: DataSettings, base: Path | None) -> Dataset:
    """Open shapes that are read row by row."""
    return _named("rows", "Shapes, row by row", "row")


def open_pixels(settings: DataSettings, base: Path | None) -> Dataset:
    """Open shapes that are read pixel by pixel."""
    return _named("pixels", "Shapes, pixel by pixel", "pixel")


def _named(reading: Reading, title: str, token_name: str) -> Dataset:
    whole = reading == "picture"
    return Dataset(
        title=title,
        origin="Drawn while training: grey shapes of random place, size and brightness, in noise.",
        pattern="class",
        input="picture" if whole else "vectors",
        vector_width=0 if whole else _DIMS[reading][1],
        picture=_DIMS[reading] if whole else (),
        classes=SHAPES,
        unit="nats",
        token_name=token_name,
        chance=math.log(len(SHAPES)),
        content_hash=hash_of(f"shapes {reading}"),
        task=ShapesTask(reading),
    )


def open_captions(settings: DataSettings, base: Path | None) -> Dataset:
    """Open drawn pictures with sentences about them, or a folder with a list of captions.

    Raises:
        DataError: The folder is no good; the sentence names the file or line.
    """
    if settings.path:
        return open_captioned(resolve(settings.path, base), settings)
    return Dataset(
        title="Pictures and sentences",
        origin="Drawn while training: one or two grey shapes, and a sentence that says which.",
        pattern="next token",
        input="ids",
        vocabulary=WORDS,
        unit="nats per word",
        token_name="word",
        chance=math.log(len(WORDS)),
        content_hash=hash_of("captions"),
        task=CaptionsTask(),
        source="picture",
        picture=(1, SIDE, SIDE),
        padded=True,
        writes=(BEGIN, END),
    )
