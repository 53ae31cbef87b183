"""A search and a compiler can be broken off while they work; training goes on as if without."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import pytest
import torch

from seqstudio.document.project import project_text
from seqstudio.engine.cadence import Setup, Trial
from seqstudio.engine.checkpoint import model_tensors
from seqstudio.engine.interrupting import BrokenOff, Interruptible
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import (
    COMPILING,
    Envelope,
    Failed,
    FindRate,
    GiveUp,
    Progress,
    Start,
    StateChanged,
)
from seqstudio.records.readings import Metrics, RateSweep
from seqstudio.runtime.channel import Channel
from seqstudio.runtime.worker import serve
from tests.engine.test_resume import small
from tests.engine.test_trainer_settings import Heard, opened, run, tiny, with_settings


def endless(_model: object) -> object:
    def compiled(*_given: object) -> None:
        while True:
            time.sleep(0.001)

    return compiled


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model_tensors(trainer.model).items()}


def _work_on(work: Interruptible, reached: threading.Event) -> None:
    with work:
        reached.set()
        while True:
            time.sleep(0.001)


def test_work_is_broken_off_and_nothing_after_it() -> None:
    work, reached = Interruptible(), threading.Event()

    def press() -> None:
        reached.wait()
        work.break_off()

    person = threading.Thread(target=press)
    person.start()
    with pytest.raises(BrokenOff):
        _work_on(work, reached)
    person.join()
    work.break_off()  # nobody works: nothing may be hit
    assert sum(range(1000)) == 499500
    with pytest.raises(BrokenOff), work:  # it was asked for before
        raise AssertionError


def test_a_sweep_that_is_given_up_suggests_nothing_and_leaves_the_run(tmp_path: Path) -> None:
    heard = Heard()
    trainer = opened(small("char-lstm", tmp_path, 12), tmp_path / "run", heard)
    while trainer.step < 3:
        trainer.advance()
    before = weights(trainer)
    trainer.find_rate()
    trainer.idle()
    trainer.give_up_rate()
    assert not trainer.idle()
    sweep = heard.of(RateSweep)[-1]
    assert isinstance(sweep, RateSweep)
    assert sweep.done
    assert sweep.broken_off
    assert math.isnan(sweep.suggestion)
    assert len(sweep.rates) < 100
    count = len(heard.events)
    trainer.give_up_rate()
    assert len(heard.events) == count
    assert all(torch.equal(value, before[name]) for name, value in weights(trainer).items())


def test_a_compiler_is_broken_off_within_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", endless)
    project = tiny("char-rnn", tmp_path, 12)
    plain = run(project, tmp_path / "plain", 12)
    start = Start("r", project_text(with_settings(project, compile=True)), "",
                  str(tmp_path / "run"), "cpu", probes=False)  # fmt: skip
    told: list[object] = []

    def hear(envelope: Envelope) -> None:
        event = envelope.event
        told.append(event)
        if isinstance(event, Progress) and event.what == COMPILING and math.isnan(event.share):
            timer = threading.Timer(0.05, lambda: channel.put(GiveUp("compile")))
            timer.start()
        if isinstance(event, StateChanged) and event.state == "finished":
            channel.close()

    channel = Channel(hear)
    channel.put(start)
    serve(channel)
    failures = [event for event in told if isinstance(event, Failed)]
    assert [event.why for event in failures] == ["the compiler was given up"]
    assert Progress(COMPILING, 1.0) in told
    losses = [float(x) for e in told if isinstance(e, Metrics) for x in e.loss]
    assert losses == list(plain.losses.values())


def test_a_compiler_is_given_up_before_and_after_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda model: model)
    project = with_settings(tiny("char-rnn", tmp_path, 30), compile=True)
    for steps in (1, 20):
        heard = Heard()
        trainer = opened(project, tmp_path / f"run{steps}", heard)
        while trainer.step < steps:
            trainer.advance()
        trainer.give_up_compiling()
        while trainer.advance():
            assert not trainer.setup.compiled
        assert len([each for each in heard.of(Failed) if "not compiled" in each.what]) == 1


def test_a_trial_without_its_compiler_goes_on_with_the_rest() -> None:
    trial = Trial(("bfloat16", "float32"), (1,), compiled=True)
    trial.add(1.0)
    trial.refuse_compiled()
    seen = set()
    while not trial.over:
        seen.add(trial.current)
        trial.add(1.0)
    assert seen == {Setup("bfloat16", 1), Setup("float32", 1)}


def test_a_search_is_given_up_over_the_line(tmp_path: Path) -> None:
    project = small("char-lstm", tmp_path, 12)
    start = Start("r", project_text(project), "", str(tmp_path / "run"), "cpu", paused=True)
    told: list[object] = []

    def hear(envelope: Envelope) -> None:
        event = envelope.event
        told.append(event)
        if isinstance(event, RateSweep):
            channel.put(GiveUp("rate"))
            if event.done:
                channel.close()

    channel = Channel(hear)
    for command in (start, FindRate()):
        channel.put(command)
    serve(channel)
    sweeps = [event for event in told if isinstance(event, RateSweep)]
    assert sweeps[-1].broken_off
