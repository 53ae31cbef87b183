"""Masked text, pictures, waves and piano frames: what is drawn and what the floors rest on."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks import pictures
from seqstudio.data.tasks.base import NOT_ASKED
from seqstudio.data.tasks.masked import MaskedTask, neighbours_loss
from seqstudio.data.tasks.notes import FramesTask, key_frequency, piano_roll
from seqstudio.data.tasks.pictures import SHAPES, WORDS, paint
from seqstudio.document.settings import DataSettings
from seqstudio.music.score import Note, Score


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("masked") / "text.txt"
    path.write_text("the cat sat on the mat, the rat ate it. " * 100)
    return open_dataset(DataSettings("masked", str(path), length=20))


def test_a_masked_text_is_the_text_elsewhere(masked: Dataset) -> None:
    task = masked.task
    assert isinstance(task, MaskedTask)
    batch = masked.batch(rng(), 2_000)
    asked = batch.targets != NOT_ASKED
    text = "".join(task.vocabulary.symbols[i] for i in task.ids)
    restored = np.where(asked, batch.targets, batch.inputs)
    assert all(task.vocabulary.decode(row) in text for row in restored[:200])
    assert (batch.inputs[~asked] != task.mask).all()


def test_of_the_chosen_characters_80_are_masked_10_changed_10_left(masked: Dataset) -> None:
    task = masked.task
    assert isinstance(task, MaskedTask)
    batch = masked.batch(rng(1), 10_000)
    asked = batch.targets != NOT_ASKED
    read, wanted = batch.inputs[asked], batch.targets[asked]
    assert asked.mean() == pytest.approx(0.15, abs=0.003)
    assert (read == task.mask).mean() == pytest.approx(0.8, abs=0.01)
    same = 0.1 + 0.1 / task.mask  # a random character can be the right one
    assert (read == wanted).mean() == pytest.approx(same, abs=0.01)


def test_held_out_pieces_come_from_the_held_out_part(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcd" * 900 + "wxyz" * 100)
    dataset = open_dataset(DataSettings("masked", str(path), length=16))
    assert dataset.vocabulary is not None
    train, valid = dataset.batch(rng(), 200), dataset.fixed_batches(200, 1)[0]
    for batch, letters in ((train, "abcd"), (valid, "wxyz")):
        seen = {dataset.vocabulary.symbols[i] for i in batch.targets[batch.targets != NOT_ASKED]}
        assert seen == set(letters)
    assert dataset.classes == tuple("abcdwxyz")
    assert len(dataset.vocabulary) == 9


def test_neighbours_are_counted_as_by_hand() -> None:
    # text "abcabd", symbols abcd and the mask: a is followed by b twice; between a and c stands
    # b once, between a and d once.
    text = np.array([0, 1, 2, 0, 1, 3])
    inner = [1, 2, 0, 1]  # those with two neighbours
    p0 = {s: (inner.count(s) + 3 / 4) / (4 + 3) for s in range(4)}  # 3 different symbols
    p1 = (2 + 1 * p0[1]) / (2 + 1)
    p2 = (1 + 1 * p1) / (1 + 1)
    asked = neighbours_loss(text, np.array([0]), np.array([1]), np.array([2]), 5)
    assert asked == pytest.approx(-math.log(p2))
    beside_mask = neighbours_loss(text, np.array([0]), np.array([1]), np.array([4]), 5)
    assert beside_mask == pytest.approx(-math.log(p1))
    alone = neighbours_loss(text, np.array([4]), np.array([3]), np.array([4]), 5)
    assert alone == pytest.approx(-math.log(p0[3]))


def test_the_floor_of_masked_text_is_far_below_chance(masked: Dataset) -> None:
    assert 0 < floor(masked).value < masked.chance / 2


def test_a_text_shorter_than_a_piece_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcd" * 600)
    with pytest.raises(DataError, match="shorter than one piece") as caught:
        open_dataset(DataSettings("masked", str(path), held_out=0.01, length=30))
    assert caught.value.hint


# ------------------------------------------------------------------------------------- pictures


def one(kind: str, radius: float) -> NDArray[np.float64]:
    number, middle = np.array([SHAPES.index(kind)]), np.array([11.0])
    picture: NDArray[np.float64] = paint(number, middle, middle, np.array([radius]))[0]
    return picture


@pytest.mark.parametrize(
    ("kind", "area"),
    [
        ("circle", math.pi * 36),
        ("square", (2 * 0.85 * 6) ** 2),
        ("triangle", 0.5 * 12 * 12),
        ("cross", 2 * (4 * 12) - 4 * 4),
    ],
)
def test_shapes_have_their_area_and_symmetry(kind: str, area: float) -> None:
    picture = one(kind, 6.0)
    assert picture.sum() == pytest.approx(area, rel=0.04)
    around = picture[:23, :23]
    np.testing.assert_array_equal(around, around[:, ::-1])
    upside_down = np.array_equal(around, around[::-1])
    assert upside_down == (kind != "triangle")


def test_shapes_lie_inside_their_picture_and_all_come_up() -> None:
    batch = open_dataset(DataSettings("shapes")).batch(rng(), 4_000)
    assert batch.inputs.shape == (4_000, 1, 24, 24)
    assert batch.inputs.dtype == np.float32
    assert batch.inputs.min() == 0
    assert batch.inputs.max() <= 1
    np.testing.assert_allclose(np.bincount(batch.targets) / 4_000, np.full(4, 0.25), atol=0.03)
    border = np.concatenate([batch.inputs[:, 0, 0], batch.inputs[:, 0, :, 0]])
    assert border.mean() < 0.1  # noise alone is clipped to about 0.04


def test_rows_and_pixels_are_the_same_pictures_in_another_shape() -> None:
    whole, rows, pixels = (
        open_dataset(DataSettings(kind)).batch(rng(5), 6) for kind in ("shapes", "rows", "pixels")
    )
    np.testing.assert_array_equal(rows.inputs, whole.inputs[:, 0])
    np.testing.assert_array_equal(pixels.inputs, whole.inputs.reshape(6, 576, 1))
    np.testing.assert_array_equal(pixels.targets, whole.targets)
    assert (rows.lengths == 24).all()
    assert (pixels.lengths == 576).all()
    assert (whole.lengths == 1).all()


def test_ink_alone_tells_a_little() -> None:
    found = floor(open_dataset(DataSettings("rows")))
    assert 1.0 < found.value < math.log(4)


def scene_of(sentence: str) -> tuple[int, list[tuple[int, int]]]:
    """Read a sentence: how its shapes lie, and (large, shape) of each."""
    first, *rest = sentence.replace("left of", "left").replace(" left ", "|").split("|")
    relation = pictures.LEFT if rest else pictures.ALONE
    if " above " in first:
        first, second = first.split(" above ")
        rest, relation = [second], pictures.ABOVE
    shapes = []
    for words in (first, *rest):
        article, size, shape = words.split()
        assert article == "a"
        shapes.append((pictures.SIZES.index(size), SHAPES.index(shape)))
    return relation, shapes


def test_captions_are_sentences_with_their_ends() -> None:
    batch = open_dataset(DataSettings("captions")).batch(rng(), 2_000)
    seen: set[str] = set()
    for row, length in enumerate(batch.lengths):
        *words, end = WORDS.decode(batch.targets[row, :length]).split()
        assert end == "$"
        assert WORDS.decode(batch.inputs[row, :length]).split() == ["^", *words]
        assert (batch.targets[row, length:] == NOT_ASKED).all()
        assert (batch.inputs[row, length:] == 0).all()
        scene_of(" ".join(words))
        seen.add(" ".join(words))
    assert set(batch.lengths) == {4, 8, 9}
    assert "a large circle" in seen
    assert len(seen) > 120  # of 8 + 2 · 64


def test_captions_are_true() -> None:
    """Where a large and a small shape lie beside each other, the large one covers more."""
    batch = open_dataset(DataSettings("captions")).batch(rng(2), 600)
    assert batch.source is not None
    looked = 0
    for row, length in enumerate(batch.lengths):
        relation, shapes = scene_of(WORDS.decode(batch.targets[row, : length - 1]))
        bright = batch.source[row, 0] > 0.35
        if relation == pictures.ABOVE:
            bright = bright.T
        if relation == pictures.ALONE or shapes[0][0] == shapes[1][0]:
            continue
        first_is_large = bright[:, :12].sum() > bright[:, 12:].sum()
        assert first_is_large == bool(shapes[0][0])
        looked += 1
    assert looked > 150


def test_the_floor_of_captions_is_the_entropy_of_the_sentences() -> None:
    dataset = open_dataset(DataSettings("captions"))
    batch = dataset.batch(rng(4), 5_000)
    prefixes: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for step in range(batch.targets.shape[1]):
        for row in batch.targets[batch.targets[:, step] != NOT_ASKED]:
            prefixes[tuple(row[:step])][row[step]] += 1
    surprise, count = 0.0, 0
    for following in prefixes.values():
        total = sum(following.values())
        surprise -= sum(n * math.log(n / total) for n in following.values())
        count += total
    assert floor(dataset).value == pytest.approx(surprise / count, abs=0.012)


# ---------------------------------------------------------------------------------------- waves


def test_waves_are_shifted_by_one_and_have_two_periods() -> None:
    batch = open_dataset(DataSettings("waves", length=400)).batch(rng(), 20)
    assert batch.inputs.shape == batch.targets.shape == (20, 400, 1)
    np.testing.assert_array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    spectrum = np.abs(np.fft.rfft(batch.inputs[:, :, 0] * np.hanning(400), axis=1))
    low, high = 400 / 40, 400 / 6
    inside = spectrum[:, int(low) - 3 : int(high) + 4]
    assert (np.square(inside).sum(1) / np.square(spectrum).sum(1) > 0.97).all()


def test_the_chance_of_waves_is_the_best_constant() -> None:
    dataset = open_dataset(DataSettings("waves", length=50))
    values = dataset.batch(rng(), 20_000).targets.astype(np.float64)
    loss = 0.5 * math.log(2 * math.pi * math.e * values.var())
    assert dataset.chance == pytest.approx(loss, abs=0.01)


def test_the_floor_of_waves_is_a_regression_fitted_elsewhere() -> None:
    dataset = open_dataset(DataSettings("waves", length=60))
    found = floor(dataset)
    assert found.name == "regression on 8 values"
    batch = dataset.batch(rng(9), 2_000)
    columns, wanted = [], batch.targets[:, 8:, 0].astype(np.float64).ravel()
    for lag in range(8):
        columns.append(batch.inputs[:, 8 - lag : 60 - lag, 0].astype(np.float64).ravel())
    x = np.stack(columns, 1)
    errors = wanted - x @ np.linalg.lstsq(x, wanted, rcond=None)[0]
    settled = 0.5 * math.log(2 * math.pi * math.e * np.square(errors).mean())
    # The first steps, where fewer values are known, make the whole a little worse.
    assert settled < found.value < settled + 0.3
    assert found.value < dataset.chance


# --------------------------------------------------------------------------------------- frames


def test_a_melody_gets_its_chords() -> None:
    notes = tuple(
        Note(pitch, Fraction(beat), Fraction(1))
        for beat, pitch in enumerate([60, 64, 67, 64, 65, 69, 72, 69])
    )
    score = Score(notes, meter=(4, 4), key="C major", bar_starts=(Fraction(0), Fraction(4)))
    roll = piano_roll(score)
    assert roll.shape == (32, 88)
    assert (np.flatnonzero(roll[0]) + 21).tolist() == [36, 52, 55, 60]  # C, then E G, melody C
    assert (np.flatnonzero(roll[4]) + 21).tolist() == [36, 52, 55, 64]
    assert (np.flatnonzero(roll[16]) + 21).tolist() == [41, 48, 57, 65]  # F, then A C, melody F
    minor = piano_roll(
        Score(
            notes[:1],
            meter=(4, 4),
            key="A minor",
            bar_starts=(Fraction(0),),
            end_beats=Fraction(4),
        )
    )
    assert (np.flatnonzero(minor[8]) + 21).tolist() == [45, 48, 52]  # A, then C E


def test_frames_move_by_semitones_in_training_alone() -> None:
    roll = np.zeros((60, 88), np.uint8)
    roll[np.arange(60), np.arange(60) % 20 + 30] = 1
    task = FramesTask(roll, roll, 8, (-2, 0, 3))
    batch = task.draw(rng(), 300)
    np.testing.assert_array_equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert (batch.inputs.sum(-1) == 1).all()
    keys = batch.inputs.argmax(-1)
    assert (keys.min(), keys.max()) == (28, 52)
    dataset = open_dataset(DataSettings("frames", length=16))
    assert isinstance(dataset.held_out_task, FramesTask)
    assert dataset.held_out_task.shifts == (0,)
    assert isinstance(dataset.task, FramesTask)
    assert len(dataset.task.shifts) == 12
    assert dataset.outputs == dataset.vector_width == 88
    frames = dataset.fixed_batches(64, 1)[0].inputs
    assert frames.sum(-1).max() <= 4
    assert frames.sum(-1).mean() > 2


def test_keys_are_counted_as_in_a_plain_loop() -> None:
    roll = (rng(2).random((40, 88)) < 0.2).astype(np.uint8)
    roll[:, :3] = roll[:, -3:] = 0
    alone, after = key_frequency(roll, (0, 2))
    key, down, pairs = 30, 0, {0: [0, 0], 1: [0, 0]}
    for shift in (0, 2):
        column = roll[:, key - shift].tolist()
        down += sum(column)
        for before, now in pairwise(column):
            pairs[before][now] += 1
    assert alone[key] == pytest.approx((down + 1) / (80 + 2))
    for before in (0, 1):
        up, on = pairs[before]
        assert after[before, key] == pytest.approx((on + 1) / (up + on + 2))


def test_the_floor_of_frames_is_the_cost_of_88_coins() -> None:
    known, roll = (rng(3).random((2, 2_000, 88)) < 0.1).astype(np.uint8)
    task = FramesTask(roll, known, 10)
    examples = [task.draw(rng(4), 50)]
    name, value = task.floor(examples)
    entropy = -88 * (0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    assert name == "how often a key is down"
    assert value == pytest.approx(entropy, rel=0.05)


# ------------------------------------------------------------------------------ what all share

KINDS = [
    "order", "parity", "brackets", "tagging", "copy", "reverse", "shapes", "rows", "captions",
    "waves", "frames",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_parts_and_lines(kind: str) -> None:
    dataset = open_dataset(DataSettings(kind, length=8))
    one, two, other = (dataset.batch(rng(seed), 8) for seed in (7, 7, 8))
    for name in ("inputs", "targets", "lengths", "source"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert any(
        not np.array_equal(mine, others)
        for mine, others in ((one.inputs, other.inputs), (one.source, other.source))
        if mine is not None and others is not None
    )
    first, again = dataset.fixed_batches(8, 2), dataset.fixed_batches(8, 2)
    np.testing.assert_array_equal(first[1].inputs, again[1].inputs)
    assert not np.array_equal(first[0].targets, first[1].targets)
    assert "→" in dataset.preview("valid", 400).splitlines()[0]
    found = floor(dataset)
    assert 0 < found.value <= dataset.chance or kind == "waves"
    assert found.unit == dataset.unit
    assert type(found.value) is float
