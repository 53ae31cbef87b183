"""Naive Bayes is the arithmetic of counts, and reaches the floors that are written down."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from seqstudio.data.tasks.naive_bayes import (
    PSEUDO_LETTERS,
    floor_accuracy,
    letter_grams,
    predict,
    words_and_pairs,
)
from seqstudio.data.tasks.order_pairs import LECTURE, order_pairs

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
Examples = list[tuple[str, int]]


def halves(folder: str, files: list[str]) -> tuple[Examples, Examples]:
    """Return the split that the floors were measured on."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"{folder} is not here")
    found = [
        (line.strip(), label)
        for label, name in enumerate(files)
        for line in (DATA / folder / name).read_text("utf-8").splitlines()
        if line.strip()
    ]
    random.Random(0).shuffle(found)
    cut = int(0.8 * len(found))
    return found[:cut], found[cut:]


def test_the_floor_of_reviews() -> None:
    train, valid = halves("sentence_polarity", ["rt-polarity.pos", "rt-polarity.neg"])
    assert round(floor_accuracy(train, valid, 2).accuracy, 3) == 0.775


def test_the_floor_of_names() -> None:
    folder = DATA / "names_by_language"
    files = sorted(f.name for f in folder.glob("*.txt") if f.name != "SOURCE.txt")
    train, valid = halves("names_by_language", files)
    found = floor_accuracy(train, valid, len(files), letters=True)
    assert round(found.accuracy, 3) == 0.813
    assert found.macro_recall == pytest.approx(0.594, abs=0.001)
    assert found.macro_f1 == pytest.approx(0.549, abs=0.001)


def test_two_texts_by_hand() -> None:
    """P(a | 0) = (2 + 1) / (2 + 2) beats P(a | 1) = (0 + 1) / (1 + 2), and so on.

    Of an unseen word P(z | 0) P(0) = 1/4 * 2/3 beats 1/3 * 1/3.
    """
    train = [("a", 0), ("a", 0), ("b", 1)]
    assert predict(train, ["a", "b", "z"], str.split, 1.0, 2).tolist() == [0, 1, 0]


def test_features() -> None:
    assert words_and_pairs("not so bad") == ["not", "so", "bad", "not so", "so bad"]
    assert letter_grams("ab") == ["^", "a", "b", "$", "^a", "ab", "b$", "^ab", "ab$"]
    assert PSEUDO_LETTERS < 1


def test_every_pair_is_the_same_bag_of_words() -> None:
    """S25: equal as multisets of words without case and signs."""
    texts = order_pairs().texts
    for one, other in zip(texts[::2], texts[1::2], strict=True):
        bags = [sorted("".join(c for c in t.lower() if c.isalpha() or c == " ").split())
                for t in (one, other)]  # fmt: skip
        assert bags[0] == bags[1]
    assert texts[:2] == LECTURE[0]
