"""Naive Bayes: what counting words, or letters, reaches where labels are told.

Shape legend: N = texts, C = classes.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.scoring.classes import classified

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Features = Callable[[str], list[str]]

PSEUDO_WORDS, PSEUDO_LETTERS = 1.0, 0.1
"""Counts that every feature gets beforehand: add-one for words, a tenth for letters."""


@dataclass(frozen=True)
class FloorAccuracy:
    """What naive Bayes reaches on held-out texts.

    Attributes:
        name: How.
        accuracy: Share of right labels.
        macro_f1: Mean of the F1 of the classes.
        macro_recall: Mean share of right labels of the classes.
    """

    name: str
    accuracy: float
    macro_f1: float
    macro_recall: float


def words_and_pairs(text: str) -> list[str]:
    """Return the words of a text and the pairs of neighbours."""
    words = text.split()
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def letter_grams(text: str) -> list[str]:
    """Return the 1- to 3-grams of `^text$`."""
    signs = f"^{text}$"
    return [signs[at : at + n] for n in (1, 2, 3) for at in range(len(signs) - n + 1)]


def predict(
    train: Sequence[tuple[str, int]],
    texts: Sequence[str],
    features: Features,
    pseudo: float,
    classes: int,
) -> NDArray[np.int64]:
    """Return the likeliest class of each text (N,).

    Args:
        train: Texts with the number of their class.
        texts: What is judged; what training never saw counts `pseudo` in every class.
        features: What is counted.
        pseudo: Added to every count.
        classes: C.

    Source:
        McCallum and Nigam 1998, the multinomial model.
    """
    counts: list[Counter[str]] = [Counter() for _ in range(classes)]
    for text, label in train:
        counts[label].update(features(text))
    different = len(set().union(*counts))
    sizes = np.bincount([label for _, label in train], minlength=classes)
    prior = np.log(np.maximum(sizes, 1e-12) / max(sizes.sum(), 1))
    empty = [math.log(pseudo / (c.total() + pseudo * different)) for c in counts]
    gain = [{f: math.log((n + pseudo) / pseudo) for f, n in c.items()} for c in counts]
    chosen = np.empty(len(texts), np.int64)
    for at, text in enumerate(texts):
        seen = features(text)
        merits = [
            start + len(seen) * base + sum(more.get(feature, 0.0) for feature in seen)
            for start, base, more in zip(prior, empty, gain, strict=True)
        ]
        chosen[at] = int(np.argmax(merits))
    return chosen


def floor_accuracy(
    train: Sequence[tuple[str, int]],
    held_out: Sequence[tuple[str, int]],
    classes: int,
    *,
    letters: bool = False,
) -> FloorAccuracy:
    """Return what naive Bayes reaches on held-out texts.

    Args:
        train: Texts with the number of their class.
        held_out: The same of the part that is measured.
        classes: How many there are.
        letters: Count letters instead of words and pairs of words: names.
    """
    features = letter_grams if letters else words_and_pairs
    pseudo = PSEUDO_LETTERS if letters else PSEUDO_WORDS
    truth = np.array([label for _, label in held_out], np.int64)
    found = predict(train, [text for text, _ in held_out], features, pseudo, classes)
    told = classified(np.eye(classes)[found], truth)
    name = "naive Bayes, letters 1 to 3" if letters else "naive Bayes, words and pairs"
    sizes = told.confusion.sum(1)
    recall = np.diag(told.confusion)[sizes > 0] / sizes[sizes > 0]
    return FloorAccuracy(name, told.accuracy, told.macro_f1, float(recall.mean()))
