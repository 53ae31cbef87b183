"""The contract of every runner, with the real trainer: in a process, and in a thread."""

import pathlib
from typing import Any

import numpy as np
import pytest

from seqstudio.records.messages import (
    Checkpoint,
    Failed,
    LiveChanged,
    Pause,
    Resume,
    Saved,
    SetLive,
    SetProbeText,
    StateChanged,
    Step,
    Stop,
    Write,
)
from seqstudio.records.readings import GradientReading, Metrics, Sample, Validation
from seqstudio.runtime.archive import list_runs, open_run

Desk = Any  # of conftest.py


def write(request: int, seed: int = 0) -> Write:
    return Write(request, "h", 4, 1.0, 0, 1.0, seed)


def checkpoints(desk: Desk) -> list[Saved]:
    return [each for each in desk.seen(Saved) if not each.best]


def test_a_run_tells_every_step_in_order_and_ends_finished(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=150))
    state = desk.until_state("finished")
    states = [each.state for each in desk.seen(StateChanged)]
    assert states[:2] == ["starting", "running"]
    assert desk.steps() == list(range(1, 151))
    assert (state.step, desk.runner.state, desk.runner.step) == (150, "finished", 150)
    assert [each for each in desk.seen(Validation) if each.complete]
    assert checkpoints(desk)[-1].step == 150
    assert desk.failed() == []


def test_a_finished_run_still_writes_and_looks(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=60))
    desk.until_state("finished")
    looked = len(desk.seen(GradientReading))
    desk.send(write(7))
    desk.until(lambda: any(each.done and each.request == 7 for each in desk.history.samples), "7")
    desk.send(SetProbeText("hell"))
    desk.until(lambda: len(desk.seen(GradientReading)) > looked, "a reading of the probe text")
    desk.send(Resume())
    desk.send(Step(3))
    desk.send(write(8))
    desk.until(lambda: any(each.request == 8 for each in desk.history.samples), "8")
    assert desk.steps() == list(range(1, 61))
    assert desk.runner.state == "finished"


def test_a_pause_tells_its_step_and_stands_still(desk: Desk) -> None:
    desk.start()
    desk.until_event(Metrics, 3)
    desk.send(Pause())
    paused = desk.until_state("paused")
    desk.send(Checkpoint())  # the answer comes after anything that a step would have said
    desk.until(lambda: checkpoints(desk) != [], "a checkpoint while paused")
    assert desk.steps() == list(range(1, paused.step + 1))
    assert checkpoints(desk)[-1].step == paused.step
    path = pathlib.Path(checkpoints(desk)[-1].path)
    written = path.stat().st_mtime_ns
    desk.send(Checkpoint())  # nothing new to save: told again, not written again
    desk.until(lambda: len(checkpoints(desk)) == 2, "a second answer")
    assert path.stat().st_mtime_ns == written
    desk.send(Resume())
    desk.until(lambda: len(desk.steps()) > paused.step + 20, "steps after resuming")
    assert desk.steps() == list(range(1, len(desk.steps()) + 1))


def test_a_run_can_start_paused(desk: Desk) -> None:
    desk.start(paused=True)
    assert desk.until_state("paused").step == 0
    desk.send(Step(1))
    desk.until(lambda: desk.history.step == 1 and desk.runner.state == "paused", "one step")
    assert desk.steps() == [1]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_steps_are_counted_exactly_and_the_last_is_measured(desk: Desk, count: int) -> None:
    desk.start(paused=True)
    desk.until_state("paused")
    for turn in (1, 2):
        desk.send(Step(count))
        desk.until(lambda: desk.seen(StateChanged)[-1].step == count * turn, "all steps")  # noqa: B023
        desk.until_state("paused")
        assert desk.steps() == list(range(1, count * turn + 1))
        measured = [r.step for r in desk.seen(GradientReading) if r.source == "training step"]
        assert measured[-1] == count * turn - 1  # steps done before the measured one


