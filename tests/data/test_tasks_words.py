"""Words to words, tags and brackets: targets recomputed in plain Python, floors by brute force."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import BEGIN, END, NOT_ASKED, PAD, Batch
from seqstudio.data.tasks.tagging import BRACKETS, DEEPEST, LETTERS, OPEN_NOW
from seqstudio.data.tasks.words import SOURCE, TARGET
from seqstudio.document.settings import DataSettings


def drawn(kind: str, length: int, rows: int = 500, seed: int = 0) -> Batch:
    dataset = open_dataset(DataSettings(kind, length=length))
    return dataset.batch(np.random.default_rng(seed), rows)


@pytest.mark.parametrize("kind", ["copy", "reverse"])
def test_words_are_written_as_asked(kind: str) -> None:
    batch = drawn(kind, 9)
    assert batch.source is not None
    assert batch.source_lengths is not None
    assert set(batch.source_lengths) == set(range(4, 10))
    for row, length in enumerate(batch.source_lengths):
        word = SOURCE.decode(batch.source[row, :length])
        wanted = word[::-1] if kind == "reverse" else word
        assert word.isalpha()
        assert batch.lengths[row] == length + 1
        assert TARGET.decode(batch.targets[row, : length + 1]) == f"{wanted}$"
        assert TARGET.decode(batch.inputs[row, : length + 1]) == f"^{wanted}"
        assert (batch.source[row, length:] == PAD).all()
        assert (batch.inputs[row, length + 1 :] == PAD).all()
        assert (batch.targets[row, length + 1 :] == NOT_ASKED).all()


def test_the_floor_of_words_is_what_their_letters_and_lengths_are_worth() -> None:
    dataset = open_dataset(DataSettings("reverse", length=7))
    targets = dataset.batch(np.random.default_rng(1), 60_000).targets
    # Counted: the chance to end or to go on at each place, given that the word is that long.
    surprise = 0.0
    for step in range(targets.shape[1]):
        alive = targets[:, step][targets[:, step] != NOT_ASKED]
        counts = Counter(alive.tolist())
        for count in counts.values():
            surprise -= count * math.log(count / len(alive))
    counted = surprise / (targets != NOT_ASKED).sum()
    assert floor(dataset).value == pytest.approx(counted, abs=0.003)


def test_the_shortest_words_have_one_length() -> None:
    dataset = open_dataset(DataSettings("copy", length=4))
    assert floor(dataset).value == pytest.approx(4 / 5 * math.log(12))
    assert (dataset.batch(np.random.default_rng(0), 50).lengths == 5).all()


@pytest.mark.parametrize("length", [4, 5, 12, 30])
def test_brackets_are_well_formed_and_name_what_is_open(length: int) -> None:
    batch = drawn("brackets", length, 300)
    pairs = {")": "(", "]": "[", "}": "{"}
    names = {"(": "round", "[": "square", "{": "curly"}
    deepest = 0
    for row, size in enumerate(batch.lengths):
        stack: list[str] = []
        for symbol, target in zip(
            BRACKETS.decode(batch.inputs[row, :size]), batch.targets[row, :size], strict=True
        ):
            if symbol in pairs:
                assert stack.pop() == pairs[symbol]
            else:
                stack.append(symbol)
            deepest = max(deepest, len(stack))
            assert OPEN_NOW[target] == (names[stack[-1]] if stack else "none")
        assert not stack
        assert (batch.inputs[row, size:] == PAD).all()
        assert (batch.targets[row, size:] == NOT_ASKED).all()
    assert set(batch.lengths) == set(range(4, length + 1, 2))
    assert deepest == min(DEEPEST, length // 2)


def entropy_given_symbol(batch: Batch) -> float:
    """Return the entropy of the target given the symbol of the same step, counted."""
    asked = batch.targets != NOT_ASKED
    pairs = Counter(zip(batch.inputs[asked].tolist(), batch.targets[asked].tolist(), strict=True))
    symbols = Counter(batch.inputs[asked].tolist())
    surprise = sum(-count * math.log(count / symbols[x]) for (x, _), count in pairs.items())
    return surprise / int(asked.sum())


@pytest.mark.parametrize(("kind", "length"), [("brackets", 14), ("brackets", 40), ("parity", 6)])
def test_the_floor_is_what_the_last_symbol_alone_tells(kind: str, length: int) -> None:
    dataset = open_dataset(DataSettings(kind, length=length))
    counted = entropy_given_symbol(drawn(kind, length, 30_000))
    assert floor(dataset).value == pytest.approx(counted, abs=0.005)


def test_tags_name_the_mark_before_and_the_one_to_come() -> None:
    batch = drawn("tagging", 15)
    for row, size in enumerate(batch.lengths):
        text = LETTERS.decode(batch.inputs[row, :size])
        assert text[-1] in "+-"
        before = "+"
        place = 0
        while place < size:
            end = min(text.find(mark, place) % 10_000 for mark in "+-" if mark in text[place:])
            wanted = 2 * "+-".index(before) + "+-".index(text[end])
            assert (batch.targets[row, place : end + 1] == wanted).all()
            before, place = text[end], end + 1
        assert (batch.targets[row, size:] == NOT_ASKED).all()
    assert set(batch.lengths) == set(range(4, 16))


def test_no_letter_is_settled_by_its_past_and_marks_are() -> None:
    dataset = open_dataset(DataSettings("tagging", length=10))
    batch = dataset.batch(np.random.default_rng(3), 20_000)
    asked = batch.targets != NOT_ASKED
    letters = asked & (batch.inputs > 2)
    assert (batch.targets[letters] % 2).mean() == pytest.approx(0.5, abs=0.01)
    share = letters.sum() / asked.sum()
    assert floor(dataset).value == pytest.approx(share * math.log(2), abs=0.004)


def test_parity_counts_ones() -> None:
    batch = drawn("parity", 12, 50)
    for bits, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        assert targets == [sum(bits[: t + 1]) % 2 for t in range(12)]


def test_the_order_of_two_words_decides() -> None:
    dataset = open_dataset(DataSettings("order", length=5))
    batch = dataset.batch(np.random.default_rng(0), 2_000)
    assert dataset.vocabulary is not None
    for ids, target in zip(batch.inputs, batch.targets, strict=True):
        words = dataset.vocabulary.decode(ids).split()
        assert words.count("dog") == words.count("man") == 1
        assert target == int(words.index("man") < words.index("dog"))
    places = {tuple(np.flatnonzero(ids < 2)) for ids in batch.inputs}
    assert len(places) == 10  # every pair of places comes up
    assert batch.targets.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "length"), [("copy", 3), ("reverse", 20_000), ("brackets", 3), ("order", 1)]
)
def test_impossible_lengths_are_refused(kind: str, length: int) -> None:
    with pytest.raises(DataError, match="length"):
        open_dataset(DataSettings(kind, length=length))


def test_the_signs_are_in_the_vocabulary() -> None:
    assert TARGET.decode(np.array([PAD, BEGIN, END])) == "·^$"
