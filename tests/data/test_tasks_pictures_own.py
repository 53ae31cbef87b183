"""Digits, clips and captioned folders as tasks: shapes, splits, floors, drawing by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.scoring.pictures import overlap, overlap_by_chance, places_of
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.captioned import UNKNOWN, CaptionedTask
from seqstudio.data.tasks.clips import MOVES, STEPS, ClipFramesTask, ClipsTask
from seqstudio.data.tasks.digits import PicturesTask
from seqstudio.data.tasks.neighbours import Neighbours
from seqstudio.data.tasks.pictured import Look, moved, shrink
from seqstudio.data.tasks.pictures import SHAPES, WORDS, CaptionsTask
from seqstudio.document.settings import DataSettings

DIGITS = Path(__file__).parents[3] / "shared" / "data" / "digits8x8" / "digits.csv.gz"


def opened(kind: str, path: Path | str = "", **settings: object) -> Dataset:
    return open_dataset(DataSettings.parse({"kind": kind, "path": str(path), **settings}))


def classes_folder(folder: Path, counts: dict[str, int]) -> Path:
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for k in range(count):
            noise = rng.integers(0, 255, (10, 10), np.uint8)
            Image.fromarray(noise).save(folder / name / f"{k}.png")
    return folder


@pytest.mark.skipif(not DIGITS.exists(), reason="digits8x8 is not on this computer")
def test_the_nearest_neighbour_of_digits8x8_is_right_as_published() -> None:
    dataset = opened("digits", DIGITS, held_out=0.25)
    assert (len(dataset.task), len(dataset.held_out_task)) == (1347, 450)  # type: ignore[arg-type]
    (floor,) = dataset.held_out_task.known_floors(dataset.held_out())  # type: ignore[union-attr]
    assert floor.value == pytest.approx(433 / 450)


def test_readings_hold_the_same_numbers() -> None:
    pictures = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)
    for reading, shape in (
        ("rows", (2, 4, 15)),
        ("pixels", (2, 20, 3)),
        ("picture", (2, 3, 4, 5)),
    ):
        look = Look((3, 4, 5), reading)  # type: ignore[arg-type]
        read = look.read(pictures)
        assert read.shape == shape
        np.testing.assert_array_equal(look.whole(read), pictures)
    rows = Look((3, 4, 5), "rows").read(pictures)
    np.testing.assert_array_equal(rows[1, 2, :5], pictures[1, 0, 2])


def test_drawn_digits_are_new_each_time_and_can_be_told_apart() -> None:
    task = opened("digits").task
    assert task is not None
    first, second = (task.draw(np.random.default_rng(seed), 300) for seed in (1, 2))
    assert first.inputs.shape == (300, 1, 8, 8)
    known = Neighbours.of(first.inputs, first.targets, 10)
    assert known.accuracy(second.inputs, second.targets) > 0.9
    again = task.draw(np.random.default_rng(1), 300)
    np.testing.assert_array_equal(first.inputs, again.inputs)


def test_moving_by_nothing_changes_nothing_and_a_little_keeps_the_ink() -> None:
    picture = np.zeros((40, 1, 12, 12), np.float32)
    picture[:, :, 4:8, 4:8] = 1
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(moved(picture, rng, 0.0, 0.0), picture)
    varied = moved(picture, rng, 1.0, 0.0)
    assert np.abs(varied - picture).max() > 0.5
    assert varied.sum((1, 2, 3)).mean() == pytest.approx(16, rel=0.1)


def test_a_drawing_is_cut_out_centred_and_scaled() -> None:
    ink = np.zeros((100, 100))
    ink[5:25, 3:13] = 1  # small, in a corner
    seen = Look((1, 8, 8), "picture", extent=1.0).draw(ink)
    np.testing.assert_allclose(seen[0, :, 2:6], 1, atol=1e-6)
    assert seen[0, :, :2].max() == seen[0, :, 6:].max() == 0
    paper = Look((3, 8, 8), "picture", paper=1.0, ink=0.2).draw(ink)
    assert paper.shape == (3, 8, 8)
    assert paper[0, 7, 7] == 1
    assert paper.min() < 0.5


def test_shrinking_keeps_the_mean() -> None:
    picture = np.random.default_rng(0).random((21, 10))
    small = shrink(picture, 6, 4)
    assert small.mean() == pytest.approx(picture.mean())


def test_a_folder_is_split_within_every_class(tmp_path: Path) -> None:
    dataset = opened("digits", classes_folder(tmp_path, {"b": 10, "a": 20}), side=8)
    assert dataset.classes == ("a", "b")
    learn, measure = dataset.task, dataset.held_out_task
    assert isinstance(learn, PicturesTask)
    assert isinstance(measure, PicturesTask)
    assert np.bincount(measure.labels).tolist() == [2, 1]
    assert not {p.tobytes() for p in learn.pictures} & {p.tobytes() for p in measure.pictures}


def test_pictures_that_stand_in_both_parts_are_left_out(tmp_path: Path) -> None:
    folder = classes_folder(tmp_path, {"a": 12, "b": 12})
    for k in range(12, 24):
        (folder / "a" / f"{k}.png").write_bytes((folder / "a" / f"{k - 12}.png").read_bytes())
    dataset = opened("digits", folder, held_out=0.5)
    assert any("stand in the training part too" in note for note in dataset.notes)


def test_a_class_with_one_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="“lonely” has a single picture"):
        opened("digits", classes_folder(tmp_path, {"a": 30, "lonely": 1}))


def test_one_folder_is_no_choice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 classes with pictures"):
        opened("digits", classes_folder(tmp_path, {"a": 30}))


def test_a_single_frame_tells_nothing_of_a_movement() -> None:
    task = ClipsTask(16, 12)
    known, asked = (task.draw(np.random.default_rng(seed), 500) for seed in (0, 1))
    whole = Neighbours.of(known.inputs, known.targets, len(MOVES))
    assert whole.accuracy(asked.inputs, asked.targets) > 0.45
    for frame in (0, 15):
        alone = Neighbours.of(known.inputs[:, frame], known.targets, len(MOVES))
        by_chance = 1 / len(MOVES)
        # Three standard deviations of 500 answers by chance.
        assert abs(alone.accuracy(asked.inputs[:, frame], asked.targets) - by_chance) < 0.047


def test_frames_have_the_movement_that_led_to_them() -> None:
    batch = ClipFramesTask(20, 16).draw(np.random.default_rng(0), 100)
    assert (batch.targets[:, 0] == -100).all()
    frames = batch.inputs.reshape(100, 20, 16, 16)
    still = batch.targets[:, 1:] == STEPS.index("still")
    change = np.abs(np.diff(frames, axis=1)).mean((2, 3))
    assert change[still].max() < change[~still].mean()


def test_clips_of_ones_own(tmp_path: Path) -> None:
    for name, shade in (("dark", 40), ("bright", 220)):
        (tmp_path / name).mkdir()
        for k in range(12):
            frames = [Image.new("L", (9, 9), shade + n + k) for n in range(5)]
            frames[0].save(
                tmp_path / name / f"{k}.gif", save_all=True, append_images=frames[1:], duration=9
            )
    dataset = opened("clips", tmp_path, length=6, side=6)
    batch = next(dataset.held_out())
    assert batch.inputs.shape == (2, 6, 36)
    (floor,) = dataset.held_out_task.known_floors([batch])  # type: ignore[union-attr]
    assert floor.value == 1.0
    with pytest.raises(DataError, match="no folder of clips"):
        opened("clips", tmp_path / "dark" / "0.gif", length=6)


def captioned_folder(folder: Path) -> Path:
    lines = []
    for k in range(20):
        noise = np.random.default_rng(k).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{k}.png")
        lines += [f"{k}.png\tpicture {'odd' if k % 2 else 'even'}", f"{k}.png\tword{k} here"]
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder


def test_captions_are_read_written_and_compared(tmp_path: Path) -> None:
    dataset = opened("captions", captioned_folder(tmp_path), side=12)
    assert dataset.picture == (3, 12, 12)
    learn, measure = dataset.task, dataset.held_out_task
    assert isinstance(learn, CaptionedTask)
    assert isinstance(measure, CaptionedTask)
    assert (len(learn), len(measure)) == (36, 4)
    batch = measure.take(np.arange(4))
    right = measure.right_answers(batch, 1)
    assert len(right) == 2
    assert right == measure.right_answers(batch, 0)
    assert (batch.targets == UNKNOWN).sum() == 2  # word7 of a picture that was held out
    assert batch.inputs[0, 0] == 1


def test_own_captions_that_are_too_few_are_refused(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "captions.txt").write_text("a.png\tnothing")
    with pytest.raises(DataError, match="too few pictures with captions"):
        opened("captions", tmp_path)


def test_covers_of_drawn_scenes_lie_on_the_named_shapes() -> None:
    batch, covers = CaptionsTask().scenes(np.random.default_rng(0), 200)
    assert batch.source is not None
    nouns = {WORDS.symbols.index(shape) for shape in SHAPES}
    count = np.isin(batch.targets, list(nouns)).sum(1)
    np.testing.assert_array_equal(covers.any((2, 3)).sum(1), count)
    inked = np.where(covers.any(1), batch.source[:, 0], np.nan)
    assert np.nanmean(inked) > 0.5
    same = CaptionsTask().draw(np.random.default_rng(0), 200)
    np.testing.assert_array_equal(same.source, batch.source)


def test_overlap_is_that_of_the_closed_form() -> None:
    cover = np.zeros((8, 8), bool)
    cover[:4, :4] = True
    thing = places_of(cover, (4, 4))
    assert thing.sum() == 4
    assert overlap(thing.astype(float), thing) == 1
    assert overlap(1.0 - thing, thing) == 0
    half = np.zeros((4, 4))
    half[0, :4] = [4, 3, 2, 1]  # two of four
    assert overlap(half, thing) == pytest.approx(2 / 6)
    rng = np.random.default_rng(0)
    drawn = np.mean([overlap(rng.random((4, 4)), thing) for _ in range(4000)])
    assert overlap_by_chance(thing) == pytest.approx(drawn, abs=0.01)
    with pytest.raises(ValueError, match="grid"):
        places_of(cover, (3, 4))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="A clip cannot have 400 frames"):
        opened("clips", length=400)
    assert replace(DataSettings(), kind="digits").takes_file
    assert not replace(DataSettings(), kind="clip-frames").takes_file