def test_no_steps_are_no_steps(desk: Desk) -> None:
    desk.start(paused=True)
    desk.until_state("paused")
    desk.send(Step(0))
    desk.send(Step(-3))
    desk.send(write(3))
    desk.until(lambda: any(each.request == 3 for each in desk.history.samples), "the sample")
    assert desk.steps() == []


def test_a_live_setting_is_echoed_with_its_step_and_takes_effect(desk: Desk) -> None:
    desk.start(paused=True)
    desk.until_state("paused")
    desk.send(Step(5))
    desk.until(lambda: desk.seen(StateChanged)[-1].step == 5, "five steps")
    desk.send(SetLive("clip", 0.25))
    desk.send(SetLive("learning_rate", 0.125))
    desk.until_event(LiveChanged, 2)
    assert desk.seen(LiveChanged) == [
        LiveChanged(5, "clip", 0.25),
        LiveChanged(5, "learning_rate", 0.125),
    ]
    desk.send(Step(2))
    desk.until(lambda: len(desk.steps()) == 7, "two more steps")
    assert desk.history.curves.rate.tolist() == [0.05] * 5 + [0.125] * 2
    assert desk.history.curves.clip.tolist() == [0.0] * 5 + [0.25] * 2


@pytest.mark.parametrize(("name", "value"), [("clip", -1.0), ("seed", 4.0), ("nonsense", 1.0)])
def test_a_refused_setting_is_said_and_the_run_goes_on(
    desk: Desk, name: str, value: float
) -> None:
    desk.start()
    desk.until_event(Metrics)
    desk.send(SetLive(name, value))
    desk.until_event(Failed)
    assert not desk.failed()[0].fatal
    before = len(desk.steps())
    desk.until(lambda: len(desk.steps()) > before, "more steps")
    assert desk.seen(LiveChanged) == []


def test_a_sample_is_written_while_paused(desk: Desk) -> None:
    desk.start(paused=True)
    desk.until_state("paused")
    desk.send(write(41, seed=3))
    desk.until(lambda: desk.history.samples != [], "a sample")
    (sample,) = desk.history.samples
    assert (sample.request, sample.step, sample.seed) == (41, 0, 3)
    assert len(sample.text) == len(sample.probability) == 4
    assert desk.runner.state == "paused"


def test_a_stop_saves_and_the_run_resumes_where_it_was(desk: Desk) -> None:
    desk.start()
    desk.until_event(Metrics, 3)
    desk.send(Stop())
    stopped = desk.until_state("stopped")
    assert desk.steps() == list(range(1, stopped.step + 1))
    assert checkpoints(desk)[-1].step == stopped.step
    assert desk.runner.saved_step == stopped.step
    before = desk.history.curves.seconds[-1]
    desk.start(resume=True, paused=True)
    assert desk.until_state("paused").step == stopped.step
    desk.send(Step(2))
    desk.until(lambda: len(desk.steps()) == 2, "two more steps")
    assert desk.steps() == [stopped.step + 1, stopped.step + 2]
    assert desk.history.curves.seconds[0] > before
    last = stopped.step + 2

    def recorded() -> bool:  # the window hears of a step a moment before its record is written
        return open_run(desk.folder / "rnn-1").curves.steps[-1:].tolist() == [last]

    desk.until(recorded, "the record of the last step")
    record = open_run(desk.folder / "rnn-1")
    assert record.curves.steps.tolist() == list(range(1, stopped.step + 3))


def test_a_new_run_ends_the_one_before_with_a_checkpoint(desk: Desk) -> None:
    desk.start("rnn-1")
    desk.until_event(Metrics, 2)
    desk.start("rnn-2")
    desk.until_event(Metrics, 2)
    assert desk.steps() == list(range(1, len(desk.steps()) + 1))
    runs = {run.name: run for run in list_runs(desk.folder)}
    assert (runs["rnn-1"].state, runs["rnn-1"].live) == ("stopped", False)
    assert (runs["rnn-2"].state, runs["rnn-2"].live) == ("running", True)
    old = open_run(desk.folder / "rnn-1")
    assert old.saved is not None
    assert old.saved.step == old.step == old.curves.steps[-1]


