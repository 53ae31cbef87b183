"""Sentences that a model writes about pictures, with where it looked at every word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.inside.predictions import BeamTree
from seqstudio.records.readings import Floats


@dataclass(frozen=True)
class TellPicture:
    """Ask a model for the sentence about a picture.

    Attributes:
        pixels: The picture, packed; see `picture.packed`.
        frame: Its channels, height and width.
        beams: Beams of the search; the sentence is its best.
    """

    pixels: str
    frame: tuple[int, int, int]
    beams: int = 3


@dataclass(frozen=True)
class PictureLook:
    """Where one place of attention looked.

    Attributes:
        name: Of the place.
        hard: One place of the picture is chosen for every word.
        grid: Lines and columns of the P places.
        weights: (T, P) mean over heads, at each word.
    """

    name: str
    hard: bool
    grid: tuple[int, int]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class PictureTold:
    """The answer.

    Attributes:
        words: T words and, where it came to it, the sign to end.
        p: (T,) probability of each.
        others: T times the likeliest words there.
        others_p: T times their probabilities.
        looks: What every place of attention looked at; () for a model without.
        tree: All that the beam search kept.
    """

    words: tuple[str, ...]
    p: Floats
    others: tuple[tuple[str, ...], ...]
    others_p: Floats
    looks: tuple[PictureLook, ...]
    tree: BeamTree


@dataclass(frozen=True)
class CaptionGalleryOf:
    """Ask for held-out pictures with what a model writes about them, the best and the worst.

    Attributes:
        most: Pictures to write about.
        shown: Pictures of each end that come back.
    """

    most: int = 96
    shown: int = 12


@dataclass(frozen=True)
class CaptionGallery:
    """The answer; pictures in order of their loss.

    Attributes:
        pictures: (N, C, H, W).
        told: N sentences of the model.
        right: N right sentences.
        losses: (N,) mean nats a word of the right sentence.
        count: Pictures that were written about.
        exact: Share of all sentences that are a right one, word by word.
        cider: Caption score of all of them, 0 to 10.
        overlap: How well attention at a noun lies on the thing it names: mean intersection over
            union; NaN without attention, or where nobody knows where things are.
        by_chance: The same for places drawn at random.
        nouns: Nouns behind these two.
        done: False while more pictures are on their way.
    """

    pictures: NDArray[np.float32]
    told: tuple[str, ...]
    right: tuple[str, ...]
    losses: Floats
    count: int
    exact: float
    cider: float
    overlap: float
    by_chance: float
    nouns: int
    done: bool
