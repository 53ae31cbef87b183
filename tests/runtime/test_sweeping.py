"""The queue of a sweep: real runs, refusals that end nothing, pauses, crashes, Optuna."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from seqstudio.blocks.settings import declared, edit_of, value_of
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.edits import SetSetting, Together
from seqstudio.document.project import load_project, save_project
from seqstudio.document.sweep import Choices, Plan, Span, SweepError, load_sweep, save_sweep
from seqstudio.runtime import searching, sweeping
from seqstudio.runtime.archive import list_runs, open_run
from seqstudio.runtime.notes import load_notes
from seqstudio.runtime.runner import ThreadRunner
from seqstudio.runtime.supervisor import ProcessRunner
from seqstudio.runtime.sweeping import SweepQueue, begin_sweep, list_sweeps, settings_edit

PATIENCE_S = 45.0
RATE = "training.learning_rate"
ENDLESS = 1e8


@pytest.fixture
def hello():
    """The smallest project that trains, on one thread and without a trial of precisions."""
    fixed = {"threads": 1, "precision": "float32", "warmup": 0}
    edits = tuple(SetSetting("training", name, value) for name, value in fixed.items())
    return Together(edits, "").apply(make("hello-rnn"))


def until(seen, what):
    end = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < end, f"never saw: {what}"
        time.sleep(0.01)


def reached(folder):
    """The last step on record, 0 while there is no record."""
    try:
        return open_run(folder).step
    except RunError:
        return 0


class Working:
    """A queue at work in a thread, with a trainer in another."""

    def __init__(self, folder):
        self.queue = SweepQueue(folder, folder.parent, runner=ThreadRunner())
        self.thread = threading.Thread(target=self.queue.run)
        self.thread.start()

    @property
    def now(self):
        return self.queue.standing

    def end(self):
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        return self.now


def test_inner_settings_are_read_and_set_by_their_full_key() -> None:
    project = make("char-mgu")
    assert value_of(project, "cell.f.width") == 192
    assert declared(project, "cell.f.width").kind == "int"
    changed = edit_of(project, "cell.f.width", "64").apply(project)
    assert changed.graph.blocks["cell"].inside.blocks["f"].params["width"] == 64
    assert value_of(edit_of(project, "training.batch", 4).apply(project), "training.batch") == 4


def test_every_trial_is_an_ordinary_run_and_a_refused_one_ends_nothing(hello, tmp_path) -> None:
    plan = Plan((Choices("rnn.hidden", (4, 6)),), amount=12, seeds=2)
    folder = begin_sweep(tmp_path, hello, plan)
    standing = Working(folder).end()
    assert (standing.phase, standing.done, standing.problem) == ("finished", 4, "")
    runs = {run.name: run for run in list_runs(tmp_path)}
    assert set(runs) == {"rnn-1", "rnn-2", "rnn-3", "rnn-4"}
    for trial in standing.sweep.trials:
        assert (trial.state, trial.step, runs[trial.run].state) == ("done", 12, "finished")
        assert trial.loss == open_run(tmp_path / trial.run).best_validation().loss
        trained = load_project(tmp_path / trial.run / "project.seq")
        assert trained.graph.blocks["rnn"].params["hidden"] == trial.values["rnn.hidden"]
        assert (trained.training.steps, trained.training.seed) == (12, trial.seed)
        assert load_notes(tmp_path / trial.run).tags == ("sweep-1",)
    assert standing.sweep.best().loss == min(trial.loss for trial in standing.sweep.trials)
    assert load_sweep(folder).trials == standing.sweep.trials


def test_what_the_model_cannot_be_is_a_refused_trial_with_the_reason(tmp_path) -> None:
    (tmp_path / "cats.txt").write_text("the cat sat on the mat. " * 120, encoding="utf-8")
    plan = Plan((Choices("transformer.heads", (5, 2)), Choices("gone.width", (3,))), amount=2)
    project = make("char-gpt", "cats.txt")
    small = {"embedding.width": 8, "transformer.layers": 1, "training.window": 8}
    small |= {"training.batch": 2, "training.threads": 1}
    small |= {"training.precision": "float32"}
    project = settings_edit(project, small).apply(project)
    home = tmp_path / "p.runs"
    folder = begin_sweep(home, project, replace(plan, axes=plan.axes[:1]))
    queue = SweepQueue(folder, tmp_path, runner=ThreadRunner())
    refused, done = queue.run().sweep.trials
    assert refused.state == "refused"
    assert "5" in refused.why
    assert "head" in refused.why.lower()
    assert (refused.run, done.state, done.step) == ("", "done", 2)
    folder = begin_sweep(home, project, plan)
    trials = SweepQueue(folder, tmp_path, runner=ThreadRunner()).run().sweep.trials
    assert [trial.state for trial in trials] == ["refused", "refused"]
    assert "gone" in trials[0].why


def test_pause_skip_stop_and_continue_where_it_was(hello, tmp_path) -> None:
    plan = Plan((Choices("rnn.hidden", (4, 6, 8)),), amount=ENDLESS)
    folder = begin_sweep(tmp_path, hello, plan)
    work = Working(folder)
    until(lambda: work.now.step > 20, "the first trial trains")
    work.queue.ask("pause")
    until(lambda: work.now.phase == "paused", "a pause")
    until(lambda: open_run(tmp_path / "rnn-1").state == "paused", "the run is paused")
    assert SweepQueue(folder, tmp_path).run().problem.startswith("sweep-1 is being worked off")
    work.queue.ask("continue")
    until(lambda: open_run(tmp_path / "rnn-1").state == "running", "it goes on")
    work.queue.ask("skip")
    until(lambda: work.now.current == 1 and work.now.step > 20, "the second trial trains")
    work.queue.ask("stop")
    stopped = work.end()
    assert stopped.phase == "stopped"
    assert [t.state for t in stopped.sweep.trials] == ["skipped", "waiting", "waiting"]
    last = stopped.sweep.trials[1].step + 5
    assert last > 25
    # Continue with a budget that ends just after: the plan in the file is what counts.
    sweep = load_sweep(folder)
    save_sweep(replace(sweep, plan=replace(sweep.plan, amount=last)), folder)
    ended = Working(folder).end()
    assert [t.state for t in ended.sweep.trials] == ["skipped", "done", "done"]
    assert ended.sweep.trials[1].run == "rnn-2"
    assert ended.sweep.trials[1].step == last
    steps = open_run(tmp_path / "rnn-2").curves.steps
    assert list(steps) == list(range(1, last + 1)), "one curve, no step twice"


def test_a_killed_sweep_goes_on_from_the_checkpoint_and_repeats_nothing(hello, tmp_path) -> None:
    path = tmp_path / "h.seq"
    save_project(hello, path)
    home = tmp_path / "h.runs"
    words = ["sweep", str(path), "--set", "rnn.hidden=4,6,8", "--steps", "40000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "seqstudio", *words], stderr=subprocess.DEVNULL
    )
    until(lambda: reached(home / "rnn-1") > 50, "the first trial trains")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    folder = home / "sweep-1"
    killed = load_sweep(folder)
    assert [t.state for t in killed.trials] == ["running", "waiting", "waiting"]
    until(lambda: (home / "rnn-1" / "checkpoints" / "latest.json").exists(), "its checkpoint")
    until(lambda: not list_runs(home)[-1].live, "the trainer has left the run")
    last = reached(home / "rnn-1") + 10
    save_sweep(replace(killed, plan=replace(killed.plan, amount=last)), folder)
    ended = Working(folder).end()
    assert [t.run for t in ended.sweep.trials] == ["rnn-1", "rnn-2", "rnn-3"]
    assert {t.step for t in ended.sweep.trials} == {last}
    assert list(open_run(home / "rnn-1").curves.steps) == list(range(1, last + 1))


def test_a_run_that_ended_in_the_moment_of_the_crash_is_not_trained_again(hello, tmp_path) -> None:
    folder = begin_sweep(tmp_path, hello, Plan((Choices("rnn.hidden", (4,)),), amount=5))
    done = Working(folder).end().sweep.trials[0]
    before = (tmp_path / "rnn-1" / "run.db").read_bytes()
    half = replace(done, state="running", loss=math.nan, step=0)
    save_sweep(load_sweep(folder).with_trial(half), folder)
    assert Working(folder).end().sweep.trials == (done,)
    assert (tmp_path / "rnn-1" / "run.db").read_bytes() == before


def test_a_trainer_that_goes_without_a_word_leaves_its_trial_waiting(
    hello, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(sweeping, "GONE_S", 0.2)
    folder = begin_sweep(tmp_path, hello, Plan((Choices("rnn.hidden", (4,)),), amount=ENDLESS))
    runner = ProcessRunner(standby=False)
    queue = SweepQueue(folder, tmp_path, runner=runner)
    thread = threading.Thread(target=queue.run)
    thread.start()
    until(lambda: runner.pids, "a process that loads torch")
    assert runner.close(PATIENCE_S)  # as the end of the program does
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert queue.standing.phase == "stopped"
    assert [trial.state for trial in load_sweep(folder).trials] == ["waiting"]


def test_three_trials_in_a_row_that_do_not_start_end_the_queue(hello, tmp_path) -> None:
    folder = begin_sweep(tmp_path, hello, Plan((Choices("rnn.hidden", (2, 3, 4, 5)),), amount=5))
    queue = SweepQueue(folder, tmp_path, runner=ThreadRunner(), device="warp drive")
    standing = queue.run()
    assert standing.phase == "failed"
    assert standing.problem.startswith("3 trials in a row did not start")
    states = [trial.state for trial in standing.sweep.trials]
    assert states == ["failed", "failed", "failed", "waiting"]


def test_without_optuna_the_sentence_says_what_to_install(hello, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(searching, "has_optuna", lambda: False)
    with pytest.raises(SweepError) as raised:
        begin_sweep(tmp_path, hello, Plan((Span(RATE, 1e-4, 1e-1, True),), "optuna", 4))
    assert "pip install seqstudio[sweep]" in raised.value.sentence()
    assert list_sweeps(tmp_path) == []


def test_optuna_learns_from_what_it_is_told_and_after_a_restart_too(tmp_path) -> None:
    pytest.importorskip("optuna")
    axes = (Span(RATE, 1e-4, 1.0, log=True), Choices("rnn.hidden", (4, 64)))
    plan = Plan(axes, "optuna", trials=24)
    tried = []
    for point in range(24):
        search = searching.Search(tmp_path, plan)  # anew each time, as after a crash
        number, values = search.ask(point)
        assert 1e-4 <= values[RATE] <= 1.0
        assert values["rnn.hidden"] in {4, 64}
        loss = abs(math.log10(values[RATE]) + 2) + (values["rnn.hidden"] == 4)
        search.tell(number, loss)
        search.tell(number, 99.0)  # the second time counts for nothing
        tried.append(loss)
    assert sorted(tried[12:])[6] < sorted(tried[:6])[3], "later ones are better than the first"


def test_a_sweep_by_optuna_writes_down_what_it_was_proposed(hello, tmp_path) -> None:
    pytest.importorskip("optuna")
    plan = Plan((Span("rnn.hidden", 2, 9, whole=True),), "optuna", 3, amount=3, seeds=2)
    folder = begin_sweep(tmp_path, hello, plan)
    trials = Working(folder).end().sweep.trials
    assert [trial.state for trial in trials] == ["done"] * 6
    assert [trial.asked for trial in trials] == [0, 0, 1, 1, 2, 2]
    assert [t.values for t in trials[::2]] == [t.values for t in trials[1::2]]
