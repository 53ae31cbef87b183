"""Memory tasks: what is in them, what an answer without memory costs, programs that know all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import NOT_ASKED, Batch
from seqstudio.data.tasks.distance import at_distance, cues, reach_of, telling
from seqstudio.data.tasks.oracles import known_answers
from seqstudio.document.settings import DataSettings

PROGRAMS = ("brackets", "anbn", "anbncn", "parity", "copy-memory")
DISTANT = (*PROGRAMS, "adding", "recall", "order", "temporal-order")


def drawn(kind: str, length: int, rows: int = 300) -> tuple[Dataset, Batch]:
    dataset = open_dataset(DataSettings(kind, length=length))
    return dataset, dataset.batch(np.random.default_rng(0), rows)


# ------------------------------------------------------------------------------ what is drawn


@pytest.mark.parametrize("gap", [1, 7, 100])
def test_copying_memory_asks_for_the_ten_symbols_after_the_gap(gap: int) -> None:
    _, batch = drawn("copy-memory", gap)
    assert batch.inputs.shape == batch.targets.shape == (300, gap + 20)
    assert (batch.inputs[:, :10] == batch.targets[:, -10:]).all()
    assert set(batch.inputs[:, :10].ravel()) == set(range(1, 9))
    assert (batch.targets[:, :-10] == 0).all()
    assert (batch.inputs[:, 9 + gap] == 9).all()
    assert np.delete(batch.inputs[:, 10:], gap - 1, axis=1).max() == 0


@pytest.mark.parametrize("length", [10, 60, 101])
def test_temporal_order_has_two_marks_far_apart(length: int) -> None:
    dataset, batch = drawn("temporal-order", length, 2000)
    marks = (batch.inputs == 2) | (batch.inputs == 3)
    assert (marks.sum(1) == 2).all()
    assert (batch.inputs[:, 0] == 0).all()
    assert (batch.inputs[:, -1] == 1).all()
    first, last = marks.argmax(1), length - 1 - marks[:, ::-1].argmax(1)
    assert (first < 0.25 * length).all()
    assert (last >= 0.45 * length).all()
    kinds = batch.inputs[marks].reshape(-1, 2) - 2
    np.testing.assert_array_equal(batch.targets, 2 * kinds[:, 0] + kinds[:, 1])
    np.testing.assert_allclose(np.bincount(batch.targets) / 2000, 0.25, atol=0.04)
    assert len(dataset.classes) == 4


@pytest.mark.parametrize(("kind", "letters"), [("anbn", 2), ("anbncn", 3)])
def test_counting_draws_every_number_and_asks_from_the_first_b(kind: str, letters: int) -> None:
    dataset, batch = drawn(kind, 20)
    assert dataset.vocabulary is not None
    seen = set()
    for row, length in zip(batch.inputs, batch.lengths, strict=True):
        n = int(length) // letters
        text = dataset.vocabulary.decode(row[:length])
        assert text == "".join(letter * n for letter in "abc"[:letters])
        seen.add(n)
    assert seen == set(range(1, 20 // letters + 1))
    asked = batch.targets != NOT_ASKED
    np.testing.assert_array_equal(asked.sum(1), batch.lengths - batch.lengths // letters)
    assert ((batch.inputs == 1) & asked).sum() == 0


# ------------------------------------------------------------------------------------ floors


@pytest.mark.parametrize(
    ("kind", "length", "value"),
    [
        ("adding", 100, 1 / 6),
        ("recall", 50, math.log(4)),
        ("temporal-order", 60, math.log(4)),
        ("copy-memory", 100, 10 * math.log(8) / 120),
        ("order", 8, math.log(2)),
    ],
)
def test_floors_are_the_closed_forms(kind: str, length: int, value: float) -> None:
    assert floor(open_dataset(DataSettings(kind, length=length))).value == pytest.approx(value)


def test_the_floor_of_parity_falls_to_ln_2_with_the_length() -> None:
    values = [floor(open_dataset(DataSettings("parity", length=n))).value for n in (10, 100, 2000)]
    assert values == sorted(values)
    assert math.log(2) - 1e-6 < values[-1] < math.log(2)


@pytest.mark.parametrize(("kind", "letters"), [("anbn", 2), ("anbncn", 3)])
def test_counting_without_a_count_costs_what_the_letters_tell(kind: str, letters: int) -> None:
    dataset, batch = drawn(kind, 24, 20_000)
    total = 0.0
    for letter in range(2, letters + 1):
        answers = batch.targets[(batch.inputs == letter) & (batch.targets != NOT_ASKED)]
        share = np.bincount(answers) / len(answers)
        total += len(answers) * -(share[share > 0] * np.log(share[share > 0])).sum()
    measured = total / (batch.targets != NOT_ASKED).sum()
    assert floor(dataset).value == pytest.approx(measured, rel=0.02)


# ---------------------------------------------------------------------------------- programs


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_program_answers_every_example(kind: str) -> None:
    dataset, batch = drawn(kind, 24, 100)
    for row, target, length in zip(batch.inputs, batch.targets, batch.lengths, strict=True):
        known = known_answers(dataset.task, row[:length].tolist())
        assert known is not None
        assert known.problem == ""
        assert known.answers == tuple(target[:length])


@pytest.mark.parametrize(
    ("kind", "text", "place", "memory"),
    [
        ("brackets", "([)]", 3, (1, 2, 2, 1)),
        ("brackets", ")", 1, (0,)),
        ("anbn", "aabbb", 5, (1, 2, 1, 0, 0)),
        ("anbn", "ba", 1, (0, 1)),
        ("anbn", "aba", 3, (1, 0, 0)),
        ("anbncn", "aabc", 4, (1, 2, 1, 1)),
    ],
)
def test_what_is_no_such_string_is_told_with_its_place(
    kind: str, text: str, place: int, memory: tuple[int, ...]
) -> None:
    dataset = open_dataset(DataSettings(kind, length=12))
    assert dataset.vocabulary is not None
    known = known_answers(dataset.task, dataset.vocabulary.encode(text).tolist())
    assert known is not None
    assert f" {place} " in known.problem
    assert known.answers[place - 1 :] == (NOT_ASKED,) * (len(text) - place + 1)
    assert known.memory == memory


# --------------------------------------------------------------------------------- distances


@pytest.mark.parametrize("kind", DISTANT)
def test_a_task_is_drawn_at_every_distance_that_it_has(kind: str) -> None:
    dataset, _ = drawn(kind, 20, 1)
    task, reach = dataset.task, reach_of(dataset.task)
    assert task is not None
    assert reach is not None
    distances = reach.usual()
    assert list(distances) == sorted(set(distances))
    assert reach.trained[1] in distances
    assert max(distances) >= 3 * reach.trained[1]
    for distance in distances:
        far = at_distance(task, distance)
        batch = far.draw(np.random.default_rng(1), 8)
        assert len(set(batch.lengths)) == 1
        assert int(batch.lengths[0]) in {distance, distance + 1, distance + 20}
        assert telling(far, batch).any()
        assert ((cues(far, batch) >= 0) & (cues(far, batch) < batch.inputs.shape[1])).all()


def test_what_tells_and_what_is_the_cue() -> None:
    dataset, batch = drawn("copy-memory", 30, 8)
    assert dataset.task is not None
    assert telling(dataset.task, batch).sum() == 80
    dataset, batch = drawn("adding", 30, 8)
    assert dataset.task is not None
    at = cues(dataset.task, batch)
    assert (batch.inputs[np.arange(8), at, 1] == 1).all()
    assert (at < 15).all()
    dataset, batch = drawn("temporal-order", 30, 8)
    assert dataset.task is not None
    assert set(batch.inputs[np.arange(8), cues(dataset.task, batch)]) <= {2, 3}


def test_a_text_has_no_distance() -> None:
    assert reach_of(None) is None
    task = open_dataset(DataSettings("shapes")).task
    assert reach_of(task) is None
    assert task is not None
    with pytest.raises(DataError, match="no distance"):
        at_distance(task, 9)


@pytest.mark.parametrize("kind", ["copy-memory", "temporal-order", "anbn"])
def test_a_length_out_of_range_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match="length"):
        open_dataset(DataSettings(kind, length=10**6))
