"""Tasks that draw their examples: what is in them, and what a constant answer costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.memory import CUES, QUERY
from seqstudio.document.settings import DataSettings


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_hello_is_four_characters_and_the_next_of_each() -> None:
    dataset = open_dataset(DataSettings("hello"))
    assert dataset.vocabulary is not None
    assert dataset.vocabulary.symbols == ("h", "e", "l", "o")
    batch = dataset.batch(rng(), 3)
    assert batch.inputs.tolist() == [[0, 1, 2, 2]] * 3
    assert batch.targets.tolist() == [[1, 2, 2, 3]] * 3
    assert batch.lengths.tolist() == [4, 4, 4]
    assert dataset.chance == pytest.approx(math.log(4))
    assert dataset.preview("train", 11) == "hell → ello"


@pytest.mark.parametrize("length", [2, 3, 50])
def test_adding_marks_one_number_in_each_half(length: int) -> None:
    batch = open_dataset(DataSettings("adding", length=length)).batch(rng(), 500)
    values, marks = batch.inputs[:, :, 0], batch.inputs[:, :, 1]
    assert batch.inputs.shape == (500, length, 2)
    assert batch.inputs.dtype == batch.targets.dtype == np.float32
    assert ((marks == 0) | (marks == 1)).all()
    assert (marks[:, : length // 2].sum(1) == 1).all()
    assert (marks[:, length // 2 :].sum(1) == 1).all()
    assert batch.targets.shape == (500, 1)
    np.testing.assert_allclose(batch.targets[:, 0], (values * marks).sum(1))
    assert (batch.lengths == length).all()


def test_adding_uses_every_place_and_the_whole_range() -> None:
    batch = open_dataset(DataSettings("adding", length=6)).batch(rng(), 20_000)
    share = batch.inputs[:, :, 1].mean(0)
    np.testing.assert_allclose(share, np.full(6, 1 / 3), atol=0.015)
    values = batch.inputs[:, :, 0]
    assert values.min() >= 0
    assert values.max() < 1
    assert values.mean() == pytest.approx(0.5, abs=0.005)


def test_always_guessing_one_costs_a_sixth() -> None:
    dataset = open_dataset(DataSettings("adding", length=20))
    targets = dataset.batch(rng(), 100_000).targets
    assert float(((targets - 1) ** 2).mean()) == pytest.approx(1 / 6, rel=0.01)
    assert dataset.chance == pytest.approx(1 / 6)
    assert targets.mean() == pytest.approx(1, abs=0.01)  # no constant does better


@pytest.mark.parametrize("gap", [1, 4, 50])
def test_recall_asks_for_the_cue_at_that_distance(gap: int) -> None:
    dataset = open_dataset(DataSettings("recall", length=gap))
    batch = dataset.batch(rng(), 400)
    assert batch.inputs.shape == (400, gap + 1)
    assert (batch.inputs[:, 0] == batch.targets).all()
    assert set(batch.targets) == set(range(CUES))
    assert (batch.inputs[:, -1] == QUERY).all()
    between = batch.inputs[:, 1:-1]
    assert ((between >= CUES) & (between < QUERY)).all()
    assert batch.targets.dtype == np.int64
    assert (batch.lengths == gap + 1).all()
    assert len(dataset.classes) == CUES
    assert dataset.vocabulary is not None
    assert len(dataset.vocabulary) == QUERY + 1


def test_recall_is_balanced_and_distractors_tell_nothing() -> None:
    batch = open_dataset(DataSettings("recall", length=3)).batch(rng(), 40_000)
    together = np.histogram2d(batch.targets, batch.inputs[:, 1], (4, 8))[0] / 40_000
    np.testing.assert_allclose(together, np.full((4, 8), 1 / 32), atol=0.005)


@pytest.mark.parametrize("kind", ["hello", "adding", "recall"])
def test_the_same_generator_state_draws_the_same_examples(kind: str) -> None:
    dataset = open_dataset(DataSettings(kind))
    one, two = dataset.batch(rng(7), 8), dataset.batch(rng(7), 8)
    assert np.array_equal(one.inputs, two.inputs)
    assert np.array_equal(one.targets, two.targets)


@pytest.mark.parametrize("kind", ["adding", "recall"])
def test_validation_examples_stay_and_are_not_the_training_ones(kind: str) -> None:
    dataset = open_dataset(DataSettings(kind))
    first, again = dataset.fixed_batches(16, 3), dataset.fixed_batches(16, 3)
    assert len(first) == 3
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one.inputs, two.inputs)
    assert not np.array_equal(first[0].inputs, first[1].inputs)
    for seed in range(20):
        assert not np.array_equal(first[0].inputs, dataset.batch(rng(seed), 16).inputs)


@pytest.mark.parametrize("kind", ["hello", "adding", "recall"])
def test_a_preview_keeps_to_its_length(kind: str) -> None:
    dataset = open_dataset(DataSettings(kind, length=4))
    text = dataset.preview("valid", 120)
    assert len(text) == 120
    assert text.splitlines()[0].count("→") == 1
    assert dataset.preview("valid", 60) == text[:60]


def test_a_preview_of_the_adding_problem_adds_up() -> None:
    line = open_dataset(DataSettings("adding", length=8)).preview("train", 200).splitlines()[0]
    shown, total = line.split(" → ")
    marked = [float(word[1:-1]) for word in shown.split() if word.startswith("[")]
    assert len(marked) == 2
    assert sum(marked) == pytest.approx(float(total), abs=0.011)


@pytest.mark.parametrize(
    ("kind", "length"), [("adding", 1), ("adding", 0), ("recall", 0), ("recall", 10**9)]
)
def test_an_impossible_length_is_refused(kind: str, length: int) -> None:
    with pytest.raises(DataError, match="length"):
        open_dataset(DataSettings(kind, length=length))


def test_the_hash_tells_tasks_apart() -> None:
    kinds = [("adding", 5), ("adding", 6), ("recall", 5), ("recall", 6), ("hello", 5)]
    hashes = {open_dataset(DataSettings(k, length=n)).content_hash for k, n in kinds}
    assert len(hashes) == len(kinds)
    again = open_dataset(DataSettings("hello", length=9)).content_hash
    assert again in hashes  # the word has no length to set
