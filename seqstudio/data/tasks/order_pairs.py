"""Pairs of sentences with the same words in another order, and the opposite meaning (S25)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from seqstudio.data.reading.labelled import Labelled
from seqstudio.data.tasks.sentences import labelled_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from seqstudio.data.dataset import Dataset
    from seqstudio.document.settings import DataSettings

LECTURE = (
    ("The food was good, not bad at all.", "The food was bad, not good at all."),
    ("I'm sorry... it's not you, it's me.", "It's not me, it's you... I'm sorry."),
)
"""The two pairs of the lectures, the kind sentence first."""
_THINGS = (
    "food", "service", "class", "film", "plot", "music", "room", "view", "book", "ending",
    "staff", "story", "price", "coffee", "lecture", "game", "song", "hotel",
)  # fmt: skip
_OPPOSITES = (
    ("good", "bad"), ("great", "awful"), ("fresh", "stale"), ("clear", "muddled"),
    ("warm", "cold"), ("clever", "clumsy"), ("lovely", "dreadful"), ("fun", "dull"),
)  # fmt: skip
_SHAPES = (
    "The {thing} was {first}, not {second} at all.",
    "The {thing} was not {second} but {first}.",
    "At first the {thing} was {second}, then {first}.",
)


def order_pairs() -> Labelled:
    """Return sentences labelled "kind" or "unkind"; every one has its twin of the same words."""
    pairs = [*LECTURE]
    for thing, (good, bad), shape in product(_THINGS, _OPPOSITES, _SHAPES):
        kind = shape.format(thing=thing, first=good, second=bad)
        pairs.append((kind, shape.format(thing=thing, first=bad, second=good)))
    texts = tuple(text for pair in pairs for text in pair)
    return Labelled(texts, ("kind", "unkind") * len(pairs))


def open_order_pairs(settings: DataSettings, base: Path | None) -> Dataset:
    """Open the pairs; half of a pair may be held out while its twin is learnt from."""
    origin = "The two pairs of the lectures and more made by rule; free to use."
    return labelled_dataset("Pairs that differ in order", origin, order_pairs(), settings)
