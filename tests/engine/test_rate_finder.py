"""The learning-rate sweep finds what it is defined to find, and leaves the run as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.engine.checkpoint import model_tensors, optimizer_tensors
from seqstudio.engine.rate_finder import HIGHEST, LOWEST, STEPS, judged, smoothed
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Event
from seqstudio.records.readings import RateSweep
from seqstudio.runtime.codec import pack, unpack
from tests.engine.test_resume import small
from tests.engine.test_trainer_settings import Heard, opened, with_settings


def test_the_running_mean_is_corrected_for_its_start() -> None:
    losses = np.array([2.0, 2.0, 5.0])
    mean = smoothed(losses)
    weights = np.array([0.81, 0.9, 1.0])
    assert mean[:2] == pytest.approx([2.0, 2.0])
    assert mean[2] == pytest.approx(float((weights * losses).sum() / weights.sum()))


@pytest.mark.parametrize(("middle", "by_steepest"), [(-3.0, True), (-0.3, False)])
def test_the_suggestion_is_the_smaller_of_two(middle: float, by_steepest: bool) -> None:
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    log = np.log10(rates)
    losses = 3 - 2 / (1 + np.exp(-(log - middle) * 6)) + np.where(log > 0, log * 20, 0.0)
    sweep = judged(7, rates.tolist(), losses.tolist(), done=True)
    mean = smoothed(losses)
    bottom = int(np.argmin(mean[5:])) + 5
    slope = np.gradient(mean[5 : bottom + 1], np.log(rates[5 : bottom + 1]))
    assert sweep.lowest == pytest.approx(rates[bottom])
    assert sweep.steepest == pytest.approx(rates[5 + int(np.argmin(slope))])
    wanted = min(sweep.steepest, sweep.lowest / 10)
    assert (wanted == sweep.steepest) == by_steepest
    assert sweep.suggestion == pytest.approx(wanted, rel=0.05)
    again = unpack(pack(sweep))
    assert np.array_equal(again.smoothed, sweep.smoothed)


def finished(trainer: Trainer, heard: Heard) -> list[Event]:
    trainer.find_rate()
    while trainer.idle():
        pass
    return heard.of(RateSweep)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    moments, _ = optimizer_tensors(trainer.learner.optimizer)
    return {**model_tensors(trainer.model), **moments}


def test_a_sweep_leaves_the_run_bit_for_bit(tmp_path: Path) -> None:
    project = with_settings(small("char-lstm", tmp_path, 12, share=0.3), dropout_factor=0.5)
    losses = []
    for name in ("without", "with"):
        heard = Heard()
        trainer = opened(project, tmp_path / name, heard)
        while trainer.step < 4:
            trainer.advance()
        before = weights(trainer)
        random = torch.get_rng_state()
        if name == "with":
            last = finished(trainer, heard)[-1]
            assert isinstance(last, RateSweep)
            assert last.done
            assert last.step == 4
            assert LOWEST < last.suggestion < HIGHEST
        now = weights(trainer)
        assert all(torch.equal(value, now[key]) for key, value in before.items())
        assert torch.equal(torch.get_rng_state(), random)
        while trainer.step < 12:
            trainer.advance()
        trainer.flush()
        losses.append(heard.losses)
    assert losses[0] == losses[1]
