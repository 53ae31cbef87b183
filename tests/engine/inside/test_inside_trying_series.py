"""Forecasts and thrown balls: what is told is what the model says, in the unit of the series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.core.errors import DataError
from seqstudio.data.tasks.audio import expanded
from seqstudio.data.tasks.ball import positions
from seqstudio.data.tasks.dna import filtered, posterior
from seqstudio.data.tasks.forecasting import SeriesTask
from seqstudio.document.project import Project
from seqstudio.engine.inside.trying.ball import follow_ball
from seqstudio.engine.inside.trying.bases import read_bases
from seqstudio.engine.inside.trying.forecast import _weights, forecast_from
from seqstudio.engine.inside.trying.sound import continue_sound
from seqstudio.records.inside.trying.ball import BallFollowed, FollowBall
from seqstudio.records.inside.trying.bases import BasesRead, ReadBases
from seqstudio.records.inside.trying.forecast import Forecasted, ForecastFrom
from seqstudio.records.inside.trying.sound import ContinueSound, SoundContinued
from tests.engine.inside.looking import answers, last, small, subject


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    time = np.arange(90)
    values = np.exp(0.01 * time + 0.2 * np.sin(2 * np.pi * time / 6))
    rows = [f"{t},{'' if t == 30 else f'{v:.6f}'}" for t, v in zip(time, values, strict=True)]
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(["t,sales", *rows]))
    return path


def project(template: str, path: Path | None = None, **data: object) -> Project:
    plain = small(template)
    values = {**data, "path": "" if path is None else str(path)}
    return replace(plain, data=replace(plain.data, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["forecast-lstm", "forecast-gpt"])
def test_one_step_ahead_is_what_the_model_says(sales: Path, template: str) -> None:
    made = project(template, sales, length=24, differences="both", logarithm="on", season=6)
    looked = subject(made)
    looked.model.float()
    task = looked.dataset.held_out_task
    assert isinstance(task, SeriesTask)
    told = last(forecast_from(looked, ForecastFrom(ahead=3)))
    assert isinstance(told, Forecasted)
    # Differences reach into the gap at 30 and again a season later.
    begin = 38
    given = torch.from_numpy(task.series.numbers[None, begin : begin + 12].astype(np.float32))
    with torch.no_grad():
        outputs, _ = looked.model(given)
    means = outputs[0, :, :1].double().numpy()
    wanted = task.restore(means, _batch(task, begin + 1, begin + 13))
    np.testing.assert_allclose(told.told[begin + 1 : begin + 13, 3], wanted[:, 0], rtol=1e-4)
    assert np.isnan(told.told[[30, 31, 32, 36, 37, 38]]).all()
    assert (np.diff(told.told[begin + 1 :], axis=1) > 0).all()


def _batch(task: SeriesTask, start: int, stop: int):  # type: ignore[no-untyped-def]
    batch = task.take(np.zeros(1, np.int64))
    return replace(batch, base=task.series.base[None, start:stop][0])


def test_a_free_forecast_reads_itself_from_the_wanted_step(sales: Path) -> None:
    looked = subject(project("forecast-lstm", sales, length=24, differences="step"))
    looked.model.float()
    one = last(forecast_from(looked, ForecastFrom(origin=60, ahead=5)))
    again = last(forecast_from(looked, ForecastFrom(origin=60, ahead=5)))
    assert isinstance(one, Forecasted)
    assert isinstance(again, Forecasted)
    np.testing.assert_array_equal(one.paths, again.paths)
    assert (one.origin, one.free.shape) == (60, (5, 7))
    # The first step knows as much as the told one: the same distribution, but for the sampling.
    width = one.told[61, 5] - one.told[61, 1]
    assert abs(one.free[0, 3] - one.told[61, 3]) < 0.2 * width
    moved = last(forecast_from(looked, ForecastFrom(60, 5, ((60, 30.0),))))
    assert isinstance(moved, Forecasted)
    assert moved.truth[60] == 30.0
    assert abs(moved.free[0, 3] - one.free[0, 3]) > width
    later = last(forecast_from(looked, ForecastFrom(60, 5, ((70, 30.0),))))
    assert isinstance(later, Forecasted)
    np.testing.assert_array_equal(later.free, one.free)


def test_a_gap_is_no_place_to_begin(sales: Path) -> None:
    looked = subject(project("forecast-lstm", sales, differences="none", logarithm="off"))
    looked.model.float()
    found = last(forecast_from(looked, ForecastFrom(origin=30, ahead=2)))
    assert isinstance(found, Forecasted)
    assert found.origin == 29


def test_weights_of_earlier_levels_are_those_of_the_differences() -> None:
    assert _weights((1,)).tolist() == [1.0]
    assert _weights((3, 1)).tolist() == [1.0, 0.0, 1.0, -1.0]
    assert _weights(()).tolist() == []


def test_drawn_series_are_forecast_and_other_models_say_no() -> None:
    (found,) = answers(small("forecast-lstm"), ForecastFrom(example=3, ahead=4))
    assert isinstance(found.reading, Forecasted)  # type: ignore[union-attr]
    assert found.reading.free.shape == (4, 7)  # type: ignore[union-attr]
    (refused,) = answers(small("ball-rnn"), ForecastFrom())
    assert refused.what == "This model does not forecast a series"  # type: ignore[union-attr]
    (refused,) = answers(small("forecast-lstm"), FollowBall())
    assert refused.what == "This model does not follow a ball"  # type: ignore[union-attr]


@pytest.mark.parametrize("seen_at_once", [1, 3])
def test_a_thrown_ball_flies_as_in_training(seen_at_once: int) -> None:
    looked = subject(project("ball-rnn", seen=seen_at_once, length=12))
    looked.model.float()
    found = last(follow_ball(looked, FollowBall((0.9, 0.0), (0.1, 0.05), 4)))
    assert isinstance(found, BallFollowed)
    wanted = positions(np.array([0.9, 0.0]), np.array([0.1, 0.05]), np.arange(13.0))
    np.testing.assert_allclose(found.path, wanted, atol=1e-12)
    frames = [
        positions(np.array([0.9, 0.0]), np.array([0.1, 0.05]), np.arange(12.0) - back)
        for back in range(seen_at_once)
    ]
    with torch.no_grad():
        outputs, _ = looked.model(torch.from_numpy(np.concatenate(frames, 1)[None]).float())
    np.testing.assert_allclose(found.mean[1:], outputs[0, :, :2].numpy(), atol=1e-5)
    assert np.isnan(found.mean[0]).all()
    # The first guess is drawn around what the model says after four frames.
    first = found.guesses[:, 0]
    spread = found.spread[4] / np.sqrt(len(first))
    assert (np.abs(first.mean(0) - found.mean[4]) < 4 * spread).all()
    assert found.error.shape == (12,)


@pytest.mark.parametrize("template", ["audio-gru", "char-gpt"])
def test_a_sound_goes_on_sample_by_sample(template: str) -> None:
    plain = small(template)
    made = replace(
        plain,
        data=replace(plain.data, kind="audio", path="", rate=500),
        training=replace(plain.training, window=16),
    )
    looked = subject(made)
    looked.model.float()
    told = last(continue_sound(looked, ContinueSound(0.5, 0.2, 0.0)))
    assert isinstance(told, SoundContinued)
    streams = template == "audio-gru"
    assert len(told.told) == told.wanted == (100 if streams else 25)
    held = looked.dataset.valid.astype(np.int64)
    at = round(0.5 * (len(held) - 1))
    np.testing.assert_allclose(told.before, expanded(held[at - 250 : at]), atol=1e-7)
    np.testing.assert_allclose(told.truth, expanded(held[at : at + told.wanted]), atol=1e-7)
    # The likeliest sample each time, from all that stands before it.
    read = torch.from_numpy(held[at - 250 : at])[None]
    with torch.no_grad():
        for sample in told.told[:4]:
            given = read if streams else read[:, -16:]
            outputs, _ = looked.model(given)
            level = int(outputs[0, -1].argmax())
            assert expanded(np.array([level]))[0] == pytest.approx(sample, abs=1e-6)
            read = torch.cat([read, torch.tensor([[level]])], 1)


def test_bases_are_told_from_those_before_them(tmp_path: Path) -> None:
    looked = subject(project("dna-lstm"))
    looked.model.float()
    told = last(read_bases(looked, ReadBases(letters="acg tnACGTA")))
    assert isinstance(told, BasesRead)
    assert told.letters == "ACGTACGTA"
    ids = torch.tensor([["ACGT".index(letter) for letter in told.letters]])
    with torch.no_grad():
        p = looked.model(ids)[0].softmax(-1)[0].numpy()
    np.testing.assert_allclose(told.p[1:], p[:-1], atol=1e-6)
    assert np.isnan(told.p[0]).all()
    np.testing.assert_allclose(told.best, filtered(ids.numpy())[1][0])
    with pytest.raises(DataError, match="no base"):
        last(read_bases(looked, ReadBases(letters="xyz")))
    path = tmp_path / "own.fa"
    path.write_text(">a\n" + "ACGTN" * 300)
    own = subject(project("dna-lstm", path))
    own.model.float()
    told = last(read_bases(own, ReadBases()))
    assert isinstance(told, BasesRead)
    assert len(told.letters) == 150
    assert not len(told.best), "nobody knows the process of a genome"


def test_islands_are_told_beside_the_truth() -> None:
    looked = subject(project("islands-lstm", length=40))
    looked.model.float()
    told = last(read_bases(looked, ReadBases(example=2)))
    assert isinstance(told, BasesRead)
    batch = looked.dataset.fixed_batches(64, 1)[0]
    np.testing.assert_array_equal(told.islands, batch.targets[2])
    np.testing.assert_allclose(told.best, posterior(batch.inputs[2:3])[0, :, 1])
    with torch.no_grad():
        p = looked.model(torch.from_numpy(batch.inputs[2:3]))[0].softmax(-1)[0, :, 1:]
    np.testing.assert_allclose(told.p, p.numpy(), atol=1e-6)
    (refused,) = answers(small("ball-rnn"), ReadBases())
    assert refused.what == "This model does not read DNA"  # type: ignore[union-attr]
