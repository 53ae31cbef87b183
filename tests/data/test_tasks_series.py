"""Series of files, the ball, heartbeats, sound and DNA: what a model is asked, and the oracles."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from seqstudio.core.errors import DataError
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import floor
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks import dna
from seqstudio.data.tasks.audio import companded, expanded
from seqstudio.data.tasks.ball import BallTask, positions, straight_on, velocity_variance
from seqstudio.data.tasks.forecasting import SeriesTask
from seqstudio.data.tasks.heart import NORMAL, PREMATURE, HeartTask
from seqstudio.data.tasks.scaling import Scaling, season_of
from seqstudio.document.settings import DataSettings

# Public data are never part of the repository; they may lie beside it.
FILES = Path(__file__).parents[3] / "shared" / "data" / "timeseries_jbrownlee"


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def series_file(folder: Path, gaps: tuple[int, ...] = ()) -> Path:
    time = np.arange(120)
    values = np.exp(0.01 * time) * (10 + 3 * np.sin(2 * np.pi * time / 12)) + rng().normal(
        0, 0.1, 120
    )
    rows = [f"{t},{'' if t in gaps else f'{v:.4f}'}" for t, v in zip(time, values, strict=True)]
    path = folder / "sales.csv"
    path.write_text("\n".join(["t,sales", *rows]))
    return path


def opened(path: Path, **settings: object) -> tuple[Dataset, SeriesTask, SeriesTask]:
    values = {"kind": "series", "path": str(path), "held_out": 0.2, **settings}
    dataset = open_dataset(DataSettings.parse(values))
    assert isinstance(dataset.task, SeriesTask)
    assert isinstance(dataset.held_out_task, SeriesTask)
    return dataset, dataset.task, dataset.held_out_task


@pytest.mark.parametrize("length", [8, 50, 500])
def test_every_held_out_step_is_asked_once_and_none_is_learnt(tmp_path: Path, length: int) -> None:
    gaps = (40, 41, 100)
    dataset, train, valid = opened(
        series_file(tmp_path, gaps), length=length, differences="none", logarithm="off"
    )
    asked: list[int] = []
    for task in (train, valid):
        batch = task.take(np.arange(len(task)))
        rows, steps = np.nonzero(np.isfinite(batch.targets[:, :, 0]))
        places = task.starts[rows] + steps + 1
        np.testing.assert_allclose(
            batch.targets[rows, steps], task.series.numbers[places], rtol=1e-6
        )
        if task is train:
            assert places.max() == 95
            assert set(gaps).isdisjoint(places.tolist())
        else:
            asked = sorted(places.tolist())
    # After a gap the first value has nothing before it, so it is not asked.
    assert asked == [t for t in range(96, 120) if t not in (100, 101)]
    assert sum(len(batch.inputs) for batch in dataset.held_out()) == len(valid)
    assert any("3 steps without a value" in note for note in dataset.notes)


def test_nothing_is_read_across_a_gap(tmp_path: Path) -> None:
    _, train, _ = opened(series_file(tmp_path, (40,)), length=60, differences="none")
    batch = train.take(np.arange(len(train)))
    for row in range(len(train)):
        first, count = train.starts[row], batch.lengths[row]
        assert not first <= 40 <= first + count
        assert (batch.inputs[row, count:] == 0).all()
        assert np.isnan(batch.targets[row, count:]).all()


def test_scale_and_regression_see_the_training_part_alone(tmp_path: Path) -> None:
    path = series_file(tmp_path)
    dataset, task, _ = opened(path, differences="none", logarithm="off")
    seen = task.series.numbers[:96]
    np.testing.assert_allclose([seen.mean(), seen.std()], [0, 1], atol=1e-12)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:97], *(f"{t},1e6" for t in range(96, 120))]))
    _, other, _ = opened(path, differences="none", logarithm="off")
    np.testing.assert_array_equal(other.series.scaling.mean, task.series.scaling.mean)
    assert dataset.chance == pytest.approx(0.5 * math.log(2 * math.pi * math.e))


@pytest.mark.parametrize(("log", "lags"), [(False, ()), (True, (12, 1)), (False, (3,))])
def test_numbers_become_values_again(log: bool, lags: tuple[int, ...]) -> None:
    values = np.exp(rng().normal(size=(60, 2)))
    scaling = Scaling.fit(values, log, lags, 40)
    back = scaling.restore(scaling.numbers(values), scaling.base(values))
    np.testing.assert_allclose(back[sum(lags) :], values[sum(lags) :], rtol=1e-9)
    assert np.isnan(back[: sum(lags)]).all()


def test_a_line_tells_the_values_of_its_own_row(tmp_path: Path) -> None:
    _, task, _ = opened(series_file(tmp_path), length=8, differences="both", logarithm="on")
    places = np.array([3, 40], np.int64)
    batch = task.take(places)
    for row, place in enumerate(places):
        last = task.series.values[task.starts[place] + 8, 0]
        assert task.line(batch, row).endswith(f"→ {last:.4g}")


def test_the_season_is_found() -> None:
    time = np.arange(200)
    wave = np.sin(2 * np.pi * time / 7) + 0.3 * rng().normal(size=200)
    assert season_of(wave + 0.05 * time) == 7
    assert season_of(rng(1).normal(size=200)) == 0
    assert season_of(np.cumsum(rng(2).normal(size=50)) * 0 + 1) == 0


def test_differences_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = series_file(tmp_path)
    with pytest.raises(DataError, match="too short for these differences"):
        opened(path, differences="season", season=90)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:50], "49,-1", *lines[51:]]))
    with pytest.raises(DataError, match="not above zero"):
        opened(path, logarithm="on")
    path.write_text("\n".join(lines[:20]))
    with pytest.raises(DataError, match="too short to learn from"):
        opened(path)


@pytest.mark.skipif(not FILES.is_dir(), reason="the public series are not on this computer")
@pytest.mark.parametrize(
    ("name", "held", "wanted"),
    [("airline-passengers", 24 / 144, 44.208), ("monthly-sunspots", 360 / 2820, 14.708)],
)
def test_naive_errors_of_public_series(name: str, held: float, wanted: float) -> None:
    _, _, task = opened(FILES / f"{name}.csv", held_out=held)
    known = {(each.measure, each.name): each.value for each in task.known_floors([])}
    assert known["MAE", "the last value"] == pytest.approx(wanted, abs=5e-4)
    if name.startswith("airline"):
        assert known["MAE", "the value 12 steps before"] == pytest.approx(47.583, abs=5e-4)


# The ball: claim 1


def test_one_frame_leaves_the_velocity_open_and_two_tell_exactly() -> None:
    batch = BallTask(40, 1).draw(rng(), 4000)
    steps = batch.targets - batch.inputs
    speeds = np.linalg.norm(steps, axis=-1)
    free = (np.abs(batch.inputs) < 0.6).all(-1)  # no wall within two frames
    assert np.square(steps[free]).mean() == pytest.approx(velocity_variance(), rel=0.02)
    assert speeds[free].min() == pytest.approx(0.04, abs=1e-3)
    assert speeds[free].max() == pytest.approx(0.2, abs=1e-3)
    later = free & (np.arange(40) > 0)
    np.testing.assert_allclose(straight_on(batch)[later], batch.targets[later], atol=1e-6)
    assert np.abs(batch.inputs).max() <= 1


def test_walls_are_mirrors() -> None:
    path = positions(np.array([0.5, 0.0]), np.array([0.3, 0.0]), np.arange(9.0))
    wanted = [0.5, 0.8, 0.9, 0.6, 0.3, 0.0, -0.3, -0.6, -0.9]
    np.testing.assert_allclose(path[:, 0], wanted, atol=1e-12)


def test_frames_seen_at_once_are_those_before() -> None:
    batch = BallTask(10, 3).draw(rng(), 6)
    assert batch.inputs.shape == (6, 10, 6)
    np.testing.assert_array_equal(batch.inputs[:, 1:, 2:4], batch.inputs[:, :-1, :2])
    np.testing.assert_array_equal(batch.inputs[:, 1:, :2], batch.targets[:, :-1])


# Heartbeats


def test_early_beats_come_early() -> None:
    batch = HeartTask(500).draw(rng(), 60)
    assert set(np.unique(batch.targets)) == {-100, 0, NORMAL, PREMATURE}
    gaps: dict[int, list[int]] = {NORMAL: [], PREMATURE: []}
    for told in batch.targets:
        begins = np.flatnonzero(np.diff(np.maximum(told, 0)) > 0) + 1
        for before, now in itertools.pairwise(begins):
            if told[before] == NORMAL:
                gaps[int(told[now])].append(int(now - before))
    assert np.median(gaps[PREMATURE]) < 0.75 * np.median(gaps[NORMAL])


# Sound


def test_loudness_comes_back_finely_where_it_is_quiet() -> None:
    samples = np.linspace(-1, 1, 4001)
    back = expanded(companded(samples))
    quiet = np.abs(samples) < 0.01
    assert np.abs(back - samples)[quiet].max() < 3e-4
    assert np.abs(back - samples).max() < 0.025
    assert companded(np.array([-1.0, 1.0])).tolist() == [0, 255]
    assert len(open_dataset(DataSettings("audio", rate=1000)).train) == 27_000


# DNA


def test_the_best_answers_are_those_of_all_hidden_paths() -> None:
    bases = rng().integers(0, 4, (3, 5))
    belief, chance = dna.filtered(bases)
    both = dna.posterior(bases)
    for row in range(3):
        weight = np.zeros((5, 2))
        total = 0.0
        for path in itertools.product((0, 1), repeat=5):
            p = dna.AT_FIRST[path[0]] * 0.25
            for t in range(1, 5):
                p *= dna.STAYS[path[t - 1], path[t]]
                p *= dna.FOLLOWS[path[t], bases[row, t - 1], bases[row, t]]
            total += p
            for t in range(5):
                weight[t, path[t]] += p
        np.testing.assert_allclose(both[row], weight / total, rtol=1e-9)
        np.testing.assert_allclose(chance[row].prod(), total, rtol=1e-9)
        np.testing.assert_allclose(belief[row, -1], weight[-1] / total, rtol=1e-9)


def test_islands_and_bases_that_are_drawn() -> None:
    dataset = open_dataset(DataSettings("islands", length=60))
    assert floor(dataset).value < dataset.chance
    batch = dataset.batch(rng(), 400)
    assert batch.targets.mean() == pytest.approx(1 / 3, abs=0.03)
    leaves = (np.diff(batch.targets) == 1).sum() / (batch.targets[:, :-1] == 0).sum()
    assert leaves == pytest.approx(dna.SWITCH[0], rel=0.25)


def test_a_file_of_bases(tmp_path: Path) -> None:
    path = tmp_path / "genome.fa"
    path.write_text(">a\n" + "ACGT" * 300 + "\n>b\n" + "GGCC" * 100 + "\n")
    dataset = open_dataset(DataSettings("dna", path=str(path)))
    assert dataset.vocabulary is not None
    assert dataset.vocabulary.symbols == ("\n", "A", "C", "G", "T")
    assert len(dataset.train) + len(dataset.valid) == 1601
    path.write_text(">a\nACGT\n")
    with pytest.raises(DataError, match="too short"):
        open_dataset(DataSettings("dna", path=str(path)))