def test_events_of_an_older_run_are_dropped(desk: Desk) -> None:
    desk.start("old")
    desk.until_event(Metrics, 2)
    desk.send(Pause())
    desk.send(write(1))
    desk.folder = desk.folder / "another project"  # where a run may have the same name
    desk.start("old", paused=True)  # what the first one said meanwhile lies in the mailbox
    desk.until_state("paused")
    assert desk.steps() == []
    assert [each.step for each in desk.seen(StateChanged)] == [0] * len(desk.seen(StateChanged))
    assert desk.history.samples == []


def test_the_record_equals_what_was_heard(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=120))
    desk.until_state("finished")
    heard, record = desk.history, open_run(desk.folder / "rnn-1")
    for name in ("steps", "loss", "grad_norm", "rate", "clip", "seconds", "tokens"):
        assert np.array_equal(getattr(record.curves, name), getattr(heard.curves, name)), name
    assert [v.loss for v in record.validations] == [v.loss for v in heard.validations]
    assert [s.text for s in record.samples] == [s.text for s in heard.samples]
    assert (record.state, record.step, record.facts) == ("finished", 120, heard.facts)
    assert (desk.folder / "rnn-1" / "project.seq").read_text("utf-8") == desk.tiny(steps=120)


def test_what_arrives_cannot_be_written_to(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=30))
    desk.until_state("finished")
    arrays = [each.loss for each in desk.seen(Metrics)]
    arrays += [each.probability for each in desk.seen(Sample)]
    arrays += [layer.total_h for each in desk.seen(GradientReading) for layer in each.layers]
    assert len(arrays) >= 3
    assert [array.flags.writeable for array in arrays] == [False] * len(arrays)


def test_a_project_that_is_no_project_fails_and_the_next_run_works(desk: Desk) -> None:
    desk.start(project="{}")
    desk.until_state("failed")
    (failed,) = desk.failed()
    assert failed.fatal
    assert "not a SeqStudio project" in failed.what
    assert failed.trace == ""
    desk.start("rnn-2", project=desk.tiny(steps=10))
    desk.until_state("finished")
    assert desk.steps() == list(range(1, 11))


def test_a_missing_file_is_named(desk: Desk, tmp_path: pathlib.Path) -> None:
    desk.start(project=desk.tiny(kind="text", path=str(tmp_path / "lost.txt")))
    desk.until_state("failed")
    (failed,) = desk.failed()
    assert failed.fatal
    assert "lost.txt" in failed.what + failed.why
    assert desk.steps() == []


def test_a_missing_device_is_named(desk: Desk) -> None:
    desk.start(device="tpu")
    desk.until_state("failed")
    assert "tpu" in desk.failed()[0].what


def test_a_run_of_that_name_is_not_overwritten(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=10))
    desk.until_state("finished")
    desk.start(project=desk.tiny(steps=20))
    desk.until_state("failed")
    assert "already a run" in desk.failed()[0].what
    assert len(open_run(desk.folder / "rnn-1").curves) == 10


def test_resuming_what_was_never_saved_is_said(desk: Desk) -> None:
    desk.start(resume=True)
    desk.until_state("failed")
    assert "no checkpoint" in desk.failed()[0].what


def test_writing_without_a_model_is_said(desk: Desk) -> None:
    desk.start(project=desk.tiny(steps=5))
    desk.until_state("finished")
    desk.send(Stop())
    desk.send(write(1))
    desk.until_event(Failed)
    assert "no model" in desk.failed()[0].what
    assert not desk.failed()[0].fatal
