"""Floors: hand-computed counts, published figures on real texts, the cache."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from seqstudio.data import floor as floor_module
from seqstudio.data.corpora import text_dataset
from seqstudio.data.counting import witten_bell
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import Floor, floor
from seqstudio.data.sources import open_dataset
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.document.settings import DataSettings

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def tiny() -> Dataset:
    train, valid = "the cat sat on the mat. " * 60, "the rat sat on a hat. " * 8
    return text_dataset("tiny", "", train + valid, len(train))


def test_witten_bell_by_hand() -> None:
    # train "abab", held out "ac", V = 3 (a, b, c).
    # Order 1: c(a) = c(b) = 2, c(c) = 0, two different symbols among four.
    #   p(a) = (2 + 2/3) / 6 = 4/9,  p(c) = (0 + 2/3) / 6 = 1/9
    # Order 2: "a" comes after "b", which was followed once, by a: (1 + 1 · 4/9) / 2 = 13/18.
    #   "c" comes after "a", followed twice by b: (0 + 1 · 1/9) / 3 = 1/27.
    # Order 3: "ab" was followed once, by a: (1 + 13/18) / 2 = 31/36.
    #   "ba" was followed once, by b: (0 + 1 · 1/27) / 2 = 1/54.
    expected = [(4 / 9, 1 / 9), (13 / 18, 1 / 27), (31 / 36, 1 / 54)]
    found = witten_bell(np.array([0, 1, 0, 1], np.uint16), np.array([0, 2], np.uint16), 3, 3)
    wanted = [-(math.log(first) + math.log(second)) / 2 for first, second in expected]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_an_unseen_context_leaves_the_order_below() -> None:
    # "d" was never seen in training, so after it the second order says what the first says.
    train, valid = np.array([0, 1, 0, 2], np.uint16), np.array([3, 0], np.uint16)
    p_d = (0 + 3 / 4) / (4 + 3)
    p_a = (2 + 3 / 4) / (4 + 3)
    first, second = witten_bell(train, valid, 4, 2)
    assert first == pytest.approx(-(math.log(p_d) + math.log(p_a)) / 2)
    # "c" before "d" was never followed by anything either: it ends the training part.
    assert second == pytest.approx(first)


def direct(train: str, valid: str, symbols: str, order: int) -> float:
    """Witten-Bell as a plain recursion over strings."""

    def p(history: str, symbol: str) -> float:
        lower = p(history[1:], symbol) if history else 1 / len(symbols)
        follow = [
            train[i + len(history)]
            for i in range(len(train) - len(history))
            if train.startswith(history, i)
        ]
        if not follow:
            return lower
        different = len(set(follow))
        return (follow.count(symbol) + different * lower) / (len(follow) + different)

    text = train + valid
    places = range(len(train), len(text))
    return -sum(math.log(p(text[i - order + 1 : i], text[i])) for i in places) / len(valid)


def test_the_sorted_counts_equal_the_plain_recursion() -> None:
    letters = np.random.default_rng(3).choice(list("abcd"), 400, p=[0.5, 0.3, 0.15, 0.05])
    text = "".join(letters).replace("aab", "abd")
    train, valid = text[:300], text[300:]
    vocabulary = Vocabulary.of(text)
    found = witten_bell(vocabulary.encode(train), vocabulary.encode(valid), len(vocabulary))
    wanted = [direct(train, valid, "abcd", order) for order in range(1, 6)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_probabilities_of_all_symbols_sum_to_one() -> None:
    rng = np.random.default_rng(1)
    train = rng.integers(0, 5, 200).astype(np.uint16)
    for orders in range(1, 6):
        # witten_bell gives means; the last of two symbols is had by difference.
        prefix = train[:3]
        base = witten_bell(train, prefix, 6, orders)[-1] * 3
        total = sum(
            math.exp(base - 4 * witten_bell(train, np.append(prefix, symbol), 6, orders)[-1])
            for symbol in range(6)
        )
        assert total == pytest.approx(1)


@pytest.mark.parametrize(
    ("file", "published"),
    [
        ("tinyshakespeare/input.txt", {1: 3.347, 2: 2.486, 3: 2.049, 5: 1.669}),
        ("irish_abc/irish.abc", {1: 3.375, 2: 2.426, 3: 1.861, 5: 1.810}),
    ],
)
def test_published_floors(file: str, published: dict[int, float]) -> None:
    path = DATA / file
    if not path.is_file():
        pytest.skip("the test texts are not beside the repository")
    text = path.read_text(encoding="utf-8")
    cut = int(len(text) * 0.9)
    vocabulary = Vocabulary.of(text)
    losses = witten_bell(
        vocabulary.encode(text[:cut]), vocabulary.encode(text[cut:]), len(vocabulary)
    )
    for order, value in published.items():
        assert losses[order - 1] == pytest.approx(value, abs=0.01)


def test_the_floor_of_a_text_is_its_best_order(tmp_path: Path) -> None:
    dataset = tiny()
    assert dataset.vocabulary is not None
    losses = witten_bell(dataset.train, dataset.valid, len(dataset.vocabulary))
    found = floor(dataset, tmp_path)
    assert found.value == min(losses) < dataset.chance
    assert found.name == f"counting {losses.index(min(losses)) + 1}-grams"
    assert found.unit == "nats per character"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("adding", Floor("always guess 1", 1 / 6, "mean squared error")),
        ("recall", Floor("guess", math.log(4), "nats")),
        ("hello", Floor("no memory", 0.34657359, "nats per character")),
    ],
)
def test_floors_of_tasks(kind: str, expected: Floor, tmp_path: Path) -> None:
    found = floor(open_dataset(DataSettings(kind)), tmp_path)
    assert (found.name, found.unit) == (expected.name, expected.unit)
    assert found.value == pytest.approx(expected.value)
    assert not list(tmp_path.iterdir())


def refuse_counting(*_: object) -> tuple[float, ...]:
    raise AssertionError("counted again")


def test_a_kept_floor_is_not_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = floor(tiny(), tmp_path / "new" / "folder")
    monkeypatch.setattr(floor_module, "witten_bell", refuse_counting)
    assert floor(tiny(), tmp_path / "new" / "folder") == first


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"method": 1}',
        b'{"method": 1, "name": "x", "value": NaN}',
        b'{"method": 1, "name": "x", "value": -1}',
        b'{"method": 1, "name": "x", "value": "much"}',
        b'{"method": 0, "name": "x", "value": 1.5}',
        b"[" * 100_000,
    ],
)
def test_a_broken_cache_is_ignored_and_replaced(content: bytes, tmp_path: Path) -> None:
    first = floor(tiny(), tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(content)
    assert floor(tiny(), tmp_path) == first
    assert json.loads(kept.read_bytes())["value"] == first.value


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    assert floor(tiny(), blocked).value > 0


def test_a_long_corpus_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_module, "MOST_TRAIN", 1_000)
    assert floor(tiny(), tmp_path).name.endswith("on 1,000 of 1,440")
